"""How far a judge agrees with people: on the same replies, graded by both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.intervals import mean_interval
from benchmarks.evidence.records import Interval
from benchmarks.records import record

ENOUGH = 50
"""A proof may rest on a judge whose agreement with people is known on at least so many replies."""

RESAMPLES = 2000
RESAMPLES_AT_ONCE = 100

Scores = NDArray[np.float64]


@record
class Agreement:
    """How far a judge agrees with people on `n` replies; `ungraded` more are left out because it gave no verdict.

    On a scale of two grades: `same`, the share of replies on which both give the same, and `kappa`, what of it is
    more than chance (Cohen 1960), in [-1, 1]. On a longer scale: `spearman`, their rank correlation in [-1, 1], and
    `distance`, the mean absolute difference of their scores in [0, 1]. `kappa` and `spearman` are None where they are
    not defined, because people, or the judge, give one grade to all replies.
    """

    n: int
    ungraded: int
    same: Interval | None = None
    kappa: Interval | None = None
    spearman: Interval | None = None
    distance: Interval | None = None

    @property
    def enough(self) -> bool:
        """Whether a proof may rest on this judge."""
        return self.n >= ENOUGH

    def __str__(self) -> str:
        """In words."""
        if self.same is not None:
            return f"the judge agrees with {self.same.mean:.0%} of {self.n} human labels{_shown('kappa', self.kappa)}"
        if self.distance is not None:
            return (
                f"the judge is {self.distance.mean:.2f} of the scale away from {self.n} human labels on average"
                f"{_shown('rank correlation', self.spearman)}"
            )
        return "the judge graded none of the replies that people have graded"


def _shown(name: str, interval: Interval | None) -> str:
    if interval is None:
        return f"; {name} is not defined, because one of them gives all replies one grade"
    return f", {name} {interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def agreement(human: Sequence[float], judge: Sequence[float], *, ungraded: int, binary: bool, seed: int) -> Agreement:
    """The agreement of two parallel sequences of scores in [0, 1].

    Intervals are 95 %: Wilson's for `same`, Student's for `distance`; for kappa and the correlation the percentiles of
    2,000 resamples of the replies, drawn with `seed` (Efron and Tibshirani 1993, ch. 13), which leave out those in
    which they are not defined.
    """
    ours, theirs = np.asarray(human, dtype=np.float64), np.asarray(judge, dtype=np.float64)
    if not ours.size:
        return Agreement(n=0, ungraded=ungraded)
    if binary:
        return Agreement(
            n=ours.size,
            ungraded=ungraded,
            same=mean_interval((ours == theirs).astype(float).tolist(), binary=True),
            kappa=_resampled(_kappa, ours, theirs, seed),
        )
    return Agreement(
        n=ours.size,
        ungraded=ungraded,
        spearman=_resampled(_spearman, ours, theirs, seed),
        distance=mean_interval(np.abs(ours - theirs).tolist(), binary=False),
    )


def _kappa(ours: Scores, theirs: Scores) -> Scores:
    """Cohen's kappa of scores that are 0 or 1, along the last axis; nan where chance alone makes them agree."""
    yes, again = ours.mean(axis=-1), theirs.mean(axis=-1)
    by_chance = yes * again + (1 - yes) * (1 - again)
    return _ratio((ours == theirs).mean(axis=-1) - by_chance, 1 - by_chance)


def _spearman(ours: Scores, theirs: Scores) -> Scores:
    """Spearman's rank correlation along the last axis, ties sharing their mean rank; nan where one side is constant."""
    from scipy.stats import rankdata  # noqa: PLC0415 - takes a second

    first, second = (rankdata(side, axis=-1) for side in (ours, theirs))
    first, second = (side - side.mean(axis=-1, keepdims=True) for side in (first, second))
    spread = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    return _ratio((first * second).sum(axis=-1), spread)


def _ratio(part: Scores, whole: Scores) -> Scores:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _resampled(measure: Callable[[Scores, Scores], Scores], ours: Scores, theirs: Scores, seed: int) -> Interval | None:
    found = float(measure(ours[None], theirs[None])[0])
    if math.isnan(found):
        return None
    rng = np.random.default_rng(seed)
    draws = (
        rng.integers(ours.size, size=(RESAMPLES_AT_ONCE, ours.size)) for _ in range(RESAMPLES // RESAMPLES_AT_ONCE)
    )
    values = np.concatenate([measure(ours[rows], theirs[rows]) for rows in draws])
    low, high = np.nanquantile(values, [0.025, 0.975])
    return Interval(mean=found, low=min(found, float(low)), high=max(found, float(high)), n=ours.size)
