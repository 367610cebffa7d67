from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.numeric import Numeric
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.registry import make_metric
from benchmarks.metrics.scoring import check_examples, score_row

Row = Callable[[str], Example]


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ("42", "42.0", 1),
        ("$1,234.50", "1,234.5", 1),
        ("42.1", "42", 0),
        ("-42", "42", 0),
        ("1e3", "1000", 1),
        ("none", "42", 0),
        ("9" * 5000, "9" * 5000, 1),
        ("9" * 5000, "9" * 4999 + "8", 0),
    ],
)
def test_numbers_are_compared_by_value(answer: str, expected: str, score: float, row: Row) -> None:
    assert Numeric().score(answer, row(expected)) == score


def test_the_tolerance_is_absolute_and_includes_its_end(row: Row) -> None:
    metric = Numeric(tolerance=0.1)
    assert metric.score("0.3", row("0.2")) == 1
    assert metric.score("0.31", row("0.2")) == 0


def test_the_relative_tolerance_is_a_share_of_the_expected_number(row: Row) -> None:
    metric = Numeric(relative_tolerance=0.1)
    assert metric.score("-110", row("-100")) == 1
    assert metric.score("-111", row("-100")) == 0


@pytest.mark.parametrize("option", ["tolerance", "relative_tolerance"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_tolerance_must_be_a_number_from_0_on(option: str, value: float) -> None:
    with pytest.raises(MetricError, match=f"'{option}' .* must be 0 or more"):
        make_metric("numeric", {option: value}, ())


@pytest.mark.parametrize("answer", ["unknown", "1/2", ""])
def test_an_expected_answer_that_is_not_one_number_is_refused(answer: str, row: Row) -> None:
    with pytest.raises(MetricError, match=r"rows.csv, line 3: the expected answer .* is not one number"):
        check_examples(Numeric(), [row(answer)])


@pytest.mark.shared
def test_real_answers_are_read_off_real_rationales() -> None:
    path = Path(os.environ.get("WHET_SHARED_DATA", "../shared/data")) / "gsm8k" / "test.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    metric = Numeric()
    for number, content in enumerate(rows, start=1):
        example = Example(id=str(number), inputs={}, answer=content["answer"], slices={}, origin=f"{path}:{number}")
        check_examples(metric, [example])
        reply = f"{content['rationale']}\n\n**Answer:** ${content['answer']}."
        answer = metric.extractor.extract(reply, ReplyFormat(marker="Answer:"))
        assert score_row(metric, answer, example) == 1, example.origin
