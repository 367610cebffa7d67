"""The paired test for scores between 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.evidence.inversion import paired_difference
from benchmarks.evidence.records import PairedDifference
from benchmarks.evidence.student import student_limits, student_p
from benchmarks.evidence.weights import log_chance_below, lower_limit


def paired_t(winner: Sequence[float], baseline: Sequence[float], level: float = 0.95) -> PairedDifference:
    """The mean difference of scores in [0, 1], with Student's paired t test and the interval that inverts it.

    The two sequences run in parallel over at least one row; `level` is at least 0.5. Three things are not taken for
    certain. Skew: where rare large differences make the t test too sure, p and limits are those of randomly weighted
    rows (`benchmarks.evidence.weights`). Few rows, or rows that differ almost alike: the test reckons that rows not
    seen may lose as much as any row seen has won or lost (`benchmarks.evidence.student`), so six rows are the fewest
    that reach p ≤ 0.05. And the other end of the interval, which the test does not decide, or both ends if it decides
    none, reckon with a row that differs by 1.
    """
    differences = np.array([ours - theirs for ours, theirs in zip(winner, baseline, strict=True)])
    n = differences.size
    mean = float(differences.mean())
    standard_error = float(differences.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    reach = float(np.abs(differences).max()) or 1.0
    p = max(
        student_p(mean, standard_error, degrees=n - 1, n=n, reach=reach),
        2 * math.exp(min(log_chance_below(differences), log_chance_below(-differences))),
    )
    rejected = p <= 1 - level
    low, high = student_limits(
        mean,
        standard_error,
        degrees=n - 1,
        n=n,
        level=level,
        lowest=-reach if rejected and mean > 0 else -1.0,
        highest=reach if rejected and mean < 0 else 1.0,
    )
    low = lower_limit(differences, (1 - level) / 2, at_most=low)
    high = -lower_limit(-differences, (1 - level) / 2, at_most=-high)
    return paired_difference(mean=mean, low=low, high=high, p=p, n=n, test="paired t", level=level)
