"""The posterior finds abilities that are known here, because the replies are drawn from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm, spearmanr

from optimizers.kernels import Kernels
from optimizers.posterior import Posterior, fit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Candidates in groups that are alike, and rows; `chances` is how likely each candidate is right on each row."""

    ability: Floats
    difficulty: Floats
    groups: npt.NDArray[np.int64]

    @property
    def chances(self) -> Floats:
        return np.asarray(norm.cdf(self.ability[:, None] - self.difficulty[None, :]))

    @property
    def true_scores(self) -> Floats:
        return np.asarray(norm.cdf(self.ability / np.sqrt(1 + np.var(self.difficulty))))

    def replies(self, seed: int) -> Floats:
        """Right or wrong, all candidates on all rows."""
        return (np.random.default_rng(seed).random(self.chances.shape) < self.chances).astype(float)


def world(candidates: int, rows: int, seed: int, *, of_group: float = 0.0, own: float = 0.5) -> World:
    rng = np.random.default_rng(seed)
    groups = np.arange(candidates) % 6
    ability = 0.3 + of_group * rng.standard_normal(6)[groups] + own * rng.standard_normal(candidates)
    return World(ability=ability, difficulty=rng.standard_normal(rows), groups=groups)


def kernels(groups: npt.NDArray[np.int64]) -> Kernels:
    alike = (groups[:, None] == groups[None, :]).astype(float)
    return Kernels(parts={"group": alike, "own": np.eye(len(groups))})


def strangers(candidates: int) -> Kernels:
    return Kernels(parts={"own": np.eye(candidates)})


