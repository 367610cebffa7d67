"""One way in: the right test for a metric, and the right interval for one arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets.records import Example
from benchmarks.errors import DataError
from benchmarks.evidence.bootstrap import Aggregate, Rows, bootstrap_interval, paired_bootstrap
from benchmarks.evidence.intervals import mean_interval
from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.paired_mean import paired_t
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.metrics.protocol import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What one prompt did on each of the compared rows, in parallel: the answer (None where the reply held none) and
    its score in [0, 1]. Raises `DataError` without rows."""

    answers: tuple[str | None, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.answers) != len(self.scores):
            raise ValueError(f"{len(self.answers)} answers but {len(self.scores)} scores: an arm has one each per row")
        if not self.scores:
            raise DataError("No scored rows are left to measure. Give the split at least one row whose reply arrived.")


def compare(
    metric: Metric, winner: Arm, baseline: Arm, examples: Sequence[Example], *, level: float = 0.95, seed: int
) -> PairedDifference:
    """Winner minus baseline on the same rows, with the test that fits the metric.

    Exact McNemar for a mean of 0/1 scores, paired t for the mean of other scores, and for a set function such as
    macro-F1 a paired stratified bootstrap of the function itself, which alone uses `seed`. `examples` run in parallel
    to both arms; `level` is in (0, 1). The winner is better at that level if `low` of the result is above 0.
    """
    _check_parallel(winner, examples)
    _check_parallel(baseline, examples)
    if not metric.mean_of_rows:
        expected = [example.answer for example in examples]
        ours, theirs = _aggregate(metric, winner, examples), _aggregate(metric, baseline, examples)
        return paired_bootstrap(ours, theirs, expected, level=level, seed=seed)
    test = exact_mcnemar if metric.binary else paired_t
    return test(winner.scores, baseline.scores, level)


def summarise(metric: Metric, arm: Arm, examples: Sequence[Example], *, level: float = 0.95, seed: int) -> Interval:
    """What one arm is worth under the metric, with its interval: Wilson's for a mean of 0/1 scores, Student's for the
    mean of other scores, a stratified bootstrap (which alone uses `seed`) for a set function."""
    _check_parallel(arm, examples)
    if not metric.mean_of_rows:
        expected = [example.answer for example in examples]
        return bootstrap_interval(_aggregate(metric, arm, examples), expected, level=level, seed=seed)
    return mean_interval(arm.scores, binary=metric.binary, level=level)


def _check_parallel(arm: Arm, examples: Sequence[Example]) -> None:
    if len(arm.scores) != len(examples):
        raise ValueError(f"an arm of {len(arm.scores)} rows cannot be judged on {len(examples)} examples")


def _aggregate(metric: Metric, arm: Arm, examples: Sequence[Example]) -> Aggregate:
    answers, scores, references = _column(arm.answers), _column(arm.scores), _column(examples)

    def aggregate(rows: Rows) -> float:
        return float(metric.aggregate(answers[rows].tolist(), scores[rows].tolist(), references[rows].tolist()))

    return aggregate


def _column(values: Sequence[object]) -> NDArray[np.object_]:
    """`values` as an array, from which many positions are taken at once much faster than from a tuple."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
