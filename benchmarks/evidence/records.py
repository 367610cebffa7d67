"""The records of evidence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate in score units with its two-sided confidence interval: low ≤ mean ≤ high, `n` rows.

    `level` is the confidence level, 0.95 unless looks at the test split were spent.
    """

    mean: float
    low: float
    high: float
    n: int
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Winner minus baseline on the same rows, in score units, in [-1, 1].

    The interval is the inversion of the test that gives `p`: it excludes 0 exactly when p ≤ 1 - level. `p` is
    two-sided; `test` names the test.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int
    test: str
    level: float = 0.95
