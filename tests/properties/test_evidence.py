"""What holds for the evidence of every comparison, whatever the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.evidence.bootstrap import Aggregate, paired_bootstrap
from benchmarks.evidence.detectable import smallest_detectable_difference
from benchmarks.evidence.intervals import bounded_mean, proportion
from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.paired_mean import paired_t
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.evidence.sequential import confidence_sequence

Rows = list[tuple[float, float]]

levels = st.one_of(st.sampled_from([0.5, 0.95, 0.9696, 0.99]), st.floats(min_value=0.5, max_value=0.99999))
binary = st.sampled_from([0.0, 1.0])
bounded = st.one_of(st.floats(min_value=0, max_value=1), st.sampled_from([0.0, 0.3, 0.5, 1.0]))


def mean_of(scores: Sequence[float]) -> Aggregate:
    column = np.array(scores)
    return lambda rows: float(column[rows].mean())


def bootstrapped(winner: Sequence[float], baseline: Sequence[float], level: float) -> PairedDifference:
    expected = ["even" if row % 2 == 0 else "odd" for row in range(len(winner))]
    return paired_bootstrap(mean_of(winner), mean_of(baseline), expected, level=level, seed=0, resamples=20)


Compare = Callable[[Sequence[float], Sequence[float], float], PairedDifference]
tests: st.SearchStrategy[tuple[Compare, Rows]] = st.one_of(
    st.tuples(st.just(exact_mcnemar), st.lists(st.tuples(binary, binary), min_size=1, max_size=60)),
    st.tuples(st.just(paired_t), st.lists(st.tuples(bounded, bounded), min_size=1, max_size=60)),
    st.tuples(st.just(confidence_sequence), st.lists(st.tuples(bounded, bounded), min_size=1, max_size=40)),
    st.tuples(st.just(bootstrapped), st.lists(st.tuples(bounded, bounded), min_size=1, max_size=20)),
)


@settings(max_examples=300, deadline=None)
@given(tests, levels)
def test_interval_and_p_tell_the_same_story(case: tuple[Compare, Rows], level: float) -> None:
    test, rows = case
    winner, baseline = zip(*rows, strict=True)
    result = test(winner, baseline, level)
    assert -1 <= result.low <= result.mean <= result.high <= 1
    assert result.low < result.high
    assert 0 < result.p <= 1
    assert (result.low > 0 or result.high < 0) == (result.p <= 1 - level)
    assert (result.n, result.level) == (len(rows), level)


@settings(max_examples=200, deadline=None)
@given(tests, levels)
def test_exchanging_the_arms_mirrors_the_result(case: tuple[Compare, Rows], level: float) -> None:
    test, rows = case
    winner, baseline = zip(*rows, strict=True)
    result, mirrored = test(winner, baseline, level), test(baseline, winner, level)
    assert (mirrored.mean, mirrored.low, mirrored.high) == (-result.mean, -result.high, -result.low)
    assert mirrored.p == result.p


@settings(max_examples=200, deadline=None)
@given(tests, levels, levels)
def test_a_higher_level_never_proves_more(case: tuple[Compare, Rows], one: float, other: float) -> None:
    test, rows = case
    winner, baseline = zip(*rows, strict=True)
    usual, strict = (test(winner, baseline, level) for level in sorted((one, other)))
    assert strict.low <= usual.low + 1e-12
    assert usual.high <= strict.high + 1e-12
    assert strict.p == usual.p


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(binary, binary), min_size=1, max_size=40), levels)
def test_the_order_of_rows_does_not_matter_to_the_exact_test(rows: Rows, level: float) -> None:
    (winner, baseline), (ours, theirs) = zip(*rows, strict=True), zip(*sorted(rows), strict=True)
    assert exact_mcnemar(winner, baseline, level) == exact_mcnemar(ours, theirs, level)


@pytest.mark.parametrize(("interval", "scores"), [(proportion, binary), (bounded_mean, bounded)])
def test_no_mean_is_certain(
    interval: Callable[[Sequence[float], float], Interval], scores: st.SearchStrategy[float]
) -> None:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(scores, min_size=1, max_size=60), levels)
    def holds(rows: list[float], level: float) -> None:
        result = interval(rows, level)
        assert 0 <= result.low <= result.mean <= result.high <= 1
        assert result.high - result.low > 0.1 / len(rows)
        assert (result.n, result.level) == (len(rows), level)

    holds()


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 5_000),
    st.floats(min_value=0.001, max_value=1),
    st.floats(min_value=0.0001, max_value=0.2),
    st.floats(min_value=0.5, max_value=0.99),
)
def test_one_more_row_never_hides_a_difference(n: int, discordance: float, alpha: float, power: float) -> None:
    now, then = (
        smallest_detectable_difference(rows, discordance=discordance, alpha=alpha, power=power) for rows in (n, n + 1)
    )
    assert 0 < then <= now <= 1