def between(known: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> Kernels:
    alike = (others[:, None] == known[None, :]).astype(float)
    return Kernels(parts={"group": alike, "own": np.zeros(alike.shape)})


def hidden(scores: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    return np.where(seen, scores, np.nan)


def at_random(made: World, share: float, seed: int) -> Floats:
    """The replies to some of the rows, other ones for each candidate."""
    scores = made.replies(seed)
    return hidden(scores, np.random.default_rng(1000 + seed).random(scores.shape) < share)


def error(found: Floats, true: Floats) -> float:
    return float(np.sqrt(np.mean((found - true) ** 2)))


def finite(posterior: Posterior) -> bool:
    found = (posterior.ability, posterior.covariance, posterior.difficulty, posterior.difficulty_doubt)
    return all(np.isfinite(values).all() for values in found)


def test_abilities_are_recovered_better_than_by_means_where_rows_differ() -> None:
    by_means, by_posterior = [], []
    for seed in range(8):
        made = world(24, 120, seed)
        easiest = np.argsort(made.difficulty)
        seen = np.zeros((24, 120), dtype=bool)
        seen[:, easiest[::4]] = True  # Some rows in common, beside them easy ones for the one half, hard for the other.
        seen[::2, easiest[:45]] = True
        seen[1::2, easiest[-45:]] = True
        scores = hidden(made.replies(seed), seen)
        by_means.append(error(np.nanmean(scores, axis=1), made.true_scores))
        by_posterior.append(error(fit(scores, strangers(24)).scores(), made.true_scores))
    assert np.mean(by_posterior) < 0.6 * np.mean(by_means)


def test_rows_are_as_hard_as_they_are() -> None:
    made = world(30, 80, seed=6)
    posterior = fit(at_random(made, 0.7, seed=6), strangers(30))
    assert spearmanr(posterior.difficulty, made.difficulty).statistic > 0.85
    assert 0.8 < np.std(posterior.difficulty) / np.std(made.difficulty) < 1.2
    assert posterior.difficulty_variance == pytest.approx(1.0, abs=0.4)


def test_few_rows_say_little_and_many_say_much() -> None:
    made = world(12, 200, seed=3)
    seen = np.zeros((12, 200), dtype=bool)
    seen[:, :4] = True
    seen[0] = True
    posterior = fit(hidden(made.replies(0), seen), strangers(12))
    doubt = np.diag(posterior.covariance)
    assert doubt[0] < 0.2 * doubt[1:].min()
    assert abs(posterior.scores()[0] - made.true_scores[0]) < 0.1


def test_a_lucky_start_counts_less_than_a_good_mean_on_many_rows() -> None:
    scores = np.full((12, 100), np.nan)
    scores[:, :4] = (np.arange(12)[:, None] + np.arange(4)) % 3 > 0  # Two rows of three are right.
    scores[0, :4] = 1.0
    scores[1] = np.arange(100) % 10 > 0
    scores[2] = np.arange(100) % 2
    lucky, solid, weak, *others = fit(scores, strangers(12)).scores()
    assert solid > lucky > max(others) > weak


def test_candidates_that_are_alike_inform_each_other_and_those_not_tried_yet() -> None:
    found = []
    for seed in range(6):
        made = world(60, 80, seed, of_group=0.8, own=0.2)
        tried, others = made.groups[:30], made.groups[30:]
        posterior = fit(made.replies(seed)[:30, :12], kernels(tried))
        mean, covariance = posterior.predict(between(tried, others), kernels(others))
        assert covariance.shape == (30, 30)
        assert np.linalg.eigvalsh(covariance).min() > -1e-9
        found.append(spearmanr(mean, made.ability[30:]).statistic)
    assert np.mean(found) > 0.7


def test_the_part_that_candidates_share_is_learnt() -> None:
    def share(of_group: float, own: float) -> float:
        made = world(60, 60, 1, of_group=of_group, own=own)
        variances = fit(made.replies(1), kernels(made.groups)).variances
        return variances["group"] / sum(variances.values())

    assert share(0.8, 0.1) > share(0.4, 0.4) > share(0.0, 0.8)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_scores_between_0_and_1_count_for_what_they_are(noise: float) -> None:
    made = world(16, 60, seed=5)
    luck = np.random.default_rng(5).uniform(-noise, noise, (16, 60))
    posterior = fit(np.clip(made.chances + luck, 0.0, 1.0), strangers(16))
    assert finite(posterior)
    assert spearmanr(posterior.ability, made.ability).statistic > 0.95
    # Such scores say more than right and wrong does.
    assert np.diag(posterior.covariance).mean() < np.diag(fit(made.replies(5), strangers(16)).covariance).mean()


def test_candidates_without_rows_get_the_prior() -> None:
    made = world(18, 60, seed=2, of_group=0.8, own=0.2)
    scores = made.replies(2)
    scores[12:] = np.nan
    alone = np.where(np.arange(18) == 17, 99, made.groups)
    posterior = fit(scores, kernels(alone))
    assert posterior.ability[17] == pytest.approx(posterior.centre)
    assert posterior.covariance[17, 17] == pytest.approx(posterior.prior[17, 17])
    # The others without rows have a like who ran.
    assert np.all(np.diag(posterior.covariance)[12:17] < np.diag(posterior.prior)[12:17])


def test_where_nothing_was_scored_nothing_is_known() -> None:
    for scores in (np.full((5, 4), np.nan), np.empty((5, 0))):
        posterior = fit(scores, strangers(5))
        assert posterior.scores() == pytest.approx([0.5] * 5)
        assert finite(posterior)
    made = fit(np.array([[1.0, 0.0, np.nan]]), strangers(1))
    assert finite(made)


@pytest.mark.parametrize("reply", [0.0, 1.0])
def test_all_wrong_and_all_right_are_extreme_and_finite(reply: float) -> None:
    posterior = fit(np.full((6, 40), reply), kernels(np.arange(6) % 2))
    assert finite(posterior)
    assert np.all(np.abs(posterior.scores() - reply) < 0.1)
    one_right = np.full((6, 40), 1 - reply)
    one_right[3] = reply
    posterior = fit(one_right, strangers(6))
    assert finite(posterior)
    assert np.argmax(np.abs(posterior.ability - posterior.ability[0])) == 3


def test_rows_that_nobody_ran_say_nothing() -> None:
    made = world(10, 40, seed=7)
    scores = made.replies(7)
    scores[:, 25:] = np.nan
    posterior = fit(scores, strangers(10))
    assert finite(posterior)
    assert posterior.difficulty[25:] == pytest.approx([0.0] * 15)
    assert np.argsort(posterior.ability).tolist() == np.argsort(fit(scores[:, :25], strangers(10)).ability).tolist()


def test_the_order_of_candidates_and_rows_has_no_say() -> None:
    made = world(14, 50, seed=4, of_group=0.4)
    scores, rng = at_random(made, 0.6, seed=4), np.random.default_rng(4)
    candidates, rows = rng.permutation(14), rng.permutation(50)
    one = fit(scores, kernels(made.groups))
    other = fit(scores[np.ix_(candidates, rows)], kernels(made.groups[candidates]))
    assert other.ability == pytest.approx(one.ability[candidates], abs=1e-9)
    assert other.difficulty == pytest.approx(one.difficulty[rows], abs=1e-9)
    assert other.covariance == pytest.approx(one.covariance[np.ix_(candidates, candidates)], abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_covariance_is_one(seed: int) -> None:
    made = world(20, 60, seed, of_group=0.5)
    covariance = fit(at_random(made, 0.3, seed), kernels(made.groups)).covariance
    assert covariance == pytest.approx(covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_what_is_doubted_is_about_what_is_wrong() -> None:
    within = []
    for seed in range(40):
        made = world(20, 60, seed)
        posterior = fit(at_random(made, 0.5, seed), strangers(20))
        # Differences to the mean candidate: how hard the rows are on the whole is known to nobody.
        centred = np.eye(20) - 1 / 20
        doubt = np.sqrt(np.diag(centred @ posterior.covariance @ centred))
        within += list(np.abs(centred @ (posterior.ability - made.ability)) <= 1.96 * doubt)
    assert 0.93 < np.mean(within) < 0.97
