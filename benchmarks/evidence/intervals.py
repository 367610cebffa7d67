"""Confidence intervals for one prompt's mean score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from benchmarks.evidence.records import Interval
from benchmarks.evidence.student import student_limits


def mean_interval(scores: Sequence[float], *, binary: bool, level: float = 0.95) -> Interval:
    """The mean of at least one row score in [0, 1] with its interval; `binary` says that all are 0 or 1."""
    return proportion(scores, level) if binary else bounded_mean(scores, level)


def proportion(scores: Sequence[float], level: float = 0.95) -> Interval:
    """The share of ones among scores that are 0 or 1, with Wilson's score interval.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). It has width for
    every n and every share: 1 of 1 gives [0.21, 1].
    """
    n = len(scores)
    share = sum(scores) / n
    z = float(ndtri((1 + level) / 2))
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    low, high = max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
    return Interval(mean=share, low=low, high=high, n=n, level=level)


def bounded_mean(scores: Sequence[float], level: float = 0.95) -> Interval:
    """The mean of scores in [0, 1], with Student's t interval clipped to [0, 1].

    Where the rows are few or nearly alike, the interval is widened to what their number allows
    (`benchmarks.evidence.student`): ten rows that all score 1 give [0.69, 1], one row that scores 0.5 gives
    [0.01, 0.99].
    """
    rows = np.asarray(scores, dtype=np.float64)
    n = rows.size
    mean = float(rows.mean())
    standard_error = float(rows.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
    low, high = student_limits(mean, standard_error, degrees=n - 1, n=n, level=level, lowest=0.0)
    return Interval(mean=mean, low=max(0.0, low), high=min(1.0, high), n=n, level=level)
