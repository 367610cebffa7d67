"""What n rows say about a mean, whatever their distribution: rows get random weights instead of a normal approximation.

Weights that are uniform over all ways to divide 1 among the rows (Dirichlet weights: exponential variables over their
sum) make the weighted mean a random variable whose quantiles are confidence limits: Rubin, "The Bayesian bootstrap",
Annals of Statistics 9 (1981). Unlike Student's they follow the skew of the rows: when 8 of 400 rows lose a point and
the others tie, the limits are those of a count of 8. Among rows of 1, 0 and -1 the chance that the mean is 0 or less is
exactly that of the sign test with one win fewer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, ndtri_exp

Floats = NDArray[np.float64]

# Values this much smaller than the largest are rounding.
_NOTHING = 1e-12
# The steps of the contour integral, on which its error is about one part in 10^8.
_STEP = 0.16
_NEAR, _FAR = np.split(np.arange(70) * _STEP, [20])


def log_chance_below(values: ArrayLike) -> float:
    """The natural logarithm of the probability that the randomly weighted mean of `values` is 0 or less; minus
    infinity if none of them is below 0."""
    unique, counts = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    told = np.abs(unique) > _NOTHING * np.abs(unique).max()
    unique, counts = unique[told], counts[told]
    if not unique.size or unique[-1] < 0:
        return 0.0
    if unique[0] > 0:
        return -math.inf
    return _log_tail(unique / np.abs(unique).max(), counts)


def lower_limit(rows: Floats, tail: float, at_most: float) -> float:
    """The value below which the randomly weighted mean of `rows` lies with probability `tail`, in (0, 0.5), or
    `at_most`, whichever is less. The upper limit is the negative of the lower limit of the negative rows."""
    bottom = float(rows.min())
    if at_most - bottom <= _NOTHING or log_chance_below(rows - at_most) <= math.log(tail):
        return at_most
    target = float(ndtri(tail))

    def excess(limit: float) -> float:
        # On the normal scale the probability is nearly linear in the limit, so that a few steps find it.
        return max(-40.0, min(40.0, float(ndtri_exp(log_chance_below(rows - limit))))) - target

    found: float = brentq(excess, bottom, at_most, xtol=1e-13, rtol=1e-12)
    return found


def _log_tail(values: Floats, counts: NDArray[np.intp]) -> float:
    """The same for different `values`, some above and some below 0, `counts` times each.

    A weighted mean is at most 0 exactly if the sum of value times exponential variable is. That sum has the cumulant
    function K(s) = -Σ count log(1 - value s), and the probability is the integral of exp(K(s)) / s over a vertical line
    (Bromwich) through about the point where K is least: Daniels, "Tail probability approximations", International
    Statistical Review 55 (1987). With steps that grow like sinh the sum of the integrand converges fast.
    """
    least, width = _least(values, counts)
    if abs(least) < width / 2:  # The pole at 0 must not be too near.
        least = math.copysign(width / 2, least)
    peak = -float((counts * np.log1p(-values * least)).sum())
    area = 0.0
    for places in (_NEAR, _FAR):  # Where there are many rows, hardly anything is left far from the real axis.
        line = least + 1j * width * np.sinh(places)
        heights = np.exp(-(counts[:, None] * np.log(1 - values[:, None] * line)).sum(axis=0) - peak)
        parts = (heights / line * np.cosh(places)).real * _STEP * width / math.pi
        area += float(parts.sum())
        if abs(heights[-1]) < 1e-12:
            break
    area -= 1 / least * _STEP * width / math.pi / 2  # The first place is on the real axis and counts half.
    if least < 0:
        return min(0.0, peak + math.log(-area))
    return math.log1p(-min(math.exp(peak) * area, 1 - 1e-16))


def _least(values: Floats, counts: NDArray[np.intp]) -> tuple[float, float]:
    """Where K is least, and the width of K there, by Newton's method. K is a barrier function (self-concordant), so
    steps damped like this stay where it is defined and arrive: Nesterov and Nemirovskii (1994), section 2.2."""
    at = 0.0
    while True:
        ratios = values / (1 - values * at)
        width = 1 / math.sqrt((counts * ratios**2).sum())
        decrement = width * float((counts * ratios).sum())
        if abs(decrement) < 1e-7:
            return at, width
        at -= decrement * width / (1 + (abs(decrement) if abs(decrement) > 0.25 else 0.0))
