from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.evidence.detectable import chance_at_best, smallest_detectable_difference
from benchmarks.evidence.mcnemar import exact_mcnemar


def rows_needed(difference: float, discordance: float, alpha: float, power: float) -> float:
    z_alpha, z_beta = NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)
    spread = z_alpha * math.sqrt(discordance) + z_beta * math.sqrt(discordance - difference**2)
    return (spread / difference) ** 2


@pytest.mark.parametrize("discordance", [0.1, 0.3, 0.8])
@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.0304, 0.9), (0.0076, 0.5)])
def test_it_inverts_the_published_sample_size(discordance: float, alpha: float, power: float) -> None:
    difference = smallest_detectable_difference(400, discordance=discordance, alpha=alpha, power=power)
    assert rows_needed(difference, discordance, alpha, power) == pytest.approx(400)


@pytest.mark.parametrize(("n", "discordance"), [(50, 0.4), (200, 0.1), (200, 0.3), (1000, 0.2)])
def test_the_exact_test_finds_the_difference_about_as_often_as_promised(n: int, discordance: float) -> None:
    difference = smallest_detectable_difference(n, discordance=discordance)
    discordant = np.arange(n + 1)
    wins_needed = binom.isf(0.025, discordant, 0.5) + 1
    found = binom.sf(wins_needed - 1, discordant, (1 + difference / discordance) / 2)
    assert 0.75 < (binom.pmf(discordant, n, discordance) * found).sum() < 0.8


@pytest.mark.parametrize("discordance", [0.02, 0.2, 1.0])
def test_more_rows_show_smaller_differences(discordance: float) -> None:
    differences = [smallest_detectable_difference(n, discordance=discordance) for n in range(1, 500)]
    assert differences == sorted(differences, reverse=True)
    assert all(0 < difference <= 1 for difference in differences)


def test_prompts_that_disagree_more_need_a_larger_difference() -> None:
    differences = [smallest_detectable_difference(300, discordance=share) for share in (0.001, 0.05, 0.2, 0.5, 1.0)]
    assert differences == sorted(differences)


def test_a_later_look_needs_a_larger_difference() -> None:
    assert smallest_detectable_difference(300, alpha=0.0076) > smallest_detectable_difference(300, alpha=0.0304)


def test_three_rows_show_nothing() -> None:
    assert smallest_detectable_difference(3) == 1.0


@pytest.mark.parametrize("alpha", [0.05, 0.0304, 0.0076])
@pytest.mark.parametrize(("n", "share"), [(30, 0.2), (12, 0.6), (5, 0.9), (40, 0.05)])
def test_the_chance_at_best_is_that_of_the_exact_test(n: int, share: float, alpha: float) -> None:
    proven = [exact_mcnemar([1.0] * n, [0.0] * wins + [1.0] * (n - wins), 1 - alpha).low > 0 for wins in range(n + 1)]
    expected = sum(binom.pmf(wins, n, share) for wins in range(n + 1) if proven[wins])
    assert chance_at_best(n, share, alpha=alpha) == pytest.approx(expected)
