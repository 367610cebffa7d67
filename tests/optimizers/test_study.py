from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.datasets.records import Example
from benchmarks.prompts.delimiters import FAMILIES
from benchmarks.prompts.layout import PLACEMENTS, Signature
from benchmarks.prompts.prompt import Prompt
from optimizers.kernels import Likeness
from optimizers.posterior import fit
from optimizers.proposers.protocol import Proposal
from optimizers.space import SearchSpace
from optimizers.study import AT_RANDOM, POSTERIOR, PRIOR_ROWS, TPE, Candidate, Study, shrunk

SIGNATURE = Signature(inputs=("text",), output="label")
TRAIN = [
    Example(id=f"train {n}", inputs={"text": f"text {n}"}, answer="ab"[n % 2], slices={}, origin=f"row {n}")
    for n in range(12)
]


def make_space(instructions: int = 12, counts: tuple[int, ...] = (0, 2, 4)) -> SearchSpace:
    return SearchSpace(
        signature=SIGNATURE,
        parameters={},
        train=TRAIN,
        seed=0,
        instruction=tuple(Proposal(text=f"Instruction {n}.", source="given") for n in range(instructions)),
        count=counts,
        style=("inline",),
        selector=("balanced",),
        delimiters=tuple(FAMILIES.values()),
        placement=PLACEMENTS,
        answer_marker=(None, "Answer:"),
        reasoning=(False,),
    )


SPACE = make_space()
BASELINE = SPACE.prompt(next(SPACE.points()))


def merit(candidate: Candidate) -> float:
    """A landscape where instruction, delimiters and placement each count, and no others."""
    assert candidate.choices is not None
    instruction, delimiters = candidate.choices["instruction"], candidate.choices["delimiters"]
    return 0.2 + 0.3 * (instruction < 2) + 0.2 * (delimiters == 3) + 0.2 * (candidate.choices["placement"] == 1)


def cohorts(
    study: Study, number: int, size: int, rows: Callable[[Candidate], int] = lambda _: 100
) -> list[list[Candidate]]:
    found = [study.first_cohort(size)]
    for _ in range(number - 1):
        study.tell([(candidate, merit(candidate), rows(candidate)) for candidate in found[-1]])
        learn(study, [candidate for cohort in found for candidate in cohort])
        found.append(study.next_cohort(size))
    return found


def learn(study: Study, candidates: list[Candidate], rows: int = 60) -> None:
    """Tells `study` what `candidates` did on common rows, right as often as they have merit."""
    luck = np.random.default_rng(0).random((len(candidates), rows))
    right = luck < np.array([merit(candidate) for candidate in candidates])[:, None]
    likeness = Likeness([candidate.prompt for candidate in candidates])
    study.learn(candidates, fit(right.astype(float), likeness.kernels()))


@pytest.mark.parametrize("sampler", [POSTERIOR, TPE, AT_RANDOM])
def test_no_prompt_is_tried_twice_and_the_baseline_is_not_tried_again(sampler: str) -> None:
    study = Study(SPACE, BASELINE, seed=0, sampler=sampler)
    tried = [candidate for cohort in cohorts(study, 4, 14) for candidate in cohort]
    digests = {candidate.prompt.digest for candidate in tried}
    assert len(digests) == len(tried) == 4 * 14
    assert BASELINE.digest not in digests
    assert [candidate.trial for candidate in tried] == list(range(1, 4 * 14 + 1))


@pytest.mark.parametrize("sampler", [POSTERIOR, TPE, AT_RANDOM])
def test_the_same_seed_and_scores_suggest_the_same_candidates(sampler: str) -> None:
    one, other, another = (cohorts(Study(SPACE, BASELINE, seed=seed, sampler=sampler), 3, 10) for seed in (7, 7, 8))
    assert one == other
    assert one != another


def test_scores_may_be_told_in_any_order() -> None:
    one, other = (Study(SPACE, BASELINE, seed=0, sampler=TPE) for _ in range(2))
    standings = [(candidate, merit(candidate), 50) for candidate in one.first_cohort(16)]
    other.first_cohort(16)
    one.tell(standings)
    other.tell(standings[::-1])
    assert one.next_cohort(8) == other.next_cohort(8)


def test_the_first_cohort_shows_every_instruction() -> None:
    cohort = Study(SPACE, BASELINE, seed=0).first_cohort(12)
    assert {candidate.choices and candidate.choices["instruction"] for candidate in cohort} == set(range(12))


def test_a_small_space_is_taken_as_a_whole_and_then_exhausted() -> None:
    space = make_space(instructions=2, counts=(0,))
    study = Study(space, BASELINE, seed=0)
    cohort = study.first_cohort(space.size)
    assert len(cohort) == space.size - 1  # the baseline is one of its points
    study.tell([(candidate, merit(candidate), 30) for candidate in cohort])
    assert study.next_cohort(5) == []


@pytest.mark.parametrize("sampler", [POSTERIOR, TPE])
def test_later_cohorts_turn_to_the_better_choices(sampler: str) -> None:
    def mean_merit(cohort: list[Candidate]) -> float:
        return sum(map(merit, cohort)) / len(cohort)

    firsts, lasts = [], []
    for seed in range(4):
        found = cohorts(Study(SPACE, BASELINE, seed=seed, sampler=sampler), 4, 16)
        firsts.append(mean_merit(found[0]))
        lasts.append(mean_merit(found[-1]))
    assert sum(lasts) / 4 > sum(firsts) / 4 + 0.15
    assert all(last > first for first, last in zip(firsts, lasts, strict=True))


@pytest.mark.parametrize(("rows", "expected"), [(0, 0.5), (PRIOR_ROWS, 0.75), (9 * PRIOR_ROWS, 0.95), (10**9, 1.0)])
def test_a_mean_counts_the_more_the_more_rows_it_has(rows: int, expected: float) -> None:
    assert shrunk(1.0, rows, overall=0.5) == pytest.approx(expected)


def test_a_lucky_start_on_few_rows_does_not_outweigh_a_good_mean_on_many() -> None:
    study = Study(SPACE, BASELINE, seed=0, sampler=TPE)
    cohort = study.first_cohort(20)
    lucky, solid = ({c.trial for c in cohort if c.choices and c.choices["delimiters"] == family} for family in (0, 1))
    study.tell(
        [(c, 1.0, 2) if c.trial in lucky else (c, 0.9, 200) if c.trial in solid else (c, 0.4, 20) for c in cohort]
    )
    families = [c.choices["delimiters"] for c in study.next_cohort(12) if c.choices]
    assert families.count(1) > families.count(0)


def test_a_baseline_outside_of_the_space_is_trial_0_and_told_in_vain() -> None:
    own = Prompt(messages=BASELINE.messages[:1], parameters={})
    study = Study(SPACE, own, seed=0)
    assert (study.baseline.trial, study.baseline.prompt, study.baseline.choices) == (0, own, None)
    cohort = study.first_cohort(3)
    study.tell([(study.baseline, 1.0, 100), *((candidate, merit(candidate), 10) for candidate in cohort)])
    assert len(study.next_cohort(3)) == 3
