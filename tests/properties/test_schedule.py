"""What holds for the rungs of every race, whatever its size."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from optimizers.schedule import FINALISTS, Rung, cost, schedule

sizes = st.integers(1, 300)
budgets = st.integers(1, 20_000)


@settings(max_examples=300, deadline=None)
@given(candidates=sizes, rows=sizes, calls=budgets)
def test_no_race_costs_more_than_its_calls(candidates: int, rows: int, calls: int) -> None:
    assert cost(schedule(candidates, rows, calls)) <= calls


@settings(max_examples=300, deadline=None)
@given(candidates=sizes, rows=sizes, calls=budgets)
def test_ever_fewer_candidates_walk_ever_more_rows(candidates: int, rows: int, calls: int) -> None:
    rungs = schedule(candidates, rows, calls)
    assert rungs
    assert all(before.rows < after.rows for before, after in itertools.pairwise(rungs))
    assert all(before.candidates > after.candidates for before, after in itertools.pairwise(rungs))
    assert rungs[0].candidates <= candidates
    assert rungs[-1].rows <= rows
    assert rungs[-1].candidates >= min(candidates, FINALISTS, max(1, calls // 2))


@settings(max_examples=300, deadline=None)
@given(candidates=sizes, rows=sizes, calls=budgets)
def test_what_is_left_over_would_not_pay_for_one_more_row_of_the_last_rung(
    candidates: int, rows: int, calls: int
) -> None:
    rungs = schedule(candidates, rows, calls)
    assert rungs[-1].rows == rows or calls - cost(rungs) < rungs[-1].candidates


@settings(max_examples=300, deadline=None)
@given(candidates=sizes, rows=sizes, calls=budgets)
def test_all_candidates_enter_where_their_first_row_takes_at_most_half_of_the_calls(
    candidates: int, rows: int, calls: int
) -> None:
    entered = schedule(candidates, rows, calls)[0].candidates
    assert entered == candidates if 2 * candidates <= calls else entered == max(1, calls // 2)


@given(candidates=st.integers(-3, 3), rows=st.integers(-3, 3), calls=st.integers(-3, 3))
def test_nothing_to_race_is_no_race(candidates: int, rows: int, calls: int) -> None:
    assert bool(schedule(candidates, rows, calls)) == (min(candidates, rows, calls) >= 1)


def test_candidates_halve_down_to_two() -> None:
    rungs = schedule(33, 300, 1000)
    assert [rung.candidates for rung in rungs] == [33, 17, 9, 5, 3, 2]
    assert cost(rungs) <= 1000


def test_calls_for_every_row_of_every_candidate_are_all_used_in_one_rung() -> None:
    assert schedule(10, 20, 200) == [Rung(10, 20)]
