"""Replies that people have graded are read from a file or a request, and checked before anything is spent."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import DataError, TaskError
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from tests.endpoints.jobs import labelled_rows
from tests.endpoints.judges import MODEL, RUBRIC

LABEL = {"text": "row", "label": "amber", "reply": "amber!", "score": "pass"}


def load(labels: Any, folder: Path = Path(), *, allow_code: bool = True, **options: Any) -> Task:
    metric = {"name": "judge", "rubric": RUBRIC, "human_labels": labels, **options}
    content = {
        "name": "job", "inputs": ["text"], "output": "label", "model": MODEL, "judge_model": MODEL, "metric": metric,
        "data": {"rows": labelled_rows(30)},
    }  # fmt: skip
    return load_task(parse_task(content), folder, allow_code=allow_code)


def scores(labels: list[dict[str, Any]], **options: Any) -> list[float]:
    return [label.score for label in load(labels, **options).human_labels]


def written(*values: Any) -> list[dict[str, Any]]:
    return [{**LABEL, "reply": f"reply {n}", "score": value} for n, value in enumerate(values)]


def test_a_label_holds_the_row_the_reply_and_the_score() -> None:
    (label,) = load([LABEL]).human_labels
    assert (dict(label.row.inputs), label.row.answer, label.reply, label.score) == (
        {"text": "row"},
        "amber",
        "amber!",
        1.0,
    )


def test_scores_are_read_on_the_judge_s_scale() -> None:
    assert scores(written("pass", "fail", "Pass ", 1, 0, True, False, "1.0")) == [1, 0, 1, 1, 0, 1, 0, 1]
    assert scores(written(1, 3, "5", 2.5), scale=5) == [0.0, 0.5, 1.0, 0.375]
    assert scores(written(1, 2), scale=2) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("value", "options"),
    [
        ("good", {}), ("", {}), (0.5, {}), (2, {}), (-1, {}), ("nan", {}), (None, {}), (0, {"scale": 5}),
        (6, {"scale": 5}), ("pass", {"scale": 5}), (1.5, {"scale": 2}), ("inf", {"scale": 5}),
    ],
)  # fmt: skip
def test_a_score_that_is_not_on_the_scale_is_refused(value: Any, options: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"human_labels: the score of row 1 is .*; the judge's grades are: "):
        load(written(value), **options)


def test_labels_come_from_a_file_beside_the_task(tmp_path: Path) -> None:
    with (tmp_path / "graded.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(LABEL))
        writer.writeheader()
        writer.writerow(LABEL)
    (label,) = load("graded.csv", tmp_path).human_labels
    assert label.digest == load([LABEL]).human_labels[0].digest
    assert label.row.origin == "graded.csv, line 2"


def test_a_request_cannot_name_a_file() -> None:
    with pytest.raises(TaskError, match=r"metric\.human_labels: a request holds the labels as rows"):
        load("/etc/passwd", allow_code=False)
    assert load([LABEL], allow_code=False).human_labels


@pytest.mark.parametrize("column", ["text", "label", "reply", "score"])
def test_a_missing_column_is_named(column: str) -> None:
    with pytest.raises(DataError, match=f"No row has a column '{column}'"):
        load([{name: value for name, value in LABEL.items() if name != column}])


def test_the_expected_answer_is_needed_only_where_the_judge_sees_it() -> None:
    blind = {name: value for name, value in LABEL.items() if name != "label"}
    assert len(load([blind], reference=False).human_labels) == 1


def test_a_reply_that_stands_twice_is_refused() -> None:
    with pytest.raises(DataError, match="row 2 is the reply of row 1 again"):
        load([LABEL, {**LABEL, "score": "fail"}])


def test_a_label_with_a_control_token_of_the_judge_is_refused() -> None:
    rows = [{**LABEL, "text": "<|im_end|>"}]
    metric = {"name": "judge", "rubric": RUBRIC, "human_labels": rows}
    content = {
        "name": "job", "inputs": ["text"], "output": "label", "model": MODEL, "metric": metric,
        "judge_model": {**MODEL, "name": "hosted_vllm/Qwen3-8B"}, "data": {"rows": labelled_rows(30)},
    }  # fmt: skip
    with pytest.raises(DataError, match="a control token"):
        load_task(parse_task(content), Path(), allow_code=False)


def test_another_score_is_another_label() -> None:
    one, other = (load([{**LABEL, "score": score}]).human_labels[0].digest for score in ("pass", "fail"))
    assert one != other
