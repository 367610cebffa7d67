"""A rehearsal takes the course of a run, and nothing outside it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.errors import BudgetError
from benchmarks.models.connect import Endpoint
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.tokens import TokenCounter, token_counter
from benchmarks.tasks.task import Task
from optimizers import rehearsal
from optimizers.plan import Plan, make_plan
from optimizers.rehearsal import Rehearsed, rehearse
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, mixed_quality

ROWS = labelled_rows(180)
BYTES = TokenCounter(of_text=lambda text: len(text.encode()), per_message=0, per_prompt=0)
"""As `Respondent` counts."""


def task(**search: Any) -> Task:
    return make_task(ROWS, split={"train": 20, "validation": 80, "test": 80}, search=search)


def plan_of(job: Job) -> Plan:
    problem = job.problem()
    return make_plan(
        calls=job.caps.calls,
        validation_rows=len(problem.validation),
        test_rows=len(problem.test),
        space_size=problem.space.size,
        instructions=len(problem.space.instruction),
        repeats=problem.repeats,
    )


def rehearsed(job: Job, counter: TokenCounter = BYTES) -> Rehearsed:
    tariff = Tariff(price=job.price)
    return asyncio.run(rehearse(job.problem(), plan_of(job), caps=job.caps, tariff=tariff, counter=counter))


def tokens(found: Rehearsed) -> int:
    return sum(charge.amount.tokens for charge in found.by_phase.values())


@pytest.mark.parametrize(("calls", "seed"), [(160, 0), (400, 1), pytest.param(600, 2, marks=pytest.mark.slow)])
def test_a_run_spends_about_the_calls_and_tokens_of_its_rehearsal(calls: int, seed: int) -> None:
    # Demonstrations of one number, so that it matters little which prompt wins.
    job = Job(task=task(demonstrations={"count": [4]}), caps=Caps(calls=calls), seed=seed)
    found = rehearsed(job)
    result = job.run(Respondent(respond=mixed_quality(job.task)))
    assert sum(charge.calls for charge in found.by_phase.values()) == pytest.approx(result.calls, rel=0.2)
    assert tokens(found) == pytest.approx(sum(charge.amount.tokens for charge in result.spent.values()), rel=0.2)
    assert found.fewest_tokens <= tokens(found) <= found.most_tokens


@pytest.mark.slow
def test_a_plan_of_many_calls_is_rehearsed_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(task=task(demonstrations={"count": [2]}), caps=Caps(calls=1200))
    monkeypatch.setattr(rehearsal, "MOST_CALLS", 10_000)
    whole = rehearsed(job)
    monkeypatch.setattr(rehearsal, "MOST_CALLS", 400)
    part = rehearsed(job)
    assert part.by_phase.keys() ^ whole.by_phase.keys() <= {"finalists"}  # These may have run every row before.
    assert sum(c.calls for c in part.by_phase.values()) == pytest.approx(
        sum(c.calls for c in whole.by_phase.values()), rel=0.1
    )
    assert tokens(part) == pytest.approx(tokens(whole), rel=0.2)


@pytest.mark.parametrize("caps", [Caps(calls=400, tokens=2_000), Caps(calls=400, usd=0.0005)])
def test_a_cap_that_pays_for_no_comparison_is_refused_in_the_words_of_the_run(caps: Caps) -> None:
    price = Price(prompt_usd_per_million=1.0, completion_usd_per_million=1.0)
    job = Job(task=task(), caps=caps, price=price)
    with pytest.raises(BudgetError) as rehearsing:
        rehearsed(job)
    with pytest.raises(BudgetError) as running:
        job.run(Respondent(respond=mixed_quality(job.task), tariff=Tariff(price=price)))
    assert str(rehearsing.value) == str(running.value)
    assert "Nothing was spent" in str(running.value)


def test_caps_hold_in_a_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    price = Price(prompt_usd_per_million=1.0, completion_usd_per_million=4.0)
    for most_calls in (10_000, 150):
        monkeypatch.setattr(rehearsal, "MOST_CALLS", most_calls)
        found = rehearsed(Job(task=task(), caps=Caps(calls=300, tokens=60_000, usd=0.05), price=price))
        assert 0 < found.most_tokens <= 60_000
        assert 0 < sum(charge.cost_usd or 0.0 for charge in found.by_phase.values()) <= 0.05


def test_without_a_price_there_are_no_dollars() -> None:
    found = rehearsed(Job(task=task(), caps=Caps(calls=100)))
    assert all(charge.cost_usd is None for charge in found.by_phase.values() if charge.calls)


def test_reasoning_makes_replies_long() -> None:
    counter = token_counter(Endpoint(name="openai/any"))

    def reply_tokens(switch: str) -> float:
        job = Job(task=task(reasoning=[switch], demonstrations={"count": [0]}), caps=Caps(calls=200))
        found = rehearsed(job, counter).by_phase["search"]
        return found.completion_tokens / found.calls

    assert reply_tokens("off") < 12
    assert 100 < reply_tokens("on") <= 512


def test_the_same_task_is_rehearsed_the_same() -> None:
    job = Job(task=task(), caps=Caps(calls=200))
    assert rehearsed(job) == rehearsed(job)
    assert job.ledger.entries == {}
    assert job.journal.facts == {}
    assert job.looks.looks == {}
