from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from benchmarks.prompts.delimiters import FAMILIES
from benchmarks.prompts.layout import PLACEMENTS, STYLES, Signature
from optimizers.proposers.protocol import Proposal
from optimizers.space import DEMONSTRATION_FACTORS, SearchSpace

TRAIN = [
    Example(id=f"train {n}", inputs={"text": f"text {n}"}, answer="ab"[n % 2], slices={}, origin=f"row {n}")
    for n in range(12)
]


def some(names: Any, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(list(names)), min_size=1, max_size=most, unique=True).map(tuple)


def make_space(**factors: Any) -> SearchSpace:
    usual = {
        "instruction": (Proposal(text="Name it.", source="given"),),
        "count": (0, 2),
        "style": ("inline", "turns"),
        "selector": ("balanced", "random"),
        "delimiters": (FAMILIES["plain"], FAMILIES["xml"]),
        "placement": ("system",),
        "answer_marker": (None, "Answer:"),
        "reasoning": (False,),
        "seed": 0,
    }
    signature = Signature(inputs=("text",), output="label")
    return SearchSpace(signature=signature, parameters={"max_tokens": 16}, train=TRAIN, **{**usual, **factors})


spaces = st.builds(
    make_space,
    instruction=st.integers(1, 4).map(lambda n: tuple(Proposal(text=f"Name {i}.", source="given") for i in range(n))),
    count=some([0, 1, 2, 4]),
    style=some(STYLES),
    selector=some(["balanced", "random"]),
    delimiters=some(FAMILIES.values()),
    placement=some(PLACEMENTS),
    answer_marker=some([None, "Answer:"]),
    reasoning=some([False, True]),
    seed=st.integers(0, 5),
)


@settings(max_examples=50, deadline=None)
@given(spaces)
def test_the_size_is_the_number_of_points_and_no_two_are_alike(space: SearchSpace) -> None:
    points = list(space.points())
    assert len(points) == space.size
    assert len({tuple(sorted(point.items())) for point in points}) == space.size


@settings(max_examples=50, deadline=None)
@given(spaces, st.integers(1, 60), st.integers(0, 5))
def test_a_cover_shows_every_choice_equally_often_give_or_take_one(space: SearchSpace, count: int, seed: int) -> None:
    points = space.covering(count, random.Random(seed))
    assert len(points) == count
    for name, choices in space.factors.items():
        shown = Counter(point[name] for point in points if name in point)
        times = [shown[choice] for choice in range(choices)]
        assert max(times) - min(times) <= 1


@settings(max_examples=50, deadline=None)
@given(spaces, st.integers(0, 5))
def test_factors_of_demonstrations_are_absent_where_there_are_none(space: SearchSpace, seed: int) -> None:
    for point in [*space.covering(10, random.Random(seed)), *list(space.points())[:50]]:
        shown = space.count[point["count"]] > 0
        assert all((name in point) == shown for name in DEMONSTRATION_FACTORS)
        assert space.factors.keys() - point.keys() <= set(DEMONSTRATION_FACTORS)


@settings(max_examples=30, deadline=None)
@given(spaces, st.integers(0, 5))
def test_demonstrations_are_train_rows_as_many_as_asked_for(space: SearchSpace, seed: int) -> None:
    for point in space.covering(8, random.Random(seed)):
        factors = space.prompt(point).factors
        ids = factors["demonstration_ids"]
        assert factors["demonstrations"] == len(ids) == space.count[point["count"]]
        assert set(ids) <= {example.id for example in TRAIN}


@settings(max_examples=20, deadline=None)
@given(spaces, st.integers(0, 5))
def test_the_same_seed_lays_out_the_same_prompts(space: SearchSpace, seed: int) -> None:
    again = SearchSpace(**{name: getattr(space, name) for name in space.__dataclass_fields__ if name[0] != "_"})
    for point in space.covering(8, random.Random(seed)):
        assert again.prompt(point) == space.prompt(point)


def test_another_draw_or_seed_shows_other_demonstrations() -> None:
    point = {"instruction": 0, "count": 0, "delimiters": 0, "placement": 0, "answer_marker": 0, "reasoning": 0}
    point |= {"temperature": 0, "max_tokens": 0, "style": 0, "selector": 0, "draw": 0}
    space = make_space(count=(4,))
    shown = [space.prompt({**point, "draw": draw}).digest for draw in space.draw]
    assert len(set(shown)) == len(space.draw)
    assert make_space(count=(4,), seed=1).prompt(point).digest != space.prompt(point).digest


def test_every_choice_is_seen_in_the_prompt() -> None:
    space = make_space(placement=("system", "user"))
    digests = {space.prompt(point).digest for point in space.points()}
    assert len(digests) == space.size


@pytest.mark.parametrize(
    ("factors", "parameters"),
    [
        ({}, {"max_tokens": 16}),
        ({"temperature": (0.7,)}, {"max_tokens": 16, "temperature": 0.7}),
        ({"max_tokens": (99,)}, {"max_tokens": 99}),
        ({"reasoning": (True,), "reasoning_tokens": 512}, {"max_tokens": 512}),
        ({"reasoning": (True,), "reasoning_tokens": None}, {"max_tokens": 16}),
        ({"reasoning": (False,), "reasoning_tokens": 512}, {"max_tokens": 16}),
    ],
)
def test_decoding_parameters_are_left_as_they_are_unless_a_factor_says_otherwise(
    factors: dict[str, Any], parameters: dict[str, Any]
) -> None:
    space = make_space(count=(0,), **factors)
    assert space.prompt(next(space.points())).parameters == parameters
