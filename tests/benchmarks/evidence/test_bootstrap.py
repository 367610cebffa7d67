from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as t_distribution

from benchmarks.evidence.bootstrap import Aggregate, Rows, bootstrap_interval, paired_bootstrap


def mean_of(scores: list[float]) -> Aggregate:
    column = np.array(scores)
    return lambda rows: float(column[rows].mean())


def macro_f1(expected: list[str], answers: list[str]) -> Aggregate:
    """The unweighted mean over expected labels of 2 · right / (expected + answered)."""
    labels = sorted(set(expected))
    truth, given = np.array([labels.index(x) for x in expected]), np.array([labels.index(x) for x in answers])

    def aggregate(rows: Rows) -> float:
        size = len(labels)
        right = np.bincount(truth[rows][truth[rows] == given[rows]], minlength=size)
        both = np.bincount(truth[rows], minlength=size) + np.bincount(given[rows], minlength=size)
        return float((2 * right / np.maximum(both, 1)).mean())

    return aggregate


def answered(rng: np.random.Generator, expected: list[str], accuracy: float) -> list[str]:
    labels = sorted(set(expected))
    return [answer if rng.random() < accuracy else labels[rng.integers(len(labels))] for answer in expected]


LABELS = ["a"] * 60 + ["b"] * 30 + ["c"] * 20 + ["d"] * 10


def test_a_mean_gets_the_stratified_standard_error() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = rng.random(120), rng.random(120)
    result = paired_bootstrap(mean_of(ours.tolist()), mean_of(theirs.tolist()), LABELS, seed=1)
    differences = {label: (ours - theirs)[np.array(LABELS) == label] for label in "abcd"}
    error = np.sqrt(sum(rows.var(ddof=1) * rows.size for rows in differences.values())) / 120
    assert result.mean == pytest.approx((ours - theirs).mean())
    assert result.high - result.low == pytest.approx(2 * 1.98 * error, rel=0.1)
    assert (result.n, result.test, result.level) == (120, "paired bootstrap", 0.95)


def test_a_clearly_better_prompt_is_proven_and_its_mirror_image_refused() -> None:
    rng = np.random.default_rng(5)
    good, poor = (macro_f1(LABELS, answered(rng, LABELS, accuracy)) for accuracy in (0.95, 0.5))
    result = paired_bootstrap(good, poor, LABELS, seed=2, resamples=400)
    mirrored = paired_bootstrap(poor, good, LABELS, seed=2, resamples=400)
    assert result.low > 0
    assert result.p < 0.001
    assert (mirrored.mean, mirrored.low, mirrored.high) == (-result.mean, -result.high, -result.low)
    assert mirrored.p == result.p


@pytest.mark.parametrize("level", [0.8, 0.95, 0.9992])
def test_the_interval_excludes_0_exactly_when_the_test_rejects(level: float) -> None:
    rng = np.random.default_rng(8)
    for accuracy in (0.6, 0.65, 0.7, 0.75, 0.8):
        ours, theirs = (macro_f1(LABELS, answered(rng, LABELS, share)) for share in (accuracy, 0.6))
        result = paired_bootstrap(ours, theirs, LABELS, level=level, seed=3, resamples=200)
        assert (result.low > 0 or result.high < 0) == (result.p <= 1 - level)
        assert result.low <= result.mean <= result.high


def test_equal_arms_are_not_proven_equal() -> None:
    arm = macro_f1(LABELS, LABELS)
    result = paired_bootstrap(arm, arm, LABELS, seed=0, resamples=50)
    assert (result.mean, result.p) == (0.0, 1.0)
    assert result.low == -result.high == pytest.approx(-(1 - 0.025 ** (1 / 120)))


def test_equally_good_prompts_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(21)
    promoted = 0
    for seed in range(200):
        ours, theirs = (macro_f1(LABELS, answered(rng, LABELS, 0.7)) for _ in range(2))
        promoted += paired_bootstrap(ours, theirs, LABELS, seed=seed, resamples=100).low > 0
    assert promoted / 200 <= 0.045


def test_the_same_seed_gives_the_same_interval() -> None:
    arm = macro_f1(LABELS, answered(np.random.default_rng(1), LABELS, 0.7))
    first, again, other = (bootstrap_interval(arm, LABELS, seed=seed, resamples=100) for seed in (4, 4, 5))
    assert first == again != other


def test_a_single_arm_keeps_within_its_range_and_has_width() -> None:
    perfect = bootstrap_interval(macro_f1(LABELS, LABELS), LABELS, seed=0, resamples=50, level=0.9)
    assert perfect.mean == perfect.high == 1.0
    assert perfect.low == pytest.approx(0.05 ** (1 / 120))
    assert (perfect.n, perfect.level) == (120, 0.9)


@pytest.mark.parametrize("expected", [["a"], ["a", "b"], ["a", "a", "b"], ["a", "b", "c", "c"]])
def test_answers_that_occur_once_still_vary(expected: list[str]) -> None:
    seen: set[tuple[int, ...]] = set()

    def aggregate(rows: Rows) -> float:
        seen.add(tuple(sorted(rows.tolist())))
        return 0.5

    interval = bootstrap_interval(aggregate, expected, seed=0, resamples=60)
    assert interval.low < 0.5 < interval.high
    drawn = {row for rows in seen if len(rows) < len(expected) for row in rows}
    assert len(expected) == 1 or drawn == set(range(len(expected)))


def test_a_class_of_few_rows_leaves_the_spread_uncertain() -> None:
    rng = np.random.default_rng(6)
    expected = ["often"] * 100 + ["seldom"] * 3
    ours, theirs = (macro_f1(expected, answered(rng, expected, 0.6)) for _ in range(2))
    usual, strict = (paired_bootstrap(ours, theirs, expected, level=level, seed=1) for level in (0.8, 0.9))
    ratio = (strict.high - strict.low) / (usual.high - usual.low)
    assert ratio > 1.15 * t_distribution.ppf(0.95, 101) / t_distribution.ppf(0.9, 101)


def test_a_skewed_value_has_a_skewed_interval() -> None:
    expected = ["yes"] * 60 + ["no"] * 60
    nearly = ["yes"] * 60 + ["no"] * 56 + ["yes"] * 4
    result = paired_bootstrap(macro_f1(expected, expected), macro_f1(expected, nearly), expected, seed=1)
    assert result.mean > 0
    assert result.high - result.mean > 1.2 * (result.mean - result.low)
