"""ROUGE-L: how much of the expected text's word order a summary keeps."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.row_mean import RowMean


class RougeL(RowMean):
    """The F-measure of the longest common subsequence of words, without stemming, by the package rouge-score.

    Words are runs of ASCII letters and digits in lower case; other scripts do not count. Lin: ROUGE: A Package for
    Automatic Evaluation of Summaries (2004).
    """

    name = "rouge_l"
    binary = False

    def __init__(self, *, extract: Extraction = "text", labels: Sequence[str] = ()) -> None:
        from rouge_score.rouge_scorer import RougeScorer  # noqa: PLC0415 - takes seconds to import

        self.extractor = make_extractor(extract, labels)
        self._scorer = RougeScorer(["rougeL"], use_stemmer=False)

    def score(self, answer: str, example: Example) -> float:
        """ROUGE-L of `answer` against the expected text, in [0, 1]."""
        return float(self._scorer.score(example.answer, answer)["rougeL"].fmeasure)

    def check(self, example: Example) -> None:
        """Raises MetricError if the expected answer holds no word that ROUGE counts."""
        if not any(character.isascii() and character.isalnum() for character in example.answer.lower()):
            raise MetricError(
                f"{example.origin}: the expected answer {example.answer!r} holds no ASCII letter or digit, and ROUGE "
                "counts nothing else; use the metric chrf."
            )
