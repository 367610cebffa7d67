"""Verdicts on nights that were made by hand."""

from __future__ import annotations

import math

import pytest

from benchmarks.errors import DataError, InputError
from benchmarks.evidence.night_records import Baseline, Night, Policy, Scores
from benchmarks.evidence.nights import judge, judge_readings, read

ROWS = 300
POLICY = Policy()
NOTHING = (math.nan,) * ROWS


def scores(right: int, shift: int = 0) -> Scores:
    """`right` of the rows are right; `shift` says which ones fail."""
    return tuple(float((row + shift) % ROWS < right) for row in range(ROWS))


def steady(nights: int, right: int = 240) -> tuple[Night, ...]:
    """Nights on which replies wander a little, and the mean by a third of a point."""
    return tuple(Night(prompt=scores(right + n % 2, n % 3), anchor=scores(180 - n % 2, n % 3)) for n in range(nights))


def lower(nights: int, prompt: int, anchor: int = 180) -> tuple[Night, ...]:
    return tuple(Night(prompt=scores(prompt, n % 3), anchor=scores(anchor, n % 3)) for n in range(nights))


BASELINE = Baseline(
    prompt=tuple(night.prompt for night in steady(5)), anchor=tuple(night.anchor for night in steady(5))
)


def test_nights_like_the_baseline_are_unchanged() -> None:
    verdict = judge(BASELINE, steady(10), POLICY)
    assert (verdict.kind, verdict.opened, verdict.nights, verdict.since) == ("unchanged", None, 10, 0)
    assert verdict.p == 1
    assert verdict.difference is not None
    assert verdict.difference.low > -POLICY.min_drop
    assert "No drop of 2.0 points" in verdict.words


def test_a_prompt_that_fell_alone_has_regressed() -> None:
    verdict = judge(BASELINE, steady(20) + lower(2, prompt=210), POLICY)
    assert (verdict.kind, verdict.since, verdict.nights) == ("regressed", 20, 2)
    assert verdict.opened in {20, 21}
    assert verdict.p <= POLICY.alpha
    assert verdict.difference is not None
    assert verdict.difference.mean == pytest.approx(-0.1, abs=0.01)
    assert verdict.difference.high < 0
    assert "the anchor prompt holds its level" in verdict.words


def test_prompt_and_anchor_that_fell_together_are_drift() -> None:
    verdict = judge(BASELINE, steady(20) + lower(2, prompt=210, anchor=150), POLICY)
    assert verdict.kind == "environment_drift"
    assert verdict.opened is not None
    assert "the model or its endpoint has changed" in verdict.words


def test_without_an_anchor_nothing_is_said_of_the_endpoint() -> None:
    bare = Baseline(prompt=BASELINE.prompt)
    nights = [Night(prompt=night.prompt) for night in steady(20) + lower(2, prompt=210)]
    verdict = judge(bare, nights, POLICY)
    assert (verdict.kind, verdict.anchor) == ("regressed", None)
    assert "the anchor prompt was not measured" in verdict.words


def test_a_prompt_that_rose_has_improved_and_opens_nothing() -> None:
    verdict = judge(BASELINE, steady(20) + lower(3, prompt=270), POLICY)
    assert (verdict.kind, verdict.opened) == ("improved", None)


def test_a_fall_back_to_the_baseline_is_no_regression() -> None:
    nights = steady(20) + lower(20, prompt=270) + steady(30)
    assert all(judge(BASELINE, nights[:seen], POLICY).opened is None for seen in range(40, 70))
    assert judge(BASELINE, nights, POLICY).kind == "unchanged"


def test_a_regression_stays_open_until_the_level_is_back() -> None:
    nights = steady(20) + lower(10, prompt=210) + steady(10)
    opened = [judge(BASELINE, nights[:seen], POLICY).opened for seen in range(22, 41)]
    assert opened[0] in {20, 21}
    assert opened[-1] is None
    assert set(opened) == {opened[0], None}
    assert opened == sorted(opened, key=lambda night: night is None)


def test_one_bad_night_waits_for_confirmation() -> None:
    nights = steady(20) + lower(1, prompt=200) + steady(5)
    assert judge(BASELINE, nights[:21], POLICY).kind == "regressed"
    patient = Policy(confirm_runs=1)
    waiting = judge(BASELINE, nights[:21], patient)
    assert (waiting.kind, waiting.opened) == ("inconclusive", None)
    assert "1 more night in a row must agree" in waiting.words
    assert all(judge(BASELINE, nights[:seen], patient).opened is None for seen in range(21, 27))


