"""The main job on real rows: it ends with a card, and the same job in another home has the same numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command import Launcher, Workplace
from tests.end_to_end.interruption import untimed
from tests.endpoints.keyword import KeywordModel
from tests.endpoints.landscape import Landscape, load, rows
from tests.endpoints.local import Answer, LocalEndpoint
from tests.endpoints.shared import data_folder, landscapes_folder
from tests.endpoints.wire import Json, Reply

pytestmark = pytest.mark.shared

INTENTS = (
    "card acceptance", "card arrival", "card delivery estimate", "card linking", "card not working",
    "card payment fee charged",
)  # fmt: skip


def read(*names: str) -> list[dict[str, str]]:
    path = data_folder().joinpath(*names)
    if not path.is_file():
        pytest.skip(f"there is no labelled data at {path}")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run_twice(
    make_answer: Callable[[], Answer],
    labelled: Sequence[dict[str, str]],
    folder: Path,
    launcher: Launcher,
    task: Json,
) -> dict[str, Any]:
    """The result of a task on these rows, once a second run in a home of its own has come to the same."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in labelled]
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    results = []
    for name in ("first", "second"):
        workplace = Workplace(folder=folder, launcher=launcher, environment={"WHET_HOME": name})
        with LocalEndpoint(make_answer()).in_thread() as endpoint:
            model = {"name": "hosted_vllm/local", "api_base": endpoint.url, "identity": "stand-in"}
            workplace.write_task({**task, "data": {"path": "rows.jsonl"}, "model": model})
            finished = workplace.run("optimize", "task.yaml", "--json", f"{name}.json")
            result = json.loads((folder / f"{name}.json").read_bytes())
            assert result["spent"]["calls"] == endpoint.answered <= task["budget"]["calls"]
            assert endpoint.answered_again == 0
            assert result["why"] in finished.out
            results.append(untimed(result))
    assert results[0] == results[1]
    return results[0]


def test_banking77_with_a_model_that_reads_keywords(tmp_path: Path, launcher: Launcher) -> None:
    labelled = [row for row in read("banking77", "test.jsonl") if row["label"] in INTENTS]
    model = KeywordModel(labels=INTENTS)
    result = run_twice(
        lambda: lambda messages, body: Reply(text=model.answer(messages)),
        labelled,
        tmp_path,
        launcher,
        {
            "name": "intents",
            "description": "Find the intent of a bank customer's message.",
            "inputs": ["text"],
            "output": "label",
            "metric": "accuracy",
            "prompt": {"instruction": "What does this customer want?"},
            "budget": {"calls": 300},
        },
    )
    assert result["decision"] == "promote"
    assert result["evidence"]["baseline"]["mean"] == 0.0  # it does not say which answers there are


class Standin:
    """Answers the rows of a two-valued task, right as often as a landscape says of the instruction."""

    def __init__(self, landscape: Landscape, labelled: Sequence[dict[str, str]]) -> None:
        self._landscape = landscape
        self._labelled = labelled
        self._truth = [row["label"] for row in rows(len(labelled), seed=0)]
        self._other = {"True": "False", "False": "True"}

    def __call__(self, messages: list[Json], body: Json) -> Reply:
        question = messages[-1]["content"]
        ends = [(question.rfind(row["input"]) + len(row["input"]), len(row["input"])) for row in self._labelled]
        found = [position if position[0] >= position[1] else (-1, 0) for position in ends]
        number = found.index(max(found))
        item = {"role": "user", "content": f"{question} item {number:04d}"}
        right = self._landscape.answer([*messages[:-1], item]) == self._truth[number]
        target = self._labelled[number]["target"]
        return Reply(text=target if right else self._other[target])


def test_a_big_bench_hard_task_with_a_model_whose_prompts_differ_as_real_ones_do(
    tmp_path: Path, launcher: Launcher
) -> None:
    """The paraphrases and their accuracies are those of flan-t5-large on an LMentry task; rows and answers are of
    BIG-Bench Hard."""
    if not landscapes_folder().is_dir():
        pytest.skip(f"there are no landscapes at {landscapes_folder()}")
    labelled = read("bbh", "boolean_expressions.jsonl")
    accuracy = {text: share for text, share in load("any_words_from_category", "flan-t5-large").items() if share > 0.3}
    landscape = Landscape(accuracy, rows=len(labelled), seed=0)
    pool = landscape.pool(12, seed=0)
    baseline = min(pool, key=landscape.true_accuracy)
    result = run_twice(
        lambda: Standin(landscape, labelled),
        labelled,
        tmp_path,
        launcher,
        {
            "name": "boolean-expressions",
            "inputs": ["input"],
            "output": "target",
            "metric": "exact_match",
            "prompt": {"instruction": baseline},
            "candidates": {"instructions": pool},
            "search": {
                "demonstrations": {"count": [0]}, "delimiters": ["plain"], "placement": ["system"],
                "answer_marker": ["none"],
            },
            "budget": {"calls": 400},
        },
    )  # fmt: skip
    winner = result["winner"]["factors"]["instruction"]
    assert result["decision"] == "promote"
    assert landscape.true_accuracy(winner) > landscape.true_accuracy(baseline) + 0.1
    assert result["evidence"]["winner"]["low"] < landscape.true_accuracy(winner) < result["evidence"]["winner"]["high"]
