"""Exact match: the answer is the expected one."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, first_line, make_extractor
from benchmarks.metrics.normalisation import normalise
from benchmarks.metrics.row_mean import RowMean


class ExactMatch(RowMean):
    """1 if the answer equals the expected one, else 0.

    Both are normalised (`benchmarks.metrics.normalisation`), with their case kept if `case_sensitive`. Unless
    `normalise`, they are compared as they are, except for white space around them. Without `extract`, the answer is
    the whole reply and may equal the expected one in its first line alone, so that an explanation below a short
    answer does no harm; `text` and `line` allow only one of the two.
    """

    name = "exact_match"
    binary = True

    def __init__(
        self,
        *,
        case_sensitive: bool | None = None,
        normalise: bool = True,
        extract: Extraction | None = None,
        labels: Sequence[str] = (),
    ) -> None:
        if not normalise and case_sensitive is False:
            raise MetricError(
                "exact_match with `normalise: false` compares case as well; remove `case_sensitive: false`."
            )
        self.extractor = make_extractor(extract or "text", labels)
        self._case_sensitive = bool(case_sensitive)
        self._normalise = normalise
        self._first_line_counts = extract is None

    def score(self, answer: str, example: Example) -> float:
        """1.0 if `answer` equals the expected answer, else 0.0."""
        expected = self._form(example.answer)
        if self._form(answer) == expected:
            return 1.0
        line = first_line(answer) if self._first_line_counts else None
        return float(line is not None and self._form(line) == expected)

    def _form(self, text: str) -> str:
        return normalise(text, case_sensitive=self._case_sensitive) if self._normalise else text.strip()
