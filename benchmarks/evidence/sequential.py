"""Evidence that may be looked at after every row: tests by betting for paired differences of bounded scores.

A gambler who claims that the mean difference is above m stakes the share λ of what is left on every row, at odds that
are fair when the mean is m: a difference D turns 1 into 1 + λ (D - m) / (1 + m), which is at least 1 - λ. If the mean
is at most m, the stake's expected growth is none, whenever one looks, so it ever reaches 1/α with probability at most α
(Ville's inequality). The capital of a fixed mixture of stakes is the e-value; the m whose claim has reached 2/α are
excluded on either side, and the others are an interval that holds at all times together: a confidence sequence.

The mixture is fixed before the first row, so capital depends on which differences were seen, never on their order. It
is narrower where rows seldom differ, needs no normal approximation, and holds for any distribution. Capital is at most
1 at m = mean (Jensen), so the interval always holds the mean.

Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024); Ville, "Étude
critique de la notion de collectif" (1939); Ramdas, Grünwald, Vovk and Shafer, "Game-theoretic statistics and safe
anytime-valid inference", Statistical Science 38 (2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from benchmarks.evidence.inversion import paired_difference
from benchmarks.evidence.records import Interval, PairedDifference

Floats = NDArray[np.float64]

# The best stake is the mean over the mean square of the differences. Between neighbours here it is missed by a factor
# of 1.25 at most, which costs 6 % of the growth; below 0.1 there is too little to win to be seen in thousands of rows.
_STAKES = np.geomspace(0.1, 0.9, 6)
_LOWEST = -1 + 1e-9


def e_value(differences: ArrayLike) -> float:
    """The evidence that the mean of paired `differences`, each in [-1, 1], is above 0; 1 without any.

    If the mean is 0 or less, it is ever 1/α or more, after whichever row, with probability at most α. The order of the
    differences has no say, nor have those that are nan.
    """
    with np.errstate(over="ignore"):
        return float(np.exp(log_e_values(np.asarray(differences, dtype=np.float64)[np.newaxis])[0]))


def log_e_values(differences: ArrayLike, above: float = 0.0) -> Floats:
    """The natural logarithm of the e-value of each row of a table of `differences`: the evidence that their mean is
    `above` this, which is more than -1. What is missing is nan and counts for nothing."""
    table = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    return _log_capital(_ordered(table), above)


def confidence_sequence(winner: Sequence[float], baseline: Sequence[float], level: float = 0.95) -> PairedDifference:
    """The mean difference of scores in [0, 1] so far, with an interval that may be looked at after every row.

    The two sequences run in parallel over at least one row; `level` is in (0, 1). With probability `level` the
    intervals after all rows together hold the true difference, whenever one stops. p inverts the interval: it is twice
    the inverse of the larger e-value of the two directions, so p at a stop is valid, too.
    """
    differences = _ordered(np.array([[ours - theirs for ours, theirs in zip(winner, baseline, strict=True)]]))
    n = differences.shape[1]
    mean = math.fsum(differences[0]) / n
    bar = -math.log((1 - level) / 2)
    evidence = max(float(_log_capital(d, 0.0)[0]) for d in (differences, _ordered(-differences)))
    return paired_difference(
        mean=mean,
        low=_lower_end(differences, mean, bar),
        high=-_lower_end(_ordered(-differences), -mean, bar),
        p=math.exp(min(0.0, math.log(2) - evidence)),
        n=n,
        test="confidence sequence",
        level=level,
    )


def mean_sequence(scores: Sequence[float], level: float = 0.95) -> Interval:
    """The mean of at least one score in [0, 1] so far, with an interval that may be looked at after every row."""
    doubled = confidence_sequence(scores, [1 - score for score in scores], level)  # 2 · score - 1, in [-1, 1]
    mean = math.fsum(scores) / len(scores)
    low, high = min(mean, (doubled.low + 1) / 2), max(mean, (doubled.high + 1) / 2)
    return Interval(mean=mean, low=low, high=high, n=len(scores), level=level)


def _ordered(differences: Floats) -> Floats:
    # Sums of floats depend on the order of their terms; sorted, the terms are always in the same one.
    return np.sort(differences, axis=-1)


def _log_capital(differences: Floats, claimed: float) -> Floats:
    """The logarithm of the capital of a gambler on a mean above `claimed`, for each row of `differences`."""
    gains = (differences - claimed) / (1 + claimed)
    told = np.where(np.isnan(gains), 0.0, gains)
    growth = np.stack([np.log1p(stake * told).sum(axis=-1) for stake in _STAKES])
    return np.asarray(np.logaddexp.reduce(growth, axis=0) - math.log(len(_STAKES)))


def _lower_end(differences: Floats, mean: float, bar: float) -> float:
    """The m, at most `mean`, whose claim the capital has taken to `bar`: a larger m takes it less far."""

    def excess(claimed: float) -> float:
        return min(1e6, float(_log_capital(differences, claimed)[0])) - bar

    if mean <= _LOWEST or excess(_LOWEST) <= 0:
        return -1.0
    found: float = brentq(excess, _LOWEST, mean, xtol=1e-13, rtol=1e-12)
    return found
