"""What a night comes to beside the baseline's epochs: one number, what it rests on, and how much of it is chance."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.night_records import Mean, Scores

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Epochs:
    """The epochs of one prompt's baseline: their means less that of all of them, the number of rows, the mean of each
    row, and the variance of an epoch's mean with all rows that comes from the chance in single replies."""

    means: tuple[Mean, ...]
    rows: int
    row_means: Floats
    sampling: float

    @classmethod
    def of(cls, scores: tuple[Scores, ...]) -> Epochs:
        """The epochs of these scores."""
        table = np.asarray(scores, dtype=np.float64)
        counts = np.count_nonzero(~np.isnan(table), axis=0)
        row_means = np.where(counts > 0, np.nansum(table, axis=0) / np.maximum(counts, 1), np.nan)
        rows = int(np.count_nonzero(counts))
        squares = np.nansum((table - row_means) ** 2, axis=0)[counts > 1] / (counts[counts > 1] - 1)
        # Replies that always repeat have shown no chance yet; one row that differs is reckoned with all the same.
        sampling = (math.fsum(squares) / max(1, squares.size) * rows + 1) / rows**2
        means = tuple(_mean(line - row_means, rows, 0.0) for line in table)
        return cls(means=means, rows=rows, row_means=row_means, sampling=sampling)

    def mean(self, scores: Scores) -> Mean:
        """The mean of a night's `scores` less the rows' means."""
        return _mean(np.asarray(scores) - self.row_means, self.rows, len(self.means) / (len(self.means) + 1))

    def chance(self, mean: Mean) -> float:
        """The variance of a night's mean that comes from the chance in single replies.

        Where more rows differ than in the baseline, chance is larger than there: ten of 300 replies that fail where
        one does as a rule are less surprising than the baseline's variance makes them, for rare failures come in
        larger numbers than a normal distribution allows. With the variance a third of the way to the night's own, the
        normal likelihood ratio is at most that of the Poisson distribution (Bernstein's inequality:
        (1 + x) ln(1 + x) - x ≥ x² / (2 (1 + x / 3))).
        """
        usual = self.sampling / mean.share
        return max(usual, (2 * usual + mean.variance) / 3)


def _mean(differences: Floats, rows: int, own: float) -> Mean:
    found = differences[~np.isnan(differences)]
    if not found.size:
        return Mean(value=0.0, share=0.0, variance=0.0)
    # fsum is exact, so the order of rows has no say.
    value = math.fsum(found) / found.size
    variance = own * math.fsum((found - value) ** 2) / found.size**2
    return Mean(value=value, share=found.size / rows, variance=variance)
