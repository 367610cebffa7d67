"""Our sampler behind a real Optuna study."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
import pytest

from benchmarks.datasets.records import Example
from benchmarks.prompts.delimiters import FAMILIES
from benchmarks.prompts.layout import PLACEMENTS, Signature
from benchmarks.prompts.prompt import Prompt
from optimizers.kernels import Likeness
from optimizers.posterior import fit
from optimizers.proposers.protocol import Proposal
from optimizers.sampler import POINTS, PosteriorSampler
from optimizers.space import Choices, SearchSpace

TRAIN = [
    Example(id=f"train {n}", inputs={"text": f"text {n}"}, answer="ab"[n % 2], slices={}, origin=f"row {n}")
    for n in range(12)
]


def space_of(**fields: Any) -> SearchSpace:
    usual: dict[str, Any] = {
        "signature": Signature(inputs=("text",), output="label"),
        "parameters": {},
        "train": TRAIN,
        "seed": 0,
        "instruction": tuple(Proposal(text=f"Instruction {n}.", source="given") for n in range(8)),
        "count": (0, 2, 4),
        "style": ("inline",),
        "selector": ("balanced",),
        "delimiters": tuple(FAMILIES.values()),
        "placement": PLACEMENTS,
        "answer_marker": (None, "Answer:"),
        "reasoning": (False,),
    }
    return SearchSpace(**{**usual, **fields})


SPACE = space_of()
SMALL = space_of(
    count=(0, 2), delimiters=tuple(FAMILIES.values())[:3], placement=("system", "user"), answer_marker=(None,)
)


def merit(choices: Choices) -> float:
    """Instruction, delimiters and placement each count."""
    return 0.2 + 0.3 * (choices["instruction"] < 2) + 0.2 * (choices["delimiters"] == 2) + 0.2 * choices["placement"]


def alike(_prompt: Prompt) -> float:
    return 1.0


def ask(study: optuna.Study, space: SearchSpace) -> Choices:
    """A point, asked for factor by factor, as the search does."""
    trial, point = study.ask(), Choices()
    for name, choices in space.factors.items():
        if space.applies(name, point):
            point[name] = trial.suggest_categorical(name, range(choices))
    return point


def learn(sampler: PosteriorSampler, space: SearchSpace, known: Sequence[Choices], rows: int = 60) -> None:
    """Tells what prompts at the points `known` did on rows in common."""
    prompts = [space.prompt(point) for point in known]
    luck = np.random.default_rng(0).random((len(known), rows))
    right = luck < np.array([min(1.0, merit(point)) for point in known])[:, None]
    sampler.learn(prompts, known, fit(right.astype(float), Likeness(prompts).kernels()))


def asked(
    space: SearchSpace,
    count: int,
    *,
    seed: int = 0,
    known: Sequence[Choices] = (),
    cost: Callable[[Prompt], float] = alike,
) -> list[Choices]:
    sampler = PosteriorSampler(space, random.Random(seed), cost)
    if known:
        learn(sampler, space, known)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    return [ask(study, space) for _ in range(count)]


def points(space: SearchSpace, count: int, seed: int = 1) -> list[Choices]:
    """`count` points with a prompt each of its own."""
    found = {space.prompt(point).digest: point for point in space.covering(2 * count, random.Random(seed))}
    return list(found.values())[:count]


@pytest.mark.parametrize("space", [SPACE, SMALL], ids=["large", "small"])
@pytest.mark.parametrize("known", [0, 24])
def test_suggestions_are_points_of_the_space(space: SearchSpace, known: int) -> None:
    for point in asked(space, 40, known=points(space, known)):
        assert all(0 <= choice < space.factors[name] for name, choice in point.items())
        expected = {name for name in space.factors if space.applies(name, point)}
        assert point.keys() == expected


def test_the_spaces_of_these_tests_are_larger_and_smaller_than_what_is_compared() -> None:
    assert SMALL.size <= POINTS < SPACE.size


def test_prompts_that_are_known_or_were_suggested_are_hardly_suggested_again() -> None:
    known = sorted(points(SMALL, 120), key=merit)[-60:]  # The best ones: each would be worth trying again.
    found = asked(SMALL, 80, known=known)
    digests = [SMALL.prompt(point).digest for point in found]
    before = {SMALL.prompt(point).digest for point in known}
    # One in eight is drawn at random, known or not.
    assert sum(digest in before for digest in digests) <= 10
    assert len(digests) - len(set(digests)) <= 10


def test_the_same_seed_and_replies_give_the_same_suggestions() -> None:
    one, other, another = (asked(SPACE, 12, seed=seed, known=points(SPACE, 24)) for seed in (0, 0, 1))
    assert one == other
    assert one != another


def test_suggestions_turn_to_the_better_choices() -> None:
    for seed in range(3):
        known = points(SPACE, 32, seed)
        found = asked(SPACE, 16, seed=seed, known=known)
        before = sum(map(merit, known)) / 32
        assert sum(map(merit, found)) / 16 > before + 0.15


def test_a_space_that_is_small_is_compared_as_a_whole() -> None:
    best, *_ = asked(SMALL, 12, seed=3, known=points(SMALL, 60))
    assert merit(best) == max(merit(point) for point in SMALL.points())


def test_of_two_prompts_alike_the_cheaper_one_is_suggested() -> None:
    def dear(prompt: Prompt) -> float:
        return 50.0 if prompt.factors["demonstrations"] else 1.0

    def shown(cost: Callable[[Prompt], float]) -> int:
        return sum(point["count"] > 0 for point in asked(SPACE, 24, known=points(SPACE, 32), cost=cost))

    assert shown(dear) < shown(alike) / 2


def test_suggestions_of_one_cohort_are_no_near_copies() -> None:
    found = asked(SPACE, 16, known=points(SPACE, 32))
    assert len({(point["instruction"], point["delimiters"]) for point in found}) >= 6


def test_prompts_outside_of_the_space_inform_it() -> None:
    sampler = PosteriorSampler(SPACE, random.Random(0), alike)
    known = points(SPACE, 24)
    own = Prompt(messages=SPACE.prompt(known[0]).messages[:1], parameters={})
    prompts = [own, *(SPACE.prompt(point) for point in known)]
    right = np.random.default_rng(0).random((25, 20)) < 0.5
    sampler.learn(prompts, [None, *known], fit(right.astype(float), Likeness(prompts).kernels()))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    assert len([ask(study, SPACE) for _ in range(5)]) == 5


def test_where_every_prompt_is_known_suggestions_go_on_at_random() -> None:
    known = list({SMALL.prompt(point).digest: point for point in SMALL.points()}.values())
    found = asked(SMALL, 10, known=known)
    assert len(found) == 10
    assert len({tuple(point.values()) for point in found}) > 5
