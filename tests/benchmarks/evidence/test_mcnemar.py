from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaln, ndtri, xlogy
from scipy.stats import binomtest

from benchmarks.evidence.mcnemar import difference_limits, exact_mcnemar
from benchmarks.evidence.records import PairedDifference


def compared(wins: int, losses: int, n: int, level: float = 0.95) -> PairedDifference:
    ties = n - wins - losses
    return exact_mcnemar([1] * wins + [0] * losses + [1] * ties, [0] * wins + [1] * losses + [1] * ties, level)


def tables(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every possible count of wins and losses in n rows."""
    wins, losses = np.divmod(np.arange((n + 1) ** 2), n + 1)
    possible = wins + losses <= n
    return wins[possible], losses[possible]


def test_the_textbook_example() -> None:
    """Ten wins against two losses: p = 2 · (1 + 12 + 66) / 2^12."""
    result = compared(10, 2, 50)
    assert result.p == pytest.approx(2 * 79 / 4096)
    assert result.mean == 0.16
    assert 0 < result.low < 0.01
    assert result.n == 50
    assert result.test == "exact McNemar"


def test_p_is_the_exact_sign_test() -> None:
    for wins, losses in zip(*(counts.tolist() for counts in tables(18)), strict=True):
        expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        assert compared(wins, losses, 18).p == pytest.approx(expected)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.9696, 0.9873, 0.99, 0.9992])
def test_the_interval_excludes_0_exactly_when_the_test_rejects(level: float) -> None:
    wins, losses = tables(40)
    low, high = difference_limits(wins, losses, 40, level)
    p = np.array([binomtest(int(b), int(b + c)).pvalue if b + c else 1.0 for b, c in zip(wins, losses, strict=True)])
    np.testing.assert_array_equal(low > 0, (p <= 1 - level) & (wins > losses))
    np.testing.assert_array_equal(high < 0, (p <= 1 - level) & (wins < losses))


@pytest.mark.parametrize("wins", range(1, 12))
def test_a_p_that_equals_the_allowance_rejects(wins: int) -> None:
    level = 1 - 2.0 ** (1 - wins)
    assert compared(wins, 0, 30, level).p == 1 - level
    assert compared(wins, 0, 30, level).low > 0
    assert compared(0, wins, 30, level).high < 0


@pytest.mark.parametrize("level", [0.95, 0.9873, 0.99])
@pytest.mark.parametrize(
    ("n", "discordances"),
    [
        (1, (0.02, 0.5, 0.98, 1.0)),
        (5, (0.05, 0.3, 0.7, 0.95, 1.0)),
        (20, (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 0.99, 1.0)),
        (50, (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95, 1.0)),
        (100, (0.01, 0.02, 0.05, 0.1, 0.25, 1.0)),
        (250, (0.01, 0.05, 0.1, 1.0)),
    ],
)
def test_the_true_difference_is_covered_as_often_as_the_level_says(
    n: int, discordances: tuple[float, ...], level: float
) -> None:
    wins, losses = tables(n)
    ties = n - wins - losses
    ways = gammaln(n + 1) - gammaln(wins + 1) - gammaln(losses + 1) - gammaln(ties + 1)
    truths = [
        (discordance * share, discordance * (1 - share))
        for discordance in discordances
        for share in (0.5, 0.52, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995, 1.0)
    ]
    chances = np.exp([ways + xlogy(wins, b) + xlogy(losses, c) + xlogy(ties, max(0.0, 1 - b - c)) for b, c in truths])
    likely = (chances > 1e-10).any(axis=0)
    low, high = difference_limits(wins[likely], losses[likely], n, level)
    for (win, loss), chance in zip(truths, chances[:, likely], strict=True):
        covers = (low <= win - loss + 1e-12) & (win - loss - 1e-12 <= high)
        assert chance[covers].sum() >= level, (win, loss)


@pytest.mark.parametrize(
    ("wins", "losses", "n"), [(8, 1, 20), (10, 2, 50), (12, 4, 100), (5, 5, 50), (40, 5, 100), (60, 20, 250)]
)
def test_it_is_little_wider_than_tangos_interval(wins: int, losses: int, n: int) -> None:
    low, high = difference_limits(wins, losses, n, 0.95)
    tango_low, tango_high = tango(wins, losses, n)
    assert tango_high - tango_low < high - low < (1.2 if n < 50 else 1.15) * (tango_high - tango_low)


def tango(wins: int, losses: int, n: int) -> tuple[float, float]:
    """Tango's 95 % score interval, Statistics in Medicine 17 (1998), p. 891."""

    def score(difference: float) -> float:
        slope = (2 * n - wins + losses) * difference - wins - losses
        constant = -losses * difference * (1 - difference)
        share = (np.sqrt(slope**2 - 8 * n * constant) - slope) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        return float((wins - losses - n * difference) / np.sqrt(variance))

    z, observed = float(ndtri(0.975)), (wins - losses) / n
    low = brentq(lambda difference: score(difference) - z, -0.999, observed)
    return float(low), float(brentq(lambda difference: score(difference) + z, observed, 0.999))


@pytest.mark.parametrize("n", [1, 2, 20, 100, 1000])
def test_agreement_on_every_row_is_no_proof_of_equality(n: int) -> None:
    result = compared(0, 0, n)
    assert (result.mean, result.p) == (0.0, 1.0)
    assert result.high == -result.low == pytest.approx(1 - 0.025 ** (1 / n))


def test_one_row_cannot_prove_anything() -> None:
    result = compared(1, 0, 1)
    assert (result.mean, result.high, result.p) == (1.0, 1.0, 1.0)
    assert result.low == pytest.approx(-0.95)


def test_all_rows_won_leaves_the_upper_end_at_one() -> None:
    result = compared(30, 0, 30)
    assert (result.mean, result.high) == (1.0, 1.0)
    assert 0.7 < result.low < 0.9
    assert result.p == pytest.approx(2**-29)


def test_very_many_wins_do_not_underflow() -> None:
    result = compared(3000, 0, 3000)
    assert result.p > 0
    assert 0.99 < result.low < 1.0


def test_each_further_win_raises_both_ends() -> None:
    results = [compared(wins, 5, 60) for wins in range(30)]
    assert all(a.low < b.low and a.high < b.high for a, b in pairwise(results))


def test_equally_good_prompts_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(7)
    discordant = rng.binomial(120, 0.2, size=3_000)
    wins = rng.binomial(discordant, 0.5)
    low, _ = difference_limits(wins, discordant - wins, 120, 0.95)
    assert (low > 0).mean() <= 0.025


def test_unequal_arms_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        exact_mcnemar([1.0, 0.0], [1.0])
