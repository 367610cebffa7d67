"""What holds for nightly verdicts, whatever the nights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.evidence.level_changes import WOBBLES, Bets, Series, half_width, posterior
from benchmarks.evidence.night_course import Course
from benchmarks.evidence.night_records import Baseline, Night, Policy, Scores
from benchmarks.evidence.nights import judge, read

POLICY = Policy()


@st.composite
def histories(draw: st.DrawFn, *, missing: bool = True) -> tuple[Baseline, tuple[Night, ...]]:
    """Baselines and nights of a few rows, with one change of level, of 0/1 or other scores."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, nights = draw(st.integers(20, 60)), draw(st.integers(1, 12))
    change = draw(st.sampled_from([0.0, -0.4, -0.7, 0.15]))
    begins = draw(st.integers(0, nights))
    lost = draw(st.sampled_from([0.0, 0.2])) if missing else 0.0
    graded = draw(st.booleans())

    def table(lines: int, level: float) -> list[Scores]:
        chance = rng.random((lines, rows))
        scores = np.clip(level + 0.1 * (chance - 0.5), 0, 1) if graded else (chance < level).astype(np.float64)
        scores[rng.random((lines, rows)) < lost] = math.nan
        return [tuple(line) for line in scores.tolist()]

    arms = []
    for _ in range(2):
        before, after = table(5 + begins, 0.8), table(nights - begins, 0.8 + change)
        arms.append([*before, *after])
    prompt, anchor = arms
    later = [Night(prompt=ours, anchor=theirs) for ours, theirs in zip(prompt[5:], anchor[5:], strict=True)]
    return Baseline(prompt=tuple(prompt[:5]), anchor=tuple(anchor[:5])), tuple(later)


@settings(max_examples=60, deadline=None)
@given(histories(), st.integers(0, 2**32))
def test_the_order_of_rows_has_no_say(history: tuple[Baseline, tuple[Night, ...]], seed: int) -> None:
    baseline, nights = history
    order = np.random.default_rng(seed).permutation(len(baseline.prompt[0]))

    def mixed(scores: Scores) -> Scores:
        return tuple(scores[row] for row in order)

    other = Baseline(prompt=tuple(map(mixed, baseline.prompt)), anchor=tuple(map(mixed, baseline.anchor)))
    moved = tuple(Night(prompt=mixed(night.prompt), anchor=mixed(night.anchor)) for night in nights)
    assert judge(other, moved, POLICY) == judge(baseline, nights, POLICY)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_prompt_and_anchor_that_move_alike_never_mean_a_regression(
    history: tuple[Baseline, tuple[Night, ...]],
) -> None:
    baseline, nights = history
    twin = Baseline(prompt=baseline.prompt, anchor=baseline.prompt)
    alike = tuple(Night(prompt=night.prompt, anchor=night.prompt) for night in nights)
    for seen in range(1, len(alike) + 1):
        assert judge(twin, alike[:seen], POLICY).kind != "regressed"


@settings(max_examples=40, deadline=None)
@given(histories())
def test_a_verdict_told_live_is_the_one_rebuilt_from_history(history: tuple[Baseline, tuple[Night, ...]]) -> None:
    baseline, nights = history
    course = Course(baseline, read(baseline, nights), POLICY)
    rebuilt = [course.verdict(standing) for standing in course.standings()]
    assert rebuilt == [judge(baseline, nights[:seen], POLICY) for seen in range(1, len(nights) + 1)]


@settings(max_examples=100, deadline=None)
@given(
    st.floats(1e-6, 1e-3),
    st.floats(1e-6, 1e-3),
    st.integers(1, 30),
    st.lists(st.floats(0.01, 1), min_size=11, max_size=11),
)
def test_more_rows_never_widen_the_interval(one: float, other: float, nights: int, weights: list[float]) -> None:
    """With the same wobble, a smaller chance in the replies, which more rows bring, gives a narrower interval."""
    wobbles = np.array(weights) / sum(weights)
    widths = []
    for sampling in sorted((one, other)):
        series = Series(np.zeros(5 + nights), np.ones(5 + nights), np.full(5 + nights, sampling), epochs=5)
        widths.append(half_width(0.95, series.variances(-5, 0) + series.variances(0, nights), wobbles))
    assert widths[0] <= widths[1] + 1e-9


@settings(max_examples=60, deadline=None)
@given(histories())
def test_the_interval_tells_the_same_story_as_its_p(history: tuple[Baseline, tuple[Night, ...]]) -> None:
    verdict = judge(*history, POLICY)
    assert 0 < verdict.p <= 1
    for found in (verdict.difference, verdict.anchor, verdict.tonight):
        if found is not None:
            assert -1 <= found.low <= found.mean <= found.high <= 1
            assert (found.low > 0 or found.high < 0) == (found.p <= 0.05)
    assert (verdict.opened is not None) or verdict.kind not in {"regressed", "environment_drift"}
    assert len(verdict.words) > 20


@settings(max_examples=6, deadline=None)
@given(st.sampled_from([*WOBBLES[WOBBLES <= 0.01]]), st.floats(0.005, 0.03), st.integers(0, 2**32))
def test_the_evidence_of_a_night_that_may_begin_a_change_is_an_e_value(wobble: float, spread: float, seed: int) -> None:
    """For nights that are normal with a wobble drawn from its prior, the mean of the likelihood ratio is 1 exactly."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, (spread**2 + wobble**2) ** 0.5, 8)
    series = Series(values, np.ones(8), np.full(8, spread**2), epochs=7)
    grid = np.linspace(-0.4, 0.4, 241)
    past = series.log_likelihoods(-7, 0)
    total = 0.0
    for value in grid:
        now = Series(np.append(values[:7], value), np.ones(8), np.full(8, spread**2), epochs=7)
        together = now.log_likelihoods(-7, 1)
        wobbles = posterior(together)
        fall, _ = now.changes(-7, 0, 1, wobbles, Bets(sizes=np.array([0.05]), stakes=np.array([1.0])))
        # What the nights before say about the next one, wobble by wobble.
        predicted = (posterior(past) * np.exp(together - past)).sum()
        total += math.exp(fall.log_evidence) * predicted
    assert total * float(grid[1] - grid[0]) / math.sqrt(2 * math.pi) == pytest.approx(1, rel=1e-3)
