"""Accuracy: the share of rows that are classified rightly."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.normalisation import normalise
from benchmarks.metrics.row_mean import RowMean


class RightLabel:
    """Scores a row of a classification: 1 if the answer is the expected label (both normalised), else 0."""

    name: str
    binary = True

    def __init__(self, *, extract: Extraction = "label", labels: Sequence[str] = ()) -> None:
        self.extractor = make_extractor(extract, labels)
        self._labels = frozenset(map(normalise, labels))

    def score(self, answer: str, example: Example) -> float:
        """1.0 if `answer` is the expected label, else 0.0."""
        return float(normalise(answer) == normalise(example.answer))

    def check(self, example: Example) -> None:
        """Raises MetricError if the task has labels and the expected answer is none of them."""
        if self._labels and normalise(example.answer) not in self._labels:
            raise MetricError(
                f"{example.origin}: the expected answer {example.answer!r} is not one of the task's labels; add it to "
                "`labels` or correct the row."
            )


class Accuracy(RightLabel, RowMean):
    """The share of rows whose answer is the expected label."""

    name = "accuracy"
