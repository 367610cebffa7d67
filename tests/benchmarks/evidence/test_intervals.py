from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.evidence.intervals import bounded_mean, mean_interval, proportion


@pytest.mark.parametrize(("ones", "n", "level"), [(81, 263, 0.95), (0, 20, 0.95), (20, 20, 0.99), (1, 1, 0.95)])
def test_a_proportion_has_wilsons_interval(ones: int, n: int, level: float) -> None:
    interval = proportion([1.0] * ones + [0.0] * (n - ones), level)
    expected = binomtest(ones, n).proportion_ci(level, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (interval.mean, interval.n, interval.level) == (ones / n, n, level)


def test_a_proportion_matches_the_textbook() -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 gives 0.2553 to 0.3662."""
    interval = proportion([1.0] * 81 + [0.0] * 182)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.2553, 0.3662)


def test_a_bounded_mean_has_students_interval() -> None:
    interval = bounded_mean([0.2, 0.9, 0.4, 0.7, 0.1] * 8)
    rows = np.array([0.2, 0.9, 0.4, 0.7, 0.1] * 8)
    half = 2.0226909 * rows.std(ddof=1) / np.sqrt(40)
    assert interval.low == pytest.approx(rows.mean() - half)
    assert interval.high == pytest.approx(rows.mean() + half)


def test_identical_rows_are_no_certainty() -> None:
    ten, hundred = bounded_mean([1.0] * 10), bounded_mean([1.0] * 100)
    exact = binomtest(10, 10).proportion_ci(0.95, method="exact")
    assert (ten.low, ten.high) == pytest.approx((exact.low, 1.0))
    assert ten.low < hundred.low < 1.0
    middle = bounded_mean([0.5] * 10)
    assert middle.low < 0.5 < middle.high


def test_nearly_identical_rows_are_no_certainty_either() -> None:
    same, nearly = bounded_mean([0.5] * 10), bounded_mean([0.5] * 9 + [0.5 + 1e-9])
    assert (nearly.low, nearly.high) == pytest.approx((same.low, same.high), abs=1e-6)


def test_one_row_says_next_to_nothing() -> None:
    interval = bounded_mean([0.5])
    assert (interval.low, interval.high) == pytest.approx((0.0125, 0.9875))


def test_a_higher_level_is_wider() -> None:
    rows = [0.1, 0.4, 0.8, 0.9, 0.3, 0.2]
    usual, strict = bounded_mean(rows, 0.95), bounded_mean(rows, 0.99)
    assert strict.low < usual.low < usual.high < strict.high


def test_the_kind_of_score_chooses_the_interval() -> None:
    scores = [1.0, 0.0, 1.0, 1.0]
    assert mean_interval(scores, binary=True, level=0.9) == proportion(scores, 0.9)
    assert mean_interval(scores, binary=False, level=0.9) == bounded_mean(scores, 0.9)
