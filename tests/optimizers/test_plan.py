from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.errors import BudgetError
from optimizers.plan import (
    CALLS_PER_HEADROOM_ROW,
    FEWEST_CALLS_PER_CANDIDATE,
    FEWEST_SEARCH_CALLS,
    HEADROOM_ROWS,
    PROPOSER_CALLS_PER_COHORT,
    Plan,
    make_plan,
)

tasks = st.fixed_dictionaries(
    {
        "validation_rows": st.integers(1, 2000),
        "test_rows": st.integers(1, 2000),
        "space_size": st.integers(1, 20_000),
        "instructions": st.integers(1, 100),
        "repeats": st.integers(1, 5),
        "grows": st.booleans(),
        "proposer_calls": st.integers(0, 300),
    }
).map(lambda task: task if task["grows"] else {**task, "proposer_calls": 0})


def plan_for(calls: int, **task: Any) -> Plan:
    usual: dict[str, Any] = {
        "validation_rows": 300,
        "test_rows": 300,
        "space_size": 10_000,
        "instructions": 17,
        "repeats": 1,
    }
    return make_plan(calls=calls, **{**usual, **task})


@settings(max_examples=150, deadline=None)
@given(calls=st.integers(1, 10_000), task=tasks)
def test_no_plan_takes_more_calls_than_the_cap(calls: int, task: dict[str, Any]) -> None:
    try:
        plan = make_plan(calls=calls, **task)
    except BudgetError:
        return
    assert plan.calls <= calls
    assert plan.search_calls >= min(FEWEST_SEARCH_CALLS, (task["space_size"] + 1) * task["validation_rows"])
    assert min(plan.cohorts) >= 1
    assert 0 <= plan.report_calls < plan.search_calls / 4
    assert 0 <= plan.proposer_calls <= min(task["proposer_calls"], PROPOSER_CALLS_PER_COHORT * len(plan.cohorts))


@settings(max_examples=150, deadline=None)
@given(calls=st.integers(100, 10_000), task=tasks)
def test_the_proof_gets_two_calls_on_each_test_row_up_to_a_quarter_of_the_calls(
    calls: int, task: dict[str, Any]
) -> None:
    plan = make_plan(calls=calls, **task)
    assert plan.proof_rows == min(task["test_rows"], calls // 4)
    assert plan.proof_calls == 2 * plan.proof_rows


@settings(max_examples=150, deadline=None)
@given(calls=st.integers(1, 120), task=tasks)
def test_a_budget_that_is_too_small_is_told_the_smallest_larger_one_that_is_not(
    calls: int, task: dict[str, Any]
) -> None:
    try:
        make_plan(calls=calls, **task)
    except BudgetError as error:
        found = re.search(r"--budget-calls (\d+)", str(error))
        assert found is not None
        enough = int(found[1])
        assert enough > calls
        make_plan(calls=enough, **task)
        with pytest.raises(BudgetError):
            make_plan(calls=enough - 1, **task)


def test_the_refusal_names_what_was_given_what_is_left_and_what_is_needed() -> None:
    with pytest.raises(BudgetError, match=r"20 calls leaves 10 .* 10 are set aside; it needs at least 16\. Nothing"):
        plan_for(20)


@settings(max_examples=150, deadline=None)
@given(calls=st.integers(100, 10_000), task=tasks)
def test_the_look_at_the_headroom_takes_at_most_a_quarter_of_the_search(calls: int, task: dict[str, Any]) -> None:
    plan = make_plan(calls=calls, **task)
    most = min(HEADROOM_ROWS, task["validation_rows"])
    assert 1 <= plan.headroom_rows <= most
    assert plan.headroom_rows == most or calls < HEADROOM_ROWS * CALLS_PER_HEADROOM_ROW
    assert plan.probes <= task["space_size"]
    assert plan.probes == 0 or plan.headroom_rows * (1 + plan.probes) <= plan.search_calls / 4
    assert plan.repeat_calls == (task["repeats"] - 1) * plan.headroom_rows


def test_a_small_space_is_tried_as_a_whole_in_one_cohort() -> None:
    assert plan_for(1600, space_size=33).cohorts == (33,)


def test_a_large_space_is_tried_in_cohorts_that_learn_from_each_other() -> None:
    assert len(plan_for(400).cohorts) == 1
    assert len(plan_for(2000).cohorts) > 1


def test_every_instruction_is_in_the_first_cohort_if_there_are_calls_for_it() -> None:
    assert plan_for(2000, instructions=40).cohorts[0] >= 40
    few = plan_for(60, instructions=40)
    assert few.cohorts[0] <= max(3, few.search_calls // FEWEST_CALLS_PER_CANDIDATE)


def test_a_space_that_grows_is_tried_in_cohorts_however_small_it_is() -> None:
    assert plan_for(1600, space_size=33).cohorts == (33,)
    grown = plan_for(1600, space_size=33, grows=True, proposer_calls=160)
    assert len(grown.cohorts) > 1
    assert grown.search_calls + grown.proposer_calls == 1600 - grown.proof_calls
    # Without a second cohort nothing can come of what is learnt.
    assert plan_for(400, space_size=12, grows=True).cohorts == (12,)


def test_what_a_model_writes_first_gets_a_place_beside_what_is_given() -> None:
    share = {"instructions": 20, "validation_rows": 300, "grows": True}
    without, opened = plan_for(2000, **share), plan_for(2000, **share, proposer_calls=200)
    assert without.cohorts[0] == 20
    assert opened.cohorts[0] == 20 + PROPOSER_CALLS_PER_COHORT
    assert plan_for(400, space_size=12, grows=True, proposer_calls=40).cohorts == (12 + PROPOSER_CALLS_PER_COHORT,)


def test_the_proposer_model_never_takes_what_the_search_needs() -> None:
    assert plan_for(40, proposer_calls=40).proposer_calls <= 40 - 2 * 10 - FEWEST_SEARCH_CALLS
    assert plan_for(2000, grows=True, proposer_calls=3).proposer_calls == 3


def test_what_mattered_is_asked_where_there_are_calls_for_it_and_more_than_instructions() -> None:
    assert plan_for(400).report_calls == 0
    assert 0 < plan_for(2000).report_calls <= 0.1 * plan_for(2000).search_calls
    assert plan_for(2000, space_size=17).report_calls == 0


def test_a_search_never_plans_more_calls_than_the_space_has_to_ask() -> None:
    assert plan_for(100_000, space_size=4, validation_rows=50).search_calls == 5 * 50
