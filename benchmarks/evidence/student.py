"""Student's t for bounded values, made safe for few rows and for rows that are all alike.

A t interval around identical rows has no width, and around a handful of nearly identical rows hardly any. Yet n rows
say nothing about a share u of all possible rows that n draws would miss with probability α/2, u = 1 - (α/2)^(1/n),
about 3.7/n at the level 0.95. If values there are as extreme as `lowest` or `highest`, the mean is
(1 - u) · mean + u · lowest or highest. Limits here are the wider of the t limit and this one, which for rows that are
all 1 is the Clopper-Pearson limit.

The p that belongs to it follows from an exact bound: if values between -reach and reach have mean 0, then n rows are
all equal to d with probability at most (1 + |d| / reach)^-n.

The skew of a mean's own distribution moves the t statistic by skew (2 t² + 1) / 6, to first order: Johnson, "Modified t
tests and confidence intervals for asymmetrical populations", JASA 73 (1978); Hall, "On the removal of skewness by
transformation", JRSS B 54 (1992). It is allowed for where it widens the interval, and ignored where it would narrow it.
"""

from __future__ import annotations

import math

from scipy.special import stdtr, stdtrit


def student_limits(
    mean: float,
    standard_error: float,
    *,
    degrees: float,
    n: int,
    level: float,
    lowest: float,
    highest: float = 1.0,
    skew: float = 0.0,
) -> tuple[float, float]:
    """The confidence limits of a mean of `n` rows when rows not seen lie between `lowest` and `highest`.

    `degrees` of freedom of the standard error; 0 when it could not be estimated (one row). `skew` is that of the mean,
    not that of the rows. The limits may lie outside of the range of the values; their distance is above 0.
    """
    tail = (1 - level) / 2
    t = -float(stdtrit(degrees, tail)) if degrees else 0.0
    unseen = 1 - tail ** (1 / n)
    low = min(mean - _skewed(t, -skew) * standard_error, (1 - unseen) * mean + unseen * lowest)
    high = max(mean + _skewed(t, skew) * standard_error, (1 - unseen) * mean + unseen * highest)
    return low, high


def student_p(
    mean: float, standard_error: float, *, degrees: float, n: int, reach: float = 1.0, skew: float = 0.0
) -> float:
    """The two-sided p, in [0, 1], of the hypothesis that a mean difference is 0 when rows not seen lie between -`reach`
    and `reach`. The limits with these as `lowest` and `highest` exclude 0 exactly when p ≤ 1 - level."""
    adverse = -skew if mean > 0 else skew
    t_test = 2 * float(stdtr(degrees, -_straight(abs(mean) / standard_error, adverse))) if standard_error > 0 else 0.0
    return max(min(1.0, t_test), min(1.0, 2 * (1 + abs(mean) / reach) ** -n))


def _skewed(t: float, skew: float) -> float:
    """How many standard errors away the limit of a quantile `t` is when the far side has this skew."""
    return t + max(0.0, skew) * (2 * t**2 + 1) / 6


def _straight(t: float, skew: float) -> float:
    """The quantile whose limit is `t` standard errors away: the inverse, 0 if there is none above."""
    skew = max(0.0, skew)
    beyond = max(0.0, t - skew / 6)
    return 2 * beyond / (1 + math.sqrt(1 + 4 * skew / 3 * beyond))
