"""Macro-F1: every class counts the same, however rare it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import fsum

from benchmarks.datasets.records import Example
from benchmarks.metrics.accuracy import RightLabel
from benchmarks.metrics.normalisation import normalise

_normal = lru_cache(maxsize=4096)(normalise)


class MacroF1(RightLabel):
    """The unweighted mean of the F1 scores of the labels that occur among the expected answers.

    A row scores 1 if its answer is the expected label, else 0; the rows together are worth their macro-F1. A reply
    without an answer is a miss of the expected label and a false alarm of none. A label that is never answered has
    F1 0. Equal to scikit-learn's `f1_score(..., labels=<expected ones>, average="macro", zero_division=0)`; written
    out here because a bootstrap computes it thousands of times.
    """

    name = "macro_f1"
    mean_of_rows = False

    def aggregate(self, answers: Sequence[str | None], scores: Sequence[float], examples: Sequence[Example]) -> float:
        """The macro-F1 of `answers` against the expected ones, in [0, 1]."""
        pairs = Counter(zip(answers, [example.answer for example in examples], strict=True))
        expected: Counter[str] = Counter()
        answered: Counter[str] = Counter()
        right: Counter[str] = Counter()
        for (answer, wanted), rows in pairs.items():
            label = _normal(wanted)
            expected[label] += rows
            if answer is not None:
                given = _normal(answer)
                answered[given] += rows
                right[label] += rows if given == label else 0
        return fsum(2 * right[label] / (expected[label] + answered[label]) for label in expected) / len(expected)
