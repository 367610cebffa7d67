"""Agreement of a judge with people, against the libraries that compute the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from benchmarks.evidence.agreement import Agreement, agreement

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40)


def of(human: list[float], judge: list[float], *, binary: bool = True, ungraded: int = 0, seed: int = 0) -> Agreement:
    return agreement(human, judge, ungraded=ungraded, binary=binary, seed=seed)


def split(pairs: list[tuple[int, int]]) -> tuple[list[float], list[float]]:
    return [float(human) for human, _ in pairs], [float(judge) for _, judge in pairs]


def drawn(n: int, seed: int, same: float = 0.85) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    human = rng.integers(2, size=n)
    judge = np.where(rng.random(n) < same, human, 1 - human)
    return human.astype(float).tolist(), judge.astype(float).tolist()


def test_cohen_s_own_example() -> None:
    """20 and 15 of 50 grants, Cohen (1960) as retold on Wikipedia, "Cohen's kappa": kappa is 0.4."""
    human, judge = split([(1, 1)] * 20 + [(1, 0)] * 5 + [(0, 1)] * 10 + [(0, 0)] * 15)
    found = of(human, judge)
    assert found.same is not None
    assert found.kappa is not None
    assert (found.n, found.same.mean) == (50, 0.7)
    assert found.kappa.mean == pytest.approx(0.4)
    assert found.kappa.low < 0.4 < found.kappa.high
    assert (found.spearman, found.distance) == (None, None)


@given(PAIRS)
def test_kappa_is_what_scikit_learn_says_or_not_defined(pairs: list[tuple[int, int]]) -> None:
    human, judge = split(pairs)
    found = of(human, judge)
    assert found.same is not None
    assert found.same.mean == pytest.approx(np.mean(np.array(human) == np.array(judge)))
    if len(set(human)) == len(set(judge)) == 1 and human[0] == judge[0]:
        assert found.kappa is None
    else:
        assert found.kappa is not None
        assert found.kappa.mean == pytest.approx(cohen_kappa_score(human, judge))
        assert -1 <= found.kappa.low <= found.kappa.mean <= found.kappa.high <= 1


def test_the_rank_correlation_is_what_scipy_says() -> None:
    rng = np.random.default_rng(3)
    human = rng.integers(5, size=64) / 4
    judge = np.clip(human + rng.integers(-1, 2, size=64) / 4, 0, 1)
    found = of(human.tolist(), judge.tolist(), binary=False)
    assert found.spearman is not None
    assert found.distance is not None
    assert found.spearman.mean == pytest.approx(spearmanr(human, judge).statistic)
    assert found.distance.mean == pytest.approx(np.abs(human - judge).mean())
    assert found.distance.low < found.distance.mean < found.distance.high
    assert (found.same, found.kappa) == (None, None)


def test_a_judge_that_gives_one_grade_to_all_correlates_with_nobody() -> None:
    assert of([0.0, 0.5, 1.0], [0.5, 0.5, 0.5], binary=False).spearman is None
    assert "not defined" in str(of([1.0] * 60, [1.0] * 60))


def test_the_same_seed_gives_the_same_interval() -> None:
    assert of(*drawn(64, 1), seed=5) == of(*drawn(64, 1), seed=5)
    assert of(*drawn(64, 1), seed=5) != of(*drawn(64, 1), seed=6)


def test_the_interval_of_kappa_holds_the_truth_about_as_often_as_it_says() -> None:
    truth = 0.7  # of fair labels that are repeated with probability 0.85
    hits = 0
    for seed in range(100):
        kappa = of(*drawn(64, seed)).kappa
        assert kappa is not None
        hits += kappa.low <= truth <= kappa.high
    assert hits >= 88


def test_fifty_are_enough() -> None:
    assert of(*drawn(50, 0)).enough
    assert not of(*drawn(49, 0), ungraded=1).enough


def test_it_is_said_in_words() -> None:
    human, judge = split([(1, 1)] * 30 + [(0, 0)] * 26 + [(1, 0)] * 8)
    assert str(of(human, judge)).startswith("the judge agrees with 88% of 64 human labels, kappa 0.75 [0.")
    assert str(of([], [], ungraded=9)) == "the judge graded none of the replies that people have graded"
    assert "away from 3 human labels" in str(of([0.0, 0.5, 1.0], [0.0, 0.5, 0.5], binary=False))
