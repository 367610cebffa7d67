"""The comparison of samplers is one of equals, and the search finds good prompts in spaces of thousands."""

from __future__ import annotations

import statistics

import pytest

from tests.performance.search_quality.samplers import DEVELOPMENT, HELD_OUT, SAMPLERS, Cell, run


def test_a_search_with_either_sampler_is_the_same_each_time() -> None:
    for sampler in SAMPLERS:
        cell = Cell("additive", sampler, 150, 1)
        assert run(cell) == run(cell)


def test_what_is_tuned_on_is_not_reported() -> None:
    assert not DEVELOPMENT.keys() & HELD_OUT.keys()


@pytest.mark.slow
def test_more_calls_find_better_prompts_with_our_sampler() -> None:
    few, many = (
        statistics.fmean(run(Cell(kind, "posterior", calls, seed)) for kind in HELD_OUT for seed in range(3))
        for calls in (150, 1500)
    )
    assert many > few + 0.05
