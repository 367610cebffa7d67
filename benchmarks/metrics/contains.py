"""Contains: the expected answer occurs in the reply."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.normalisation import normalise
from benchmarks.metrics.phrases import phrase_pattern
from benchmarks.metrics.row_mean import RowMean


class Contains(RowMean):
    """1 if the answer mentions the expected one as whole words, both normalised, else 0."""

    name = "contains"
    binary = True

    def __init__(self, *, extract: Extraction = "text", labels: Sequence[str] = ()) -> None:
        self.extractor = make_extractor(extract, labels)

    def score(self, answer: str, example: Example) -> float:
        """1.0 if the expected answer occurs in `answer`, else 0.0."""
        return float(phrase_pattern((normalise(example.answer),)).search(normalise(answer)) is not None)

    def check(self, example: Example) -> None:
        """Raises MetricError if the expected answer is blank, which every reply would contain."""
        if not example.answer.strip():
            raise MetricError(
                f"{example.origin}: the expected answer is blank, which every reply contains; fill it in or remove "
                "the row."
            )
