"""Student's t for bounded scores, made safe for few rows and for rows that are all alike.

A t interval around identical rows has no width, and around a handful of nearly identical rows hardly any. Yet n rows
say nothing about a share u of the population that n draws would miss with probability α/2, u = 1 - (α/2)^(1/n), about
3.7/n at the level 0.95; and scores being bounded, that share can move the mean to (1 - u) · mean + u · bound. Limits
here are therefore the wider of the t limit and this one. For rows that are all 1 it is the Clopper-Pearson limit, and
in general it inverts an exact bound: if a difference in [-1, 1] has mean 0, then n rows are all equal to d with
probability at most (1 + |d|)^-n. It is the wider one only where the standard deviation of the rows is below 1.9/√n.
"""

from __future__ import annotations

from scipy.special import stdtr, stdtrit


def student_limits(
    mean: float, standard_error: float, *, degrees: int, n: int, level: float, lowest: float
) -> tuple[float, float]:
    """The confidence limits of a mean of `n` rows that lies between `lowest` (0 for scores, -1 for differences) and 1.

    `degrees` of freedom of the standard error; 0 when it could not be estimated (one row). Never of zero width.
    """
    tail = (1 - level) / 2
    half = -float(stdtrit(degrees, tail)) * standard_error if degrees else 0.0
    unseen = 1 - tail ** (1 / n)
    low = min(mean - half, (1 - unseen) * mean + unseen * lowest)
    high = max(mean + half, (1 - unseen) * mean + unseen)
    return max(lowest, min(low, mean)), min(1.0, max(high, mean))


def student_p(mean: float, standard_error: float, *, degrees: int, n: int) -> float:
    """The two-sided p, in [0, 1], of the hypothesis that a mean difference is 0: `student_limits` inverts it."""
    t_test = 2 * float(stdtr(degrees, -abs(mean) / standard_error)) if standard_error > 0 else 0.0
    return max(t_test, min(1.0, 2 * (1 + abs(mean)) ** -n))
