"""How often intervals hold the true difference, for each kind of metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.evidence.bootstrap import Aggregate, paired_bootstrap
from benchmarks.evidence.mcnemar import difference_limits
from benchmarks.evidence.paired_mean import paired_t
from benchmarks.evidence.sequential import log_e_values
from tests.performance.chance.worlds import ClassWorld, World, macro_f1

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The share of `runs` whose interval held the truth. `above` and `below` are the shares of those that lay above
    and below it, `width` is the mean width."""

    runs: int
    above: float
    below: float
    width: float

    @property
    def covered(self) -> float:
        return 1 - self.above - self.below


def of_mcnemar(world: World, rows: int, *, runs: int, seed: int) -> Coverage:
    """Coverage of the interval for 0/1 scores."""
    winner, baseline = world.scores(runs, rows, np.random.default_rng(seed))
    counts = np.stack([(winner > baseline).sum(axis=1), (winner < baseline).sum(axis=1)])
    (wins, losses), where = np.unique(counts, axis=1, return_inverse=True)
    low, high = difference_limits(wins, losses, rows, LEVEL)
    return _coverage(low[where.ravel()], high[where.ravel()], world.difference)


def of_paired_t(world: World, rows: int, *, runs: int, seed: int) -> Coverage:
    """Coverage of the interval for other scores in [0, 1]."""
    tables = world.scores(runs, rows, np.random.default_rng(seed))
    found = [paired_t(w, b, LEVEL) for w, b in zip(*(table.tolist() for table in tables), strict=True)]
    return _coverage([r.low for r in found], [r.high for r in found], world.difference)


def of_macro_f1(world: ClassWorld, rows: int, *, runs: int, seed: int, resamples: int = 100) -> Coverage:
    """Coverage of the interval for macro-F1. A proof draws 2,000 resamples; fewer err a little more."""
    found = []
    for run in range(runs):
        expected, (ours, theirs) = world.answers(rows, np.random.default_rng([seed, run]))
        found.append(
            paired_bootstrap(
                _judged(expected, ours),
                _judged(expected, theirs),
                [str(answer) for answer in expected],
                level=LEVEL,
                seed=run,
                resamples=resamples,
            )
        )
    return _coverage([r.low for r in found], [r.high for r in found], world.difference)


def _judged(expected: NDArray[np.intp], answers: NDArray[np.intp]) -> Aggregate:
    return lambda rows: macro_f1(expected[rows], answers[rows])


def at_all_times(world: World, rows: int, *, runs: int, seed: int) -> float:
    """The share of runs in which the confidence sequence holds the truth after each of 1 to `rows` rows."""
    winner, baseline = world.scores(runs, rows, np.random.default_rng(seed))
    differences, truth = winner - baseline, world.difference
    bar = np.log(2 / (1 - LEVEL))
    missed = np.zeros(runs, dtype=bool)
    for seen in range(1, rows + 1):
        missed |= log_e_values(differences[:, :seen], above=truth) > bar
        missed |= log_e_values(-differences[:, :seen], above=-truth) > bar
    return float(1 - missed.mean())


def _coverage(low: ArrayLike, high: ArrayLike, truth: float) -> Coverage:
    lows, highs = np.asarray(low), np.asarray(high)
    return Coverage(
        runs=lows.size,
        above=float((lows > truth).mean()),
        below=float((highs < truth).mean()),
        width=float((highs - lows).mean()),
    )
