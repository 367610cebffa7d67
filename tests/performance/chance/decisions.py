"""What proofs decide, thousands of times over: promotions, reported differences, rows used.

The tests of 0/1 scores are those of `optimizers.proof`, applied to counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.detectable import smallest_detectable_difference
from benchmarks.evidence.looks import alpha_for_look
from benchmarks.evidence.mcnemar import difference_limits
from benchmarks.evidence.sequential import log_e_values
from optimizers.proof import ROWS_PER_LOOK
from tests.performance.chance.worlds import World, correlated, right_or_wrong

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a number of proofs came to: the share promoted, the mean of the reported less the true difference with its
    standard error, and the mean number of rows run."""

    promoted: float
    bias: float
    error: float
    rows: float


class Prove(Protocol):
    """Runs many proofs in one world."""

    def __call__(self, world: World, rows: int, *, runs: int, seed: int) -> Decided: ...


def fixed(world: World, rows: int, *, runs: int, seed: int, look: int = 1) -> Decided:
    """Proofs on all rows."""
    differences = _differences(world, rows, runs, seed)
    promoted = proven(differences, alpha_for_look(look))
    return _decided(promoted, differences.mean(axis=1) - world.difference, np.full(runs, rows))


def sequential(world: World, rows: int, *, runs: int, seed: int, look: int = 1) -> Decided:
    """Proofs that look after every few rows."""
    differences = _differences(world, rows, runs, seed)
    promoted, used = proven_at(differences, alpha_for_look(look))
    reported = np.cumsum(differences, axis=1)[np.arange(runs), used - 1] / used
    return _decided(promoted, reported - world.difference, used)


def proven(differences: Floats, alpha: float) -> Flags:
    """Which lines of a table of 0/1 scores' differences prove the winner, each with all of its rows."""
    counts = np.stack([(differences > 0).sum(axis=1), (differences < 0).sum(axis=1)])
    (wins, losses), where = np.unique(counts, axis=1, return_inverse=True)
    low, _ = difference_limits(wins, losses, differences.shape[1], 1 - alpha)
    return np.asarray((low > 0)[where.ravel()])


def proven_at(differences: Floats, alpha: float) -> tuple[Flags, NDArray[np.intp]]:
    """Which lines prove the winner sequentially, and after how many rows each proof ended."""
    runs, rows = differences.shape
    bar = np.log(2 / alpha)
    smallest = smallest_detectable_difference(rows, alpha=alpha)
    promoted, used = np.zeros(runs, dtype=bool), np.full(runs, rows)
    running = np.arange(runs)
    for seen in [*range(ROWS_PER_LOOK, rows, ROWS_PER_LOOK), rows]:
        so_far = differences[running, :seen]
        ahead = log_e_values(so_far) >= bar
        hopeless = log_e_values(-so_far, above=-smallest) >= bar
        promoted[running[ahead]] = True
        used[running[ahead | hopeless]] = seen
        running = running[~(ahead | hopeless)]
    return promoted, used


def family_wise(rows: int, *, looks: int, runs: int, seed: int, in_sequence: bool = False, spend: bool = True) -> float:
    """The share of test splits on which at least one of `looks` equally good winners is proven against the baseline.
    Without `spend` every look decides at 0.05, as if it were the only one."""
    accuracy = right_or_wrong(0.8)
    levels = correlated(looks + 1, runs, rows, 0.5, np.random.default_rng(seed))
    baseline = accuracy(levels[0])
    erred = np.zeros(runs, dtype=bool)
    for look in range(1, looks + 1):
        differences = accuracy(levels[look]) - baseline
        alpha = alpha_for_look(look) if spend else 0.05
        erred |= proven_at(differences, alpha)[0] if in_sequence else proven(differences, alpha)
    return float(erred.mean())


def _differences(world: World, rows: int, runs: int, seed: int) -> Floats:
    winner, baseline = world.scores(runs, rows, np.random.default_rng(seed))
    return winner - baseline


def _decided(promoted: Flags, off: Floats, used: NDArray[np.intp]) -> Decided:
    return Decided(
        promoted=float(promoted.mean()),
        bias=float(off.mean()),
        error=float(off.std(ddof=1) / np.sqrt(off.size)),
        rows=float(used.mean()),
    )
