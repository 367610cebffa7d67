from __future__ import annotations

import math

import pytest

from benchmarks.evidence.looks import alpha_for_look


def test_all_looks_together_spend_five_percent() -> None:
    spent = sum(alpha_for_look(k) for k in range(1, 100_001))
    assert spent < 0.05
    assert spent == pytest.approx(0.05, abs=1e-6)


def test_the_first_look_may_spend_most() -> None:
    assert alpha_for_look(1) == pytest.approx(0.3 / math.pi**2)
    assert alpha_for_look(1) == pytest.approx(4 * alpha_for_look(2))
    assert alpha_for_look(1) == pytest.approx(9 * alpha_for_look(3))


def test_there_is_no_look_before_the_first() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        alpha_for_look(0)
