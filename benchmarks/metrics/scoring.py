"""Scoring rows: the one place where a metric's mistakes become errors that name the row.

Metrics may be the user's own code, so anything can come out of them. It stops the job with the row that broke it:
a metric that fails silently would make a bad prompt of a good one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Real
from typing import NoReturn, Protocol, runtime_checkable

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.protocol import Metric


@runtime_checkable
class ChecksExamples(Protocol):
    """A metric that can tell, before any call is spent, whether an expected answer is of its kind."""

    def check(self, example: Example) -> None:
        """Raises MetricError, naming `example.origin`, if no reply could be scored on `example`."""
        ...


def check_examples(metric: Metric, examples: Iterable[Example]) -> None:
    """Lets `metric` check all `examples`, if it can.

    Raises MetricError for the first row whose expected answer the metric cannot use.
    """
    if isinstance(metric, ChecksExamples):
        for example in examples:
            with explained(f"{example.origin}: the metric {metric.name!r} could not check the row"):
                metric.check(example)


def score_row(metric: Metric, answer: str | None, example: Example) -> float:
    """What `answer` is worth on `example`, in [0, 1]; 0 for None, a reply out of which no answer could be taken.

    Raises MetricError, naming the row, if the metric raises or returns anything but a number in [0, 1] (only 0 or 1
    if it says it is binary).
    """
    if answer is None:
        return 0.0
    try:
        score = metric.score(answer, example)
    except Exception as error:
        _explain(error, f"{example.origin}: the metric {metric.name!r} failed on this row")
    if not isinstance(score, Real) or not 0 <= float(score) <= 1 or (metric.binary and score not in (0, 1)):
        allowed = "0 or 1" if metric.binary else "a number in [0, 1]"
        raise MetricError(
            f"{example.origin}: the metric {metric.name!r} returned {score!r} on this row; a score must be {allowed}."
        )
    return float(score)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns whatever foreign code raises into a MetricError that begins with `what`; MetricErrors pass as they are."""
    try:
        yield
    except Exception as error:
        _explain(error, what)


def _explain(error: Exception, what: str) -> NoReturn:
    if isinstance(error, MetricError):
        raise error
    raise MetricError(f"{what}: {type(error).__name__}: {error}") from error
