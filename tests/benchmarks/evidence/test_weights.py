from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from benchmarks.evidence.weights import log_chance_below, lower_limit

values = st.one_of(st.floats(min_value=-1, max_value=1), st.sampled_from([-1.0, -0.3, 0.0, 0.3, 1.0, 1e-300, -1e-9]))


@pytest.mark.parametrize(("wins", "losses"), [(1, 1), (5, 1), (9, 2), (20, 9), (3, 3), (100, 71), (2, 12)])
def test_among_wins_and_losses_the_chance_is_that_of_the_sign_test(wins: int, losses: int) -> None:
    rows = [1.0] * wins + [-1.0] * losses + [0.0] * 30
    assert math.exp(log_chance_below(rows)) == pytest.approx(binom.sf(wins - 1, wins + losses - 1, 0.5), rel=1e-6)


@pytest.mark.parametrize(("ones", "n"), [(3, 20), (1, 5), (50, 400), (390, 400)])
def test_a_share_has_a_beta_distribution(ones: int, n: int) -> None:
    rows = np.array([1.0] * ones + [0.0] * (n - ones))
    for share in (0.3 * ones / n, ones / n, (ones + 2) / (n + 3)):
        assert math.exp(log_chance_below(rows - share)) == pytest.approx(beta.cdf(share, ones, n - ones), rel=1e-5)
    assert lower_limit(rows, 0.025, 1.0) == pytest.approx(beta.ppf(0.025, ones, n - ones), rel=1e-5)


def test_any_rows_agree_with_drawn_weights() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(-0.4, 0.6, 30)
    weights = rng.exponential(size=(200_000, 30))
    for shift in (-0.05, 0.0, 0.1):
        drawn = (weights @ (rows - shift) <= 0).mean()
        assert math.exp(log_chance_below(rows - shift)) == pytest.approx(drawn, abs=0.004)


@settings(max_examples=300, deadline=None)
@given(st.lists(values, min_size=1, max_size=40))
def test_below_and_above_are_all_there_is(rows: list[float]) -> None:
    below, above = (math.exp(log_chance_below(side)) for side in (rows, [-row for row in rows]))
    told = [row for row in rows if abs(row) > 1e-12 * max(map(abs, rows))]
    assert below + above == pytest.approx(1.0 if told else 2.0, abs=1e-6)


@settings(max_examples=200, deadline=None)
@example([0.2280465796109638] * 3, 0.25)
@given(st.lists(values, min_size=2, max_size=40), st.floats(min_value=1e-5, max_value=0.25))
def test_a_limit_lies_within_the_rows_and_has_its_chance(rows: list[float], tail: float) -> None:
    column = np.array(rows)
    mean = max(column.min(), column.mean())  # The mean of equal rows may be rounded to less than each of them.
    limit = lower_limit(column, tail, float(mean))
    assert column.min() <= limit <= mean
    if column.min() + 1e-6 < limit < mean - 1e-6:
        assert math.exp(log_chance_below(column - limit)) == pytest.approx(tail, rel=1e-4)


def test_a_limit_that_is_low_enough_already_stays() -> None:
    assert lower_limit(np.array([0.0, 0.5, 1.0]), 0.025, -0.2) == -0.2
