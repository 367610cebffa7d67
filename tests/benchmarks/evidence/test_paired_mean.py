from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, ttest_rel

from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.paired_mean import paired_t
from benchmarks.evidence.weights import log_chance_below


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_spread_rows_get_students_paired_t(level: float) -> None:
    rng = np.random.default_rng(3)
    baseline = rng.uniform(0, 0.8, 60)
    winner = np.clip(baseline + rng.normal(0, 0.5, 60), 0, 1)
    expected = ttest_rel(winner, baseline)
    interval = expected.confidence_interval(level)
    result = paired_t(winner.tolist(), baseline.tolist(), level)
    assert result.p == pytest.approx(expected.pvalue)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high))
    assert (result.n, result.test, result.level) == (60, "paired t", level)


def test_small_steady_gains_keep_the_power_of_the_t_test() -> None:
    rng = np.random.default_rng(4)
    baseline = rng.uniform(0.2, 0.7, 60)
    winner = baseline + rng.normal(0.04, 0.1, 60)
    expected = ttest_rel(winner, baseline)
    result = paired_t(winner.tolist(), baseline.tolist())
    assert result.p == pytest.approx(expected.pvalue)
    assert result.low == pytest.approx(expected.confidence_interval().low)


def test_one_row_proves_nothing() -> None:
    result = paired_t([1.0], [0.0])
    assert result.p == 1.0
    assert result.low < -0.9
    assert result.high == 1.0


def test_rows_that_all_gain_the_same_are_judged_by_their_number() -> None:
    few, many = paired_t([0.6] * 5, [0.3] * 5), paired_t([0.6] * 30, [0.3] * 30)
    assert few.p == pytest.approx(2**-4)
    assert few.low < 0
    assert few.high > 0.6
    assert many.p == pytest.approx(2**-29)
    assert 0.2 < many.low < 0.25
    assert 0.35 < many.high < 0.4


def test_a_full_point_on_every_row_counts_as_in_mcnemars_test() -> None:
    assert paired_t([1.0] * 12, [0.0] * 12).p == pytest.approx(exact_mcnemar([1.0] * 12, [0.0] * 12).p)


def test_equal_arms_are_not_proven_equal() -> None:
    result = paired_t([0.4, 0.7, 0.9], [0.4, 0.7, 0.9])
    assert (result.mean, result.p) == (0.0, 1.0)
    assert result.low == -result.high < -0.5


def test_a_hair_of_spread_changes_nothing() -> None:
    same, nearly = paired_t([0.6] * 8, [0.3] * 8), paired_t([0.6] * 7 + [0.6 + 1e-9], [0.3] * 8)
    assert (nearly.low, nearly.high, nearly.p) == pytest.approx((same.low, same.high, same.p), abs=1e-6)


@pytest.mark.parametrize("n", [5, 12, 40])
def test_equally_good_prompts_are_rarely_told_apart(n: int) -> None:
    rng = np.random.default_rng(11)
    scores = rng.beta(0.6, 0.4, size=(2_000, 2, n))
    promoted = sum(paired_t(winner, baseline).low > 0 for winner, baseline in scores.tolist())
    assert promoted / 2_000 <= 0.03


def test_rare_large_differences_do_not_mislead() -> None:
    rng = np.random.default_rng(12)
    swapped = rng.random((2_000, 100)) < 0.04
    signs = np.where(swapped, rng.choice([-1.0, 1.0], size=swapped.shape), 0.0)
    promoted = sum(paired_t(np.maximum(row, 0).tolist(), np.maximum(-row, 0).tolist()).low > 0 for row in signs)
    assert promoted / 2_000 <= 0.03


def test_rare_losses_are_counted_where_the_t_test_takes_them_for_a_bell_curve() -> None:
    winner, baseline = [0.0] * 8 + [0.8] * 392, [1.0] * 8 + [0.8] * 392
    result = paired_t(winner, baseline)
    expected = ttest_rel(winner, baseline).confidence_interval()
    assert result.low == pytest.approx(-beta.ppf(0.975, 8, 392), rel=1e-4)
    assert result.low < expected.low < result.high < 0


def test_many_small_gains_beside_a_few_large_losses_prove_less_than_the_t_test_says() -> None:
    winner, baseline = [0.58] * 94 + [0.1] * 6, [0.5] * 94 + [0.6] * 6
    result = paired_t(winner, baseline)
    assert ttest_rel(winner, baseline).pvalue < result.p
    assert result.p == pytest.approx(2 * math.exp(log_chance_below(np.array(winner) - np.array(baseline))))
