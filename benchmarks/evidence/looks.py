"""How much of the error allowance each look at a test split may spend."""

from __future__ import annotations

import math


def alpha_for_look(k: int) -> float:
    """The two-sided error probability that the k-th look at one test split may spend; k counts from 1.

    α_k = 0.05 · 6 / (π² k²). The sum over all k is 0.05, because Σ 1/k² = π²/6: however often winners are proved on
    the same rows, the chance that any of the proofs errs is at most 0.05 (Bonferroni with unequal shares). The first
    look spends 0.0304, the second 0.0076, the tenth 0.0003. The look is decided at confidence level 1 - α_k.
    """
    if k < 1:
        raise ValueError(f"look {k} does not exist: looks are counted from 1")
    return 0.05 * 6 / (math.pi**2 * k**2)
