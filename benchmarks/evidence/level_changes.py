"""Has the level of a series of nights changed? An e-detector that may be asked after every night.

The value of a night is a mean over rows that the nights share. While nothing changes it is an unknown level, plus the
chance in each row's reply (`sampling`: its variance, estimated within rows), plus a wobble that all rows of a night
share, of unknown standard deviation τ. τ is one of `WOBBLES`; large ones are taken to be rarer (`_PRIOR`), until the
nights themselves say otherwise. The level is integrated out under a flat prior: only differences between nights count.

For each night ν at which the level may have fallen, the likelihood ratio of "fell by δ at ν" to "did not" is, for a
given τ, exp(-m δ (Δ + δ/2)), with Δ the weighted mean after ν less that before, and m = 1 / (1/precision before +
1/precision after). Averaged over δ and over τ as the nights so far have it, it is an e-process that starts at ν: its
expectation is at most 1 whenever one looks. The sum over ν (Shiryaev-Roberts) less the number of nights is a
supermartingale, so in T nights without a change it reaches c with probability at most T / c, and a false alarm is
c nights away on average, or more.

Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", New England Journal
of Statistics in Data Science 2 (2024); Roberts, "A comparison of some control chart procedures", Technometrics 8
(1966).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

Floats = NDArray[np.float64]

# Standard deviations in score units, half an octave apart, so that none is off by more than a fifth.
WOBBLES: Floats = np.array([0.0, 0.0025, 0.0035, 0.005, 0.007, 0.01, 0.014, 0.02, 0.028, 0.04, 0.056])
# Half-normal: up to a point is usual. A flatter prior takes drops in the first nights for wobbles, a narrower one takes
# wobbles of a point for drops.
_USUAL_WOBBLE = 0.008
_PRIOR: Floats = -((WOBBLES / _USUAL_WOBBLE) ** 2) / 2
_PRIOR -= np.log(np.exp(_PRIOR).sum())

# How many nights ago a change may have begun: any at first, later every second, fourth, eighth. What is left out
# only lowers the sum, and what is older is part of the level.
_AGES = np.concatenate([np.arange(128, 64, -8), np.arange(64, 32, -4), np.arange(32, 16, -2), np.arange(16, 0, -1)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Bets:
    """The `sizes` of change to look for, in score units, above 0, and the `stakes` on each, which sum to 1."""

    sizes: Floats
    stakes: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How far the evidence for a change has come: `log_evidence` is the logarithm of the Shiryaev-Roberts sum, `began`
    the night at which it most probably began."""

    log_evidence: float
    began: int


class Series:
    """The epochs of a baseline and the nights since, in order: `values` in score units, the `shares`, in [0, 1], of the
    rows that each rests on, and the variance of each as far as it comes from the chance in single replies (`sampling`,
    above 0). One whose share is 0 is passed over. Nights are counted from 0; the baseline's `epochs` come before, so
    the first of them is number -`epochs`."""

    def __init__(self, values: Floats, shares: Floats, sampling: Floats, *, epochs: int) -> None:
        self.epochs = epochs
        self._seen = shares > 0
        precision = np.where(self._seen[:, np.newaxis], 1 / (sampling[:, np.newaxis] + WOBBLES**2), 0.0)
        self._precision = _running(precision)
        self._first = _running(precision * values[:, np.newaxis])
        self._second = _running(precision * values[:, np.newaxis] ** 2)
        self._logs = _running(np.log(np.where(precision > 0, precision, 1.0)))
        by_share = np.stack([shares, shares * values, shares**2, shares**2 * sampling], axis=1)
        self._by_share = _running(by_share)

    def seen(self, begin: int, end: int) -> int:
        """How many of the nights in [begin, end) count."""
        return int(np.count_nonzero(self._seen[begin + self.epochs : end + self.epochs]))

    def level(self, begin: int, end: int) -> float:
        """The mean of the nights in [begin, end), weighted by their rows; at least one of them counts."""
        shares, values, _, _ = self._within(self._by_share, begin, end)
        return float(values / shares)

    def variances(self, begin: int, end: int) -> Floats:
        """The variance of that mean, for each wobble."""
        shares, _, squares, sampling = self._within(self._by_share, begin, end)
        return np.asarray((sampling + WOBBLES**2 * squares) / shares**2)

    def log_likelihoods(self, begin: int, end: int) -> Floats:
        """How well each wobble explains the nights in [begin, end), if they have one level."""
        precision, first, second, logs = (
            self._within(sums, begin, end) for sums in (self._precision, self._first, self._second, self._logs)
        )
        return np.asarray((logs - np.log(precision) - second + first**2 / precision) / 2)

    def _within(self, sums: Floats, begin: int, end: int) -> Floats:
        return np.asarray(sums[end + self.epochs] - sums[begin + self.epochs])

    def changes(self, begin: int, first: int, end: int, wobbles: Floats, bets: Bets) -> tuple[Change, Change]:
        """The evidence that the level of the nights in [begin, end) fell, and that it rose, at one of the nights from
        `first` on. `wobbles` are the probabilities of the wobbles as all nights so far have them."""
        nights = end - _AGES
        nights = nights[nights >= first] + self.epochs
        nights = nights[self._seen[nights]]
        if not nights.size:
            return (Change(log_evidence=-np.inf, began=end),) * 2
        begin, end = begin + self.epochs, end + self.epochs
        before = self._precision[nights] - self._precision[begin]
        after = self._precision[end] - self._precision[nights]
        weight = before * after / (before + after)
        moved = (self._first[end] - self._first[nights]) / after
        moved = moved - (self._first[nights] - self._first[begin]) / before
        spent = weight[:, :, np.newaxis] * (bets.sizes**2 / 2)
        won = (weight * moved)[:, :, np.newaxis] * bets.sizes
        stakes = wobbles[:, np.newaxis] * bets.stakes
        nights = nights - self.epochs
        return _strongest(nights, -won - spent, stakes), _strongest(nights, won - spent, stakes)


def _strongest(nights: NDArray[np.intp], logs: Floats, stakes: Floats) -> Change:
    most = float(logs.max())
    sums = (np.exp(logs - most) * stakes).sum(axis=(1, 2))
    with np.errstate(divide="ignore"):
        return Change(log_evidence=most + float(np.log(sums.sum())), began=int(nights[np.argmax(sums)]))


def posterior(log_likelihoods: Floats) -> Floats:
    """The probabilities of the wobbles after nights that they explain this well."""
    logs = _PRIOR + log_likelihoods
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def half_width(level: float, variances: Floats, wobbles: Floats) -> float:
    """Half the width of the interval at `level`, in (0, 1), of a normal estimate whose variance is one of `variances`,
    with probabilities `wobbles`."""
    errors = np.sqrt(variances)
    found: float = brentq(
        lambda half: tail(half, variances, wobbles) - (1 - level), 0.0, 12 * float(errors.max()), xtol=1e-12
    )
    return found


def tail(distance: float, variances: Floats, wobbles: Floats) -> float:
    """The probability that such an estimate is further from the truth than `distance`, on either side."""
    return float(2 * (wobbles * ndtr(-distance / np.sqrt(variances))).sum())


def _running(terms: Floats) -> Floats:
    """Sums of the first 0, 1, … rows: the same numbers however many rows follow."""
    return np.concatenate([np.zeros((1, terms.shape[1])), np.cumsum(terms, axis=0)])
