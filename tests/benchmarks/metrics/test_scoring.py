from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.own import FunctionMetric
from benchmarks.metrics.scoring import score_row

Row = Callable[[str], Example]


def metric_of(function: Callable[[str, str], float]) -> FunctionMetric:
    return FunctionMetric(name="own", function=function)


def test_a_reply_without_an_answer_scores_0_unseen_by_the_metric(row: Row) -> None:
    assert score_row(metric_of(lambda answer, expected: 1.0), None, row("x")) == 0


def test_a_metric_that_raises_names_the_row_and_keeps_the_cause(row: Row) -> None:
    with pytest.raises(MetricError, match=r"rows.csv, line 3: the metric 'own' failed .* ZeroDivisionError") as caught:
        score_row(metric_of(lambda answer, expected: 1 / 0), "x", row("x"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("score", [-0.1, 1.1, math.nan, None, "1"])
def test_a_score_outside_0_to_1_names_the_row(score: float, row: Row) -> None:
    with pytest.raises(MetricError, match=r"line 3: .* returned .*; a score must be a number in \[0, 1\]"):
        score_row(metric_of(lambda answer, expected: score), "x", row("x"))


@pytest.mark.parametrize("score", [True, 1, 0.25])
def test_any_number_is_a_score(score: float, row: Row) -> None:
    value = score_row(metric_of(lambda answer, expected: score), "x", row("x"))
    assert value == float(score)
    assert type(value) is float


def test_a_binary_metric_may_only_return_0_or_1(row: Row) -> None:
    metric = metric_of(lambda answer, expected: 0.5)
    metric.binary = True
    with pytest.raises(MetricError, match="a score must be 0 or 1"):
        score_row(metric, "x", row("x"))
