"""Caps hold, whatever the task and whatever the replies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Caps
from benchmarks.errors import BudgetError
from benchmarks.models.prices import Price, Tariff
from benchmarks.tasks.task import Task
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, mixed_quality

ROWS = labelled_rows(180)
SEARCH = {
    "demonstrations": {"count": [0, 2], "selector": ["balanced", "random"]},
    "delimiters": ["plain", "markdown", "xml"],
}
TASK = make_task(ROWS, split={"train": 20, "validation": 80, "test": 80}, search=SEARCH)
PRICE = Price(prompt_usd_per_million=1.0, completion_usd_per_million=4.0)


def job(**fields: Any) -> Job:
    return Job(**{"task": TASK, **fields})


tasks = st.builds(
    lambda rows, train, instructions, repeats: make_task(
        ROWS[:rows],
        split={"train": train, "validation": 0.4, "test": 0.4},
        search=SEARCH,
        candidates={"instructions": [f"Instruction {number}." for number in range(instructions)]},
        headroom={"repeats": repeats},
    ),
    st.integers(30, 180),
    st.sampled_from([0, 0.2]),
    st.integers(1, 40),
    st.integers(1, 2),
)


@settings(max_examples=25, deadline=None)
@given(task=tasks, calls=st.integers(32, 400), seed=st.integers(0, 100))
def test_no_job_makes_more_calls_than_its_cap(task: Task, calls: int, seed: int) -> None:
    model = Respondent(respond=mixed_quality(task))
    try:
        result = job(task=task, caps=Caps(calls=calls), seed=seed).run(model)
    except BudgetError:
        assert model.asked == []
        return
    assert len(model.asked) == result.calls <= calls
    assert result.outcome.proof is not None


@settings(max_examples=20, deadline=None)
@given(calls=st.integers(100, 300), tokens=st.integers(20_000, 90_000), usd=st.one_of(st.none(), st.floats(0.02, 0.09)))
def test_no_job_takes_more_tokens_or_dollars_than_its_caps(calls: int, tokens: int, usd: float | None) -> None:
    model = Respondent(respond=mixed_quality(TASK), tariff=Tariff(price=PRICE))
    capped = job(caps=Caps(calls=calls, tokens=tokens, usd=usd), price=PRICE)
    try:
        result = capped.run(model)
    except BudgetError:
        assert model.asked == []
        return
    spent = [charge.amount for charge in result.spent.values()]
    assert sum(amount.tokens for amount in spent) <= tokens
    assert usd is None or sum(amount.usd for amount in spent) <= usd + 1e-9


def test_a_token_cap_that_pays_for_no_comparison_stops_the_job_before_any_call() -> None:
    model = Respondent(respond=mixed_quality(TASK))
    with pytest.raises(BudgetError, match=r"does not pay for comparing two prompts on 6 rows\. Nothing was spent"):
        job(caps=Caps(calls=400, tokens=2_000)).run(model)
    assert model.asked == []
