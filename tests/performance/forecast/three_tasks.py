"""What `--dry-run` forecasts against what a run then spends: `python -m tests.performance.forecast.three_tasks`.

Prints a Markdown table for tasks of `examples/`, some seeds each: support-triage on the bundled model, the others on a
local endpoint that counts tokens with o200k_base, which is not the tokenizer that the forecast uses. Takes some
minutes; `--seeds 1` is shorter.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tiktoken

from benchmarks.models.connect import Endpoint
from benchmarks.models.tokens import token_counter
from benchmarks.tasks.schema import parse_task, read_task_file
from benchmarks.tasks.task import Task, load_task
from service.forecast import forecast
from service.home import open_home
from service.optimize import Settings, run_optimization
from tests.endpoints.keyword import KeywordModel
from tests.endpoints.local import Answer, LocalEndpoint
from tests.endpoints.wire import Reply
from tests.performance.forecast.answers import order_details, support_summaries

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SETTINGS = Settings(environment={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One run: calls and tokens as they were forecast, and as they were spent; `fewest_tokens` and `most_tokens` are
    the span of the forecast."""

    task: str
    model: str
    seed: int
    forecast_calls: int
    spent_calls: int
    forecast_tokens: int
    fewest_tokens: int
    most_tokens: int
    spent_tokens: int

    @property
    def calls_ratio(self) -> float:
        """Forecast over spent."""
        return self.forecast_calls / self.spent_calls

    @property
    def tokens_ratio(self) -> float:
        """Forecast over spent."""
        return self.forecast_tokens / self.spent_tokens


def keywords(task: Task) -> Answer:
    """A model that reads labels and demonstrations in its prompt."""
    model = KeywordModel(labels=task.labels)
    return lambda messages, body: Reply(text=model.answer(messages))


def example(name: str, **fields: Any) -> Task:
    """A task of `examples/`, with `fields` in place of its own."""
    path = EXAMPLES / f"{name}.yaml"
    return load_task(parse_task({**read_task_file(path), **fields}), path.parent, allow_code=False)


def compare(task: Task, model: str) -> Compared:
    """Forecasts `task` and runs it, in a home of its own."""
    foreseen = forecast(task, SETTINGS)
    with TemporaryDirectory() as folder:
        home = open_home({"WHET_HOME": folder})
        spent = asyncio.run(run_optimization(task, home, SETTINGS))["spent"]
        home.engine.dispose()
    return Compared(
        task=task.name,
        model=model,
        seed=task.spec.seed,
        forecast_calls=foreseen.spent.calls,
        spent_calls=spent["calls"],
        forecast_tokens=foreseen.spent.amount.tokens,
        fewest_tokens=foreseen.fewest_tokens,
        most_tokens=foreseen.most_tokens,
        spent_tokens=spent["prompt_tokens"] + spent["completion_tokens"],
    )


@contextmanager
def served(answer: Answer) -> Iterator[dict[str, str]]:
    """The model section for a local endpoint that answers by `answer` and counts with o200k_base."""
    token_counter(Endpoint(name="any"))  # Says to tiktoken where its files are.
    encoding = tiktoken.get_encoding("o200k_base")
    with LocalEndpoint(answer, count_tokens=lambda text: len(encoding.encode_ordinary(text))).in_thread() as endpoint:
        yield {"name": "hosted_vllm/local", "api_base": endpoint.url}


def comparisons(seeds: int) -> Iterator[Compared]:
    """All tasks with all seeds."""
    for seed in range(seeds):
        yield compare(example("support-triage", seed=seed), "tiny")
    answers: dict[str, tuple[str, Answer]] = {
        "support-triage": ("keyword model", keywords(example("support-triage"))),
        "order-details": ("pattern model", order_details),
        "support-summaries": ("excerpt model", support_summaries),
    }
    for name, (model, answer) in answers.items():
        for seed in range(seeds):
            with served(answer) as section:
                yield compare(example(name, seed=seed, model=section), model)


def main() -> None:
    """Prints the table: every run, and the runs of each task together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print("| task | model | seed | calls forecast | spent | ratio | tokens forecast | span | spent | ratio |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for _, group in itertools.groupby(comparisons(options.seeds), key=lambda run: (run.task, run.model)):
        runs = []
        for run in group:
            runs.append(run)
            print(
                f"| {run.task} | {run.model} | {run.seed} "
                f"| {run.forecast_calls} | {run.spent_calls} | {run.calls_ratio:.2f} | {run.forecast_tokens} "
                f"| {run.fewest_tokens} to {run.most_tokens} | {run.spent_tokens} | {run.tokens_ratio:.2f} |",
                flush=True,
            )
        calls = sum(run.forecast_calls for run in runs) / sum(run.spent_calls for run in runs)
        tokens = sum(run.forecast_tokens for run in runs) / sum(run.spent_tokens for run in runs)
        print(f"| {runs[0].task} | {runs[0].model} | all | | | {calls:.2f} | | | | {tokens:.2f} |", flush=True)


if __name__ == "__main__":
    main()
