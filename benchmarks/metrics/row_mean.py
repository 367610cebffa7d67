"""The aggregate that most metrics share: the mean over rows."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum

from benchmarks.datasets.records import Example


class RowMean:
    """A metric whose rows are worth the mean of their scores."""

    mean_of_rows = True

    def aggregate(self, answers: Sequence[str | None], scores: Sequence[float], examples: Sequence[Example]) -> float:
        """The mean of `scores`, in [0, 1]."""
        return fsum(scores) / len(scores)