def test_confirmation_comes_on_top() -> None:
    nights = steady(20) + lower(4, prompt=200)
    opened = [judge(BASELINE, nights, Policy(confirm_runs=runs)).opened for runs in (0, 1, 2, 3)]
    assert opened == [20, 21, 22, 23]


def test_a_night_without_half_of_its_rows_says_nothing() -> None:
    few = tuple(score if row < ROWS // 3 else math.nan for row, score in enumerate(scores(0)))
    for broken in (NOTHING, few):
        verdict = judge(BASELINE, (*steady(20), Night(prompt=broken, anchor=broken)), POLICY)
        assert (verdict.kind, verdict.tonight, verdict.opened) == ("inconclusive", None, None)
        assert "says nothing" in verdict.words
    nights = steady(20) + lower(3, prompt=210)
    verdict = judge(BASELINE, (*nights, Night(prompt=NOTHING, anchor=NOTHING)), POLICY)
    assert (verdict.kind, verdict.nights) == ("inconclusive", 3)
    assert verdict.opened == judge(BASELINE, nights, POLICY).opened
    assert "stays open" in verdict.words


def test_missing_rows_leave_the_difference_where_it_is() -> None:
    """A night that lost its hardest rows is not better for it."""
    kept = tuple(score if score else math.nan for score in scores(240))
    verdict = judge(BASELINE, (*steady(9), Night(prompt=kept, anchor=scores(180))), POLICY)
    assert verdict.kind == "unchanged"
    assert verdict.tonight is not None
    assert abs(verdict.tonight.mean) < 0.01


def test_too_few_rows_are_inconclusive_and_say_what_could_have_been_seen() -> None:
    few = Baseline(prompt=tuple(epoch[200:260] for epoch in BASELINE.prompt))
    verdict = judge(few, [Night(prompt=night.prompt[200:260]) for night in steady(3)], POLICY)
    assert verdict.kind == "inconclusive"
    assert POLICY.min_drop < verdict.smallest_detectable < 0.2
    assert f"{100 * verdict.smallest_detectable:.1f} points could have been seen" in verdict.words


def test_replies_that_always_repeat_are_not_taken_for_certain() -> None:
    same = Baseline(prompt=(scores(240),) * 5)
    verdict = judge(same, [Night(prompt=scores(239))], POLICY)
    assert verdict.opened is None
    assert verdict.difference is not None
    assert verdict.difference.high > 0


def test_readings_may_be_kept_instead_of_rows() -> None:
    nights = steady(20) + lower(3, prompt=210)
    kept = [read(BASELINE, [night])[0] for night in nights]
    assert judge_readings(BASELINE, kept, POLICY) == judge(BASELINE, nights, POLICY)


def test_a_baseline_needs_five_epochs() -> None:
    with pytest.raises(DataError, match="has 4 epochs of the prompt; it needs at least 5"):
        Baseline(prompt=BASELINE.prompt[:4])
    with pytest.raises(DataError, match="of the anchor"):
        Baseline(prompt=BASELINE.prompt, anchor=BASELINE.anchor[:1])
    with pytest.raises(DataError, match=r"Epoch 6 .* fewer than half"):
        Baseline(prompt=(*BASELINE.prompt, NOTHING))


@pytest.mark.parametrize("row", [1.5, -0.1, math.inf])
def test_scores_lie_between_0_and_1(row: float) -> None:
    with pytest.raises(DataError, match="scores lie between 0 and 1"):
        judge(BASELINE, [Night(prompt=(row, *scores(240)[1:]))], POLICY)


def test_nights_have_the_baselines_rows() -> None:
    with pytest.raises(DataError, match="Night 0 has 1 rows, the baseline 300"):
        judge(BASELINE, [Night(prompt=(1.0,))], POLICY)
    with pytest.raises(DataError, match="no night to judge"):
        judge(BASELINE, [], POLICY)


@pytest.mark.parametrize("policy", [{"alpha": 0.0}, {"min_drop": 1.0}, {"confirm_runs": -1}, {"nights_per_year": 0}])
def test_a_policy_that_makes_no_sense_is_refused(policy: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(policy))):
        Policy(**policy)  # type: ignore[arg-type]
