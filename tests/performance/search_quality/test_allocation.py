"""Textbook methods keep to their budgets, ask nothing twice, and find what is there to find."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.performance.search_quality.allocation import Halving, Hyperband, ProvenHalving, Uniform, rounds
from tests.performance.search_quality.arena import Arena, StandIn
from tests.performance.search_quality.arenas import arena
from tests.performance.search_quality.minibatches import MinibatchTpe
from tests.performance.search_quality.searcher import Searcher

known = cache(arena)


def ground(seed: int = 0) -> Arena:
    return known("synthetic/factors", seed)


@pytest.mark.parametrize("searcher", [Uniform(), Halving(), Hyperband(), ProvenHalving()], ids=lambda s: s.name)
@given(budget=st.integers(4, 12_000))
def test_no_budget_is_overspent_and_nothing_is_asked_twice(searcher: Searcher, budget: int) -> None:
    model = StandIn(ground())
    (found,) = searcher.run(model, budget)
    assert model.calls + model.test_calls <= budget
    assert (found.calls, found.repeats) == (model.calls, 0)


@given(entrants=st.integers(1, 64), rows=st.integers(1, 400), budget=st.integers(64, 10_000))
def test_rounds_end_with_one_and_spend_within_the_budget(entrants: int, rows: int, budget: int) -> None:
    keep, up_to = rounds(entrants, rows, budget)
    alive, walked, spent = entrants, 0, 0
    for stay, row in zip(keep, up_to, strict=True):
        assert walked <= row <= rows
        assert stay < alive or alive == 1
        spent += alive * (row - walked)
        alive, walked = stay, row
    assert alive == 1
    assert spent <= max(budget, 2 * entrants)


def test_rounds_of_halving_get_about_equal_numbers_of_calls() -> None:
    keep, up_to = rounds(32, 300, 1000)
    sizes = [32, *keep[:-1]]
    spent = [size * (row - before) for size, row, before in zip(sizes, up_to, [0, *up_to], strict=False)]
    assert sizes == [32, 16, 8, 4, 2]
    assert all(176 <= calls <= 224 for calls in spent)


def test_uniform_allocation_with_all_rows_finds_the_best_on_them() -> None:
    model = StandIn(ground())
    (found,) = Uniform().run(model, 32 * 300)
    assert found.claim == ground().right[:, :300].mean(axis=1).max()
    assert model.calls == 9600


def test_halving_is_better_than_uniform_allocation() -> None:
    def mean_regret(searcher: Searcher) -> float:
        found = [(seed, searcher.run(StandIn(ground(seed)), 300)[-1].choice) for seed in range(20)]
        return sum(ground(seed).regret(choice) for seed, choice in found) / len(found)

    assert mean_regret(Halving()) < mean_regret(Uniform())


def test_minibatches_return_what_was_scored_on_all_rows_at_the_price_of_repeats() -> None:
    model = StandIn(ground())
    found = MinibatchTpe().run(model, 2000)
    assert [found[0].calls, found[0].choice] == [300, 0]
    assert all(later.calls - earlier.calls in (300, 475) for earlier, later in itertools.pairwise(found))
    claims = [float(point.claim or 0.0) for point in found]
    assert claims == sorted(claims)
    assert model.repeats > 0
