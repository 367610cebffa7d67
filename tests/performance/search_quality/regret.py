"""What a search leaves on the table: its regret on real prompt landscapes.

    python -m tests.performance.search_quality.regret --calls 300 1000 --models vicuna-13b

A pool of 32 instructions, drawn from the paraphrases of one task, is given to an optimization with 300 validation rows
and nothing else to search; the baseline is one of them. A stand-in model answers with each as well as the real model
did (`tests.endpoints.landscape`). The regret is the best true accuracy in the pool less that of the winner, whatever
the proof says of it: the proof has 2 rows only, so that all but 4 calls are for the search.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version

from benchmarks.budget import Caps
from benchmarks.models.protocol import Request
from tests.endpoints.jobs import Job, Respondent, make_task
from tests.endpoints.landscape import Landscape, landscapes, load, rows

POOL = 32
VALIDATION_ROWS = 300
TEST_ROWS = 2
SEEDS = 5

SEARCH = {"demonstrations": {"count": [0]}, "delimiters": ["plain"], "placement": ["system"], "answer_marker": ["none"]}

accuracies = cache(load)


def template(instruction: str) -> str:
    """The template that renders to `instruction`, which may hold braces."""
    return instruction.replace("{{", '{{"{{"}}')


def regret(task: str, model: str, *, calls: int, seed: int) -> float:
    """The regret of one search of `calls` calls, in [0, 1]; everything random follows from `seed`."""
    landscape = Landscape(accuracies(task, model), rows=VALIDATION_ROWS + TEST_ROWS, seed=seed)
    pool = landscape.pool(POOL, seed)
    templates = [template(instruction) for instruction in pool]
    job = Job(
        task=make_task(
            [{"text": row["text"], "label": row["label"]} for row in rows(VALIDATION_ROWS + TEST_ROWS, seed)],
            split={"train": 0, "validation": VALIDATION_ROWS, "test": TEST_ROWS, "seed": seed},
            prompt={"instruction": templates[0]},
            candidates={"instructions": templates},
            search=SEARCH,
        ),
        caps=Caps(calls=calls + 2 * TEST_ROWS),
        seed=seed,
    )

    def respond(request: Request) -> str:
        return landscape.answer([{"role": m.role, "content": m.content} for m in request.messages])

    result = job.run(Respondent(respond=respond))
    winner = pool[templates.index(result.outcome.winner.prompt.factors["instruction"])]
    return max(map(landscape.true_accuracy, pool)) - landscape.true_accuracy(winner)


def mean_regret(model: str, *, calls: int, seeds: Sequence[int] = range(SEEDS)) -> float:
    """The mean over all tasks and `seeds`."""
    tasks = sorted({task for task, known in landscapes() if known == model})
    return statistics.fmean(regret(task, model, calls=calls, seed=seed) for task in tasks for seed in seeds)


def report(models: Sequence[str], calls: Sequence[int], seeds: int) -> Iterator[str]:
    """A table of mean regrets, line by line as they are known: one row a model, one column a number of calls."""
    yield (
        f"Mean regret over LMentry's tasks and seeds 0 to {seeds - 1}, {POOL} instructions, {VALIDATION_ROWS} rows.\n"
        f"Python {platform.python_version()}, numpy {version('numpy')}, whet {version('whet')}."
    )
    yield f"{'model':24}" + "".join(f"{number:>8}" for number in calls) + f"{'seconds':>10}"
    table = []
    for model in models:
        started = time.perf_counter()
        table.append([mean_regret(model, calls=number, seeds=range(seeds)) for number in calls])
        yield _row(model, table[-1]) + f"{time.perf_counter() - started:10.1f}"
    yield _row("all", [statistics.fmean(column) for column in zip(*table, strict=True)])


def _row(name: str, regrets: Sequence[float]) -> str:
    return f"{name:24}" + "".join(f"{value:8.4f}" for value in regrets)


def main() -> None:
    models = sorted({model for _, model in landscapes()})
    parser = argparse.ArgumentParser(prog="python -m tests.performance.search_quality.regret")
    parser.add_argument("--models", nargs="+", default=models, choices=models, metavar="MODEL")
    parser.add_argument("--calls", nargs="+", type=int, default=[300, 600, 1000, 2000], help="calls of the search")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    for line in report(options.models, options.calls, options.seeds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
