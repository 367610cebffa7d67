"""The exact paired test for 0/1 scores, and the interval that belongs to it.

Only discordant rows tell two prompts apart: `wins` are rows the winner alone has right, `losses` rows the baseline
alone has right. The difference is (2π - 1) ψ, with ψ the share of discordant rows and π the share of wins among them.
Both counts are binomial (the wins given the number of discordant rows), so both shares have Clopper-Pearson limits.

The lower end is the smallest (2π - 1) ψ when π is moved to its limit at z cos θ standard normal deviations and ψ to
its limit at z sin θ, over all θ from 0 to a right angle; z is the deviation of the level, 1.96 for 0.95. The upper end
is the mirror image. Three properties:

- It inverts the exact test. At θ = 0 π moves alone and in full, which is where the exact McNemar test rejects π = 1/2;
  and as ψ is positive, the product has the sign of 2π - 1. So the interval excludes 0 exactly when p ≤ 1 - level.
- It covers. Enumerating the trinomial over grids of both shares, for 1 to 100 rows at levels from 0.8 to 0.999 and
  up to 400 rows at 0.95, the true difference was inside at least as often as the level says; the tests repeat a part.
- It is narrow: at most 15 % wider than Tango's score interval on 50 rows or more and 20 % on 20, where the corner of
  the two full limits (cos θ and sin θ both 1) would be 25 to 55 % wider. Tango's own does not agree with the exact test
  about 0, and on 20 rows its 95 % can be 90 %.

McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12 (1947);
Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934); Tango, "Equivalence test and
confidence interval for the difference in proportions for the paired-sample design", Statistics in Medicine 17 (1998).
Adding the deviations of two separate intervals in squares is the idea of Zou and Donner, "Construction of confidence
limits about effect measures", Statistics in Medicine 27 (2008).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaincinv, ndtr, ndtri

from benchmarks.evidence.inversion import paired_difference
from benchmarks.evidence.records import PairedDifference

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# 65 directions find the extreme to one part in ten thousand of the half width.
_DIRECTIONS = np.linspace(0.0, np.pi / 2, 65)


def exact_mcnemar(winner: Sequence[float], baseline: Sequence[float], level: float = 0.95) -> PairedDifference:
    """The difference of two prompts' 0/1 scores, with the exact two-sided McNemar test.

    The two sequences run in parallel over at least one row; `level` is in (0, 1). Without discordant rows p is 1 and
    the interval, about ± 3.7/n at the level 0.95, is what n rows of agreement allow.
    """
    pairs = list(zip(winner, baseline, strict=True))
    wins = sum(ours > theirs for ours, theirs in pairs)
    losses = sum(ours < theirs for ours, theirs in pairs)
    low, high = difference_limits(wins, losses, len(pairs), level)
    return paired_difference(
        mean=(wins - losses) / len(pairs),
        low=float(low),
        high=float(high),
        p=2 * float(bdtr(min(wins, losses), wins + losses, 0.5)),
        n=len(pairs),
        test="exact McNemar",
        level=level,
    )


def difference_limits(wins: ArrayLike, losses: ArrayLike, n: int, level: float) -> tuple[Floats, Floats]:
    """The lower and upper confidence limits of the difference, for counts of any common shape, out of `n` rows."""
    ours, theirs = np.asarray(wins, dtype=np.int64), np.asarray(losses, dtype=np.int64)
    tail = (1 - level) / 2
    return _lower_end(ours, theirs, n, tail), -_lower_end(theirs, ours, n, tail)


def _lower_end(wins: Counts, losses: Counts, n: int, tail: float) -> Floats:
    discordant = wins + losses
    z = ndtri(tail)
    directions = _DIRECTIONS.reshape(-1, *[1] * discordant.ndim)
    skew = 2 * _lower_limit(wins, discordant, ndtr(z * np.cos(directions))) - 1
    # An advantage is smallest with few discordant rows, a disadvantage with many: the upper limit of the share of
    # discordant rows is one less the lower limit of the share of the others.
    counted = np.where(skew > 0, discordant, n - discordant)
    limit = _lower_limit(counted, n, ndtr(z * np.sin(directions)))
    share = np.where(skew > 0, limit, 1 - limit)
    return np.asarray((skew * share).min(axis=0))


def _lower_limit(successes: Counts, trials: Counts | int, tail: Floats) -> Floats:
    """Clopper and Pearson's lower limit of a share, 0 without successes."""
    limit = betaincinv(np.maximum(successes, 1), trials - successes + 1, tail)
    return np.where(successes > 0, limit, 0.0)
