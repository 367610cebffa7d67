"""What proofs promise about chance, on fewer runs than the tables of docs/proof.md have."""

from __future__ import annotations

import pytest

from benchmarks.evidence.detectable import chance_at_best
from benchmarks.evidence.looks import alpha_for_look
from tests.performance.chance import decisions, jobs, stops
from tests.performance.chance.coverage import at_all_times, of_macro_f1, of_mcnemar, of_paired_t
from tests.performance.chance.worlds import World, binary_worlds, class_worlds, graded_worlds, right_or_wrong

LEAST = 0.93
EQUAL = World(name="equal", winner=right_or_wrong(0.7), baseline=right_or_wrong(0.7), correlation=0.5)
BETTER = World(name="better", winner=right_or_wrong(0.85), baseline=right_or_wrong(0.7), correlation=0.5)


@pytest.mark.parametrize("proof", [decisions.fixed, decisions.sequential])
def test_equally_good_prompts_are_promoted_in_at_most_5_percent(proof: decisions.Prove) -> None:
    found = proof(EQUAL, 100, runs=2000, seed=1)
    assert 0 < found.promoted <= 0.03


def test_the_difference_that_a_fixed_proof_reports_is_unbiased() -> None:
    for world in (EQUAL, BETTER):
        found = decisions.fixed(world, 100, runs=4000, seed=2)
        assert abs(found.bias) <= 3 * found.error


def test_a_sequential_proof_saves_rows_in_clear_cases_and_exaggerates_a_little() -> None:
    found = decisions.sequential(BETTER, 400, runs=500, seed=3)
    assert found.promoted > 0.97
    assert found.rows < 200
    assert 0 < found.bias < 0.04


@pytest.mark.parametrize("in_sequence", [False, True])
def test_twenty_looks_at_one_split_err_in_at_most_5_percent_of_splits(in_sequence: bool) -> None:
    assert 0 < decisions.family_wise(100, looks=20, runs=1000, seed=4, in_sequence=in_sequence) <= 0.05


def test_twenty_looks_that_spent_nothing_would_err_often() -> None:
    assert decisions.family_wise(100, looks=20, runs=500, seed=4, spend=False) > 0.08


@pytest.mark.parametrize("rows", [20, 100])
def test_intervals_of_0_and_1_scores_cover(rows: int) -> None:
    for world in binary_worlds((0.5,)):
        assert of_mcnemar(world, rows, runs=4000, seed=5).covered >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 100, 400])
def test_intervals_of_graded_scores_cover(rows: int) -> None:
    for world in graded_worlds((0.95,)):
        found = of_paired_t(world, rows, runs=200, seed=6)
        assert found.covered >= LEAST - 0.03, world  # about two standard errors of 200 runs


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 50])
def test_intervals_of_macro_f1_cover(rows: int) -> None:
    for world in class_worlds():
        found = of_macro_f1(world, rows, runs=120, seed=7, resamples=60)
        assert found.covered >= LEAST - 0.04, world


@pytest.mark.slow
def test_confidence_sequences_cover_after_all_rows_at_once() -> None:
    for world in (EQUAL, BETTER, *graded_worlds((0.5,))):
        assert at_all_times(world, 100, runs=400, seed=8) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("world", stops.WORLDS)
def test_the_look_ends_jobs_with_nothing_to_gain_and_hardly_any_that_would_promote(world: str) -> None:
    assert stops.stopped(world, 0.0, calls=4000, proof_rows=200, runs=5) == 1.0
    for gain in (0.03, 0.05, 0.1):
        ended = stops.stopped(world, gain, calls=4000, proof_rows=200, runs=40)
        assert ended * chance_at_best(200, gain, alpha=alpha_for_look(1)) <= 0.06


@pytest.mark.slow
def test_whole_jobs_of_equally_good_prompts_promote_hardly_ever() -> None:
    assert jobs.run(runs=30, calls=250, sequential=True).promoted <= 1
