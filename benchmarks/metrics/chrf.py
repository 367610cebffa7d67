"""chrF: how many character sequences two texts share."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.row_mean import RowMean


class ChrF(RowMean):
    """The sentence chrF of sacrebleu with its defaults (chrF2: character 6-grams, no word n-grams), divided by 100.

    Any script counts; case does, white space does not. The rows together are worth the mean of their sentence
    scores, not the corpus chrF. Popović: chrF: character n-gram F-score for automatic MT evaluation (2015).
    """

    name = "chrf"
    binary = False

    def __init__(self, *, extract: Extraction = "text", labels: Sequence[str] = ()) -> None:
        from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415 - slow to import

        self.extractor = make_extractor(extract, labels)
        self._chrf = CHRF()

    def score(self, answer: str, example: Example) -> float:
        """ChrF of `answer` against the expected text, in [0, 1]."""
        return min(1.0, float(self._chrf.sentence_score(answer, [example.answer]).score) / 100)

    def check(self, example: Example) -> None:
        """Raises MetricError if the expected answer is blank, which shares nothing with any reply."""
        if not example.answer.strip():
            raise MetricError(
                f"{example.origin}: the expected answer is blank, so every reply would score 0; fill it in or remove "
                "the row."
            )
