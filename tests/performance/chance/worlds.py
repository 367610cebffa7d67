"""Worlds in which the truth about two prompts is known: paired scores, drawn as often as one likes.

Rows share their difficulty between prompts (Gaussian copula): each prompt's score on a row is a quantile of the
prompt's own distribution of scores, at a level that is correlated between prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import beta

Floats = NDArray[np.float64]
Quantiles = Callable[[Floats], Floats]

_LEVELS = (np.arange(20_000) + 0.5) / 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Two prompts with the quantile functions of their scores in [0, 1], and how alike rows are to both."""

    name: str
    winner: Quantiles
    baseline: Quantiles
    correlation: float

    @property
    def difference(self) -> float:
        """The true difference."""
        return float(self.winner(_LEVELS).mean() - self.baseline(_LEVELS).mean())

    def scores(self, runs: int, rows: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Two tables of scores, one line a run."""
        levels = correlated(2, runs, rows, self.correlation, rng)
        return self.winner(levels[0]), self.baseline(levels[1])


def correlated(prompts: int, runs: int, rows: int, correlation: float, rng: np.random.Generator) -> Floats:
    """Levels in (0, 1), a table of runs and rows for each prompt."""
    shared = rng.normal(size=(runs, rows))
    own = rng.normal(size=(prompts, runs, rows))
    return np.asarray(ndtr(np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own))


def right_or_wrong(accuracy: float) -> Quantiles:
    """Scores of 0 and 1."""
    return lambda levels: (levels > 1 - accuracy).astype(np.float64)


def graded(zeros: float, ones: float, a: float, b: float) -> Quantiles:
    """Scores that are 0 with one probability, 1 with another, and else drawn from a beta distribution."""
    between = np.linspace(0, 1, 2_001)
    table = beta.ppf(between, a, b)

    def quantiles(levels: Floats) -> Floats:
        inner = np.interp((levels - zeros) / (1 - zeros - ones), between, table)
        return np.where(levels < zeros, 0.0, np.where(levels > 1 - ones, 1.0, inner))

    return quantiles


def binary_worlds(correlations: Sequence[float] = (0.0, 0.5, 0.9)) -> list[World]:
    """Accuracies from 0.5 to 0.98, equal and apart."""
    pairs = [(0.5, 0.5), (0.6, 0.5), (0.8, 0.8), (0.85, 0.8), (0.95, 0.95), (0.95, 0.85), (0.98, 0.95)]
    return [
        World(
            name=f"{ours} and {theirs}",
            winner=right_or_wrong(ours),
            baseline=right_or_wrong(theirs),
            correlation=correlation,
        )
        for ours, theirs in pairs
        for correlation in correlations
    ]


def graded_worlds(correlations: Sequence[float] = (0.0, 0.5, 0.95)) -> list[World]:
    """From evenly spread scores to such that are nearly all 0 or nearly all 1."""
    shapes = {
        "spread": (graded(0, 0, 0.6, 0.4), graded(0, 0, 0.6, 0.4)),
        "humped": (graded(0, 0, 2.4, 5), graded(0, 0, 2, 5)),
        "60 % zeros": (graded(0.6, 0.1, 2, 2), graded(0.65, 0.08, 2, 2)),
        "95 % zeros": (graded(0.95, 0.03, 2, 2), graded(0.9, 0.06, 2, 2)),
        "99 % zeros": (graded(0.985, 0.01, 2, 2), graded(0.965, 0.03, 2, 2)),
        "85 % ones": (graded(0.05, 0.85, 2, 2), graded(0.08, 0.8, 2, 2)),
        "97 % ones": (graded(0.01, 0.97, 2, 2), graded(0.02, 0.94, 2, 2)),
        "a generous judge": (graded(0, 0.5, 8, 1), graded(0, 0.4, 8, 1)),
        "rare failures": (graded(0.02, 0, 40, 2), graded(0.04, 0, 40, 2)),
        "rare hits": (graded(0, 0.05, 4, 30), graded(0, 0.02, 4, 30)),
    }
    return [
        World(name=name, winner=winner, baseline=baseline, correlation=correlation)
        for name, (winner, baseline) in shapes.items()
        for correlation in correlations
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassWorld:
    """Two classifiers of rows whose classes have these shares; wrong answers lean to the frequent classes."""

    name: str
    shares: tuple[float, ...]
    accuracies: tuple[float, float]
    correlation: float

    def answers(self, rows: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
        """The expected classes, in these shares, and the two classifiers' answers."""
        counts = np.maximum(1, np.round(np.array(self.shares) * rows)).astype(np.intp)
        counts[0] += rows - counts.sum()
        expected = np.repeat(np.arange(counts.size), counts)
        shared, other = rng.normal(size=rows), rng.choice(counts.size, rows, p=self.shares)
        found = []
        for accuracy in self.accuracies:
            noise = rng.normal(size=rows)
            level = ndtr(np.sqrt(self.correlation) * shared + np.sqrt(1 - self.correlation) * noise)
            wrong = np.where(rng.random(rows) < 0.5, other, rng.integers(counts.size, size=rows))
            wrong = np.where(wrong == expected, (wrong + 1) % counts.size, wrong)
            found.append(np.where(level < accuracy, expected, wrong))
        return expected, found

    @property
    def difference(self) -> float:
        """The true difference of macro-F1, from a million rows."""
        expected, (ours, theirs) = self.answers(1_000_000, np.random.default_rng(0))
        return macro_f1(expected, ours) - macro_f1(expected, theirs)


def class_worlds() -> list[ClassWorld]:
    """Two to five classes, the rarest of 3 %."""
    shares = {"3 classes": (1 / 3, 1 / 3, 1 / 3), "rare class": (0.5, 0.25, 0.15, 0.07, 0.03), "80 : 20": (0.8, 0.2)}
    return [
        ClassWorld(name=name, shares=share, accuracies=accuracies, correlation=correlation)
        for name, share in shares.items()
        for accuracies in ((0.7, 0.7), (0.85, 0.75), (0.97, 0.9))
        for correlation in (0.0, 0.7)
    ]


def macro_f1(expected: NDArray[np.intp], answers: NDArray[np.intp]) -> float:
    """The unweighted mean over expected classes of 2 · right / (expected + answered)."""
    size = int(max(expected.max(), answers.max())) + 1
    right = np.bincount(expected[expected == answers], minlength=size)
    wanted = np.bincount(expected, minlength=size)
    scores = 2 * right / np.maximum(wanted + np.bincount(answers, minlength=size), 1)
    return float(scores[wanted > 0].mean())
