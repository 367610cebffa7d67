from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.sequential import confidence_sequence, e_value, log_e_values, mean_sequence

Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]

differences = st.lists(
    st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(min_value=-1, max_value=1)), min_size=1, max_size=60
)


def wins_and_losses(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.choice([-1.0, 0.0, 1.0], size=shape, p=[0.2, 0.6, 0.2])


def small_gains_and_rare_disasters(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.where(rng.random(shape) < 0.05, -0.95, 0.05)


def spread(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    return rng.uniform(-1, 1, shape)


WITHOUT_DIFFERENCE = [wins_and_losses, small_gains_and_rare_disasters, spread]


@pytest.mark.parametrize("draw", WITHOUT_DIFFERENCE)
def test_without_a_difference_the_evidence_ever_reaches_20_in_at_most_5_percent(draw: Draw) -> None:
    table = draw(np.random.default_rng(7), (600, 150))
    highest = np.max([log_e_values(table[:, :seen]) for seen in range(1, 151)], axis=0)
    crossed = float((highest >= math.log(20)).mean())
    assert 0.002 < crossed <= 0.05


@pytest.mark.parametrize("draw", WITHOUT_DIFFERENCE)
def test_the_intervals_after_all_rows_hold_the_truth_together(draw: Draw) -> None:
    rng = np.random.default_rng(8)
    tables = np.maximum(draw(rng, (600, 60)), 0)
    truth = float(np.maximum(draw(rng, (1, 1_000_000)), 0).mean())
    bar = math.log(2 / 0.2)
    missed = np.zeros(600, dtype=bool)
    for seen in range(1, 61):
        missed |= log_e_values(tables[:, :seen], above=truth) > bar
        missed |= log_e_values(-tables[:, :seen], above=-truth) > bar
    assert missed.mean() <= 0.2


@settings(max_examples=60, deadline=None)
@given(differences, st.sampled_from([0.5, 0.95, 0.9992]))
def test_the_interval_ends_where_the_evidence_reaches_the_level(rows: list[float], level: float) -> None:
    result = confidence_sequence([max(row, 0.0) for row in rows], [max(-row, 0.0) for row in rows], level)
    bar = math.log(2 / (1 - level))
    if result.low > -0.99:
        assert log_e_values(rows, above=result.low)[0] == pytest.approx(bar, abs=1e-3)
    if result.high < 0.99:
        assert log_e_values([-row for row in rows], above=-result.high)[0] == pytest.approx(bar, abs=1e-3)


def test_a_clear_advantage_is_soon_evident() -> None:
    assert e_value([1.0] * 4 + [0.0] * 6) < 20 < e_value([1.0] * 9 + [0.0] * 6)
    assert e_value([0.1] * 20) < 20 < e_value([0.1] * 60)
    assert e_value([-1.0] * 50) < 1e-3


@settings(max_examples=200, deadline=None)
@given(differences, st.randoms(use_true_random=False))
def test_the_order_of_rows_has_no_say(rows: list[float], random: object) -> None:
    shuffled = sorted(rows, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert e_value(shuffled) == e_value(rows)


@settings(max_examples=100, deadline=None)
@given(st.lists(differences, min_size=1, max_size=5))
def test_a_table_with_gaps_says_what_its_rows_say_one_by_one(rows: list[list[float]]) -> None:
    table = np.full((len(rows), 61), np.nan)
    for place, row in enumerate(rows):
        table[place, 61 - len(row) :] = row
    assert np.exp(log_e_values(table)) == pytest.approx([e_value(row) for row in rows], rel=1e-9)


def test_nothing_seen_is_no_evidence() -> None:
    assert e_value([]) == 1.0
    assert e_value([0.0] * 100) == pytest.approx(1.0)


def test_rows_that_may_be_looked_at_any_time_say_less_than_a_fixed_number() -> None:
    ours, theirs = [1.0] * 90 + [0.0] * 10, [1.0] * 70 + [0.0] * 30
    early, fixed = confidence_sequence(ours, theirs), exact_mcnemar(ours, theirs)
    assert early.low < fixed.low < fixed.high < early.high
    assert early.low > 0
    assert early.test == "confidence sequence"
    assert early.p == pytest.approx(2 / e_value([x - y for x, y in zip(ours, theirs, strict=True)]))


def test_one_row_says_next_to_nothing() -> None:
    result = confidence_sequence([1.0], [0.0])
    assert result.low < -0.9
    assert (result.high, result.p) == (1.0, 1.0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(min_value=0, max_value=1), min_size=1, max_size=60))
def test_the_sequence_of_one_prompt_holds_its_mean(scores: list[float]) -> None:
    result = mean_sequence(scores)
    assert 0 <= result.low <= result.mean <= result.high <= 1
    assert result.high - result.low > 0.5 / len(scores)
