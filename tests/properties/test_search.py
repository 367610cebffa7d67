"""What holds of whole optimizations, with everything that they can have: rounds of instructions that a model writes,
earlier prompts whose replies the ledger holds, a look at the headroom with repetitions, and several cohorts."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from benchmarks.budget import Caps
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.models.protocol import Failure, FailureKind, Request
from benchmarks.tasks.task import Task
from optimizers.earlier import Earlier
from optimizers.plan import Plan
from tests.endpoints.jobs import Cell, Job, Killed, Respond, Respondent, Result, chance, make_task, truth
from tests.endpoints.proposer import LABELS, ProposerModel, SorterModel, rows

# Whole jobs take too long for hypothesis to look for the simplest one that fails.
few = settings(max_examples=2, deadline=None, phases=[Phase.generate])

CALLS = 420
PLAN = Plan(
    proof_rows=30,
    search_calls=300,
    repeat_calls=6,
    headroom_rows=6,
    probes=2,
    cohorts=(10, 6, 6),
    report_calls=40,
    proposer_calls=24,
)


@cache
def sorting(seed: int) -> Task:
    return make_task(
        rows(100),
        labels=list(LABELS),
        prompt={"instruction": "Give the label."},
        candidates={"instructions": ["Sort the parcel.", "Where does the parcel go?"]},
        split={"train": 30, "validation": 40, "test": 30},
        search={"demonstrations": {"count": [0, 2], "selector": ["balanced"]}, "delimiters": ["plain", "xml"]},
        headroom={"repeats": 2},
        proposer_model={"name": "hosted_vllm/writer", "api_base": "http://localhost:1/v1"},
        seed=seed,
    )


def mixed(task: Task) -> Respond:
    """What a prompt states helps, and what it does not is guessed; one reply in fifty never comes."""
    answers = truth(task)

    def respond(request: Request) -> str | Failure:
        cell = (request.prompt_digest, request.example_id, request.repeat)
        if lost(cell):
            return Failure(kind=FailureKind.TIMEOUT, detail="no reply")
        guessed = chance(*cell) < 0.5 * chance(request.prompt_digest)
        return answers[request.example_id] if guessed else SorterModel().respond(request)

    return respond


def lost(cell: Cell) -> bool:
    return chance("lost", *cell) < 0.02


def earlier_of(task: Task) -> tuple[list[Earlier], MemoryLedger]:
    """Two prompts that an earlier optimization ended with, and the ledger that it left."""
    before = Job(task=task, caps=Caps(calls=CALLS), plan=PLAN, seed=99)
    before.run(Respondent(respond=mixed(task)))
    space = before.problem().space
    prompts = [space.prompt(point) for point in space.covering(2, random.Random(0))]
    found = [Earlier(prompt=p, optimization="opt-1", place=n, similarity=1.0) for n, p in enumerate(prompts)]
    return found, before.ledger


def whole(seed: int, **fields: Any) -> Job:
    task = sorting(seed)
    earlier, ledger = earlier_of(task)
    return Job(
        task=task,
        seed=seed,
        caps=Caps(calls=CALLS),
        plan=PLAN,
        earlier=earlier,
        ledger=ledger,
        mark=len(ledger.entries),
        **fields,
    )


def run(job: Job, *, jitter: int | None = None, dies_at: int | None = None) -> tuple[Result, Respondent, Respondent]:
    """The result, with the task model and the proposer model."""

    def latency_s(request: Request) -> float:
        return 0.1 if jitter is None else chance(jitter, request.prompt_digest, request.example_id)

    model = Respondent(respond=mixed(job.task), latency_s=latency_s, dies_at=dies_at)
    writer = Respondent(respond=ProposerModel().respond, latency_s=lambda _: 0.3)
    job.proposer = writer
    return job.run(model), model, writer


def decided(result: Result) -> Any:
    return result.outcome, result.spent


@few
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_decisions_do_not_depend_on_how_many_calls_are_under_way_at_once(seed: int, jitter: int) -> None:
    one, *_ = run(whole(seed, concurrency=1), jitter=jitter)
    many, *_ = run(whole(seed, concurrency=16), jitter=jitter)
    assert decided(one) == decided(many)
    assert one.outcome.written


@few
@given(st.integers(0, 10**6), st.integers(1, 250))
def test_a_finished_job_replays_without_a_call_and_a_killed_one_without_a_second(seed: int, dies_at: int) -> None:
    finished, killed = whole(seed), whole(seed)
    result, model, writer = run(finished)
    assert {"headroom", "propose", "search", "report", "proof"} <= result.spent.keys()
    assert any(standing.candidate.prompt.factors.get("earlier") for standing in result.outcome.standings)
    again, silent, mute = run(finished)
    assert decided(again) == decided(result)
    assert silent.asked == mute.asked == []
    first = Respondent(respond=mixed(killed.task), latency_s=lambda _: 0.1, dies_at=dies_at)
    killed.proposer = written = Respondent(respond=ProposerModel().respond, latency_s=lambda _: 0.3)
    with pytest.raises(Killed):
        killed.run(first)
    resumed, second, rewritten = run(killed)
    assert decided(resumed) == decided(result)
    answered = Counter(first.answered) + Counter(second.answered)
    assert {cell for cell, times in answered.items() if times > 1} <= {cell for cell in answered if lost(cell)}
    assert len(written.answered) + len(rewritten.answered) == len(writer.answered)
    assert not set(first.answered) - set(model.answered)


@few
@given(st.integers(0, 10**6))
def test_what_the_phases_spend_is_what_was_asked_and_keeps_to_the_plan(seed: int) -> None:
    result, model, writer = run(whole(seed))
    missing = [cell for cell in set(model.asked) if lost(cell)]
    assert result.calls == len(set(model.asked)) - len(missing) + len(writer.asked) <= CALLS
    assert result.by_role["proposer"].calls == len(writer.asked) <= PLAN.proposer_calls
    test = {example.id for example in sorting(seed).dataset.test}
    proved = {cell for cell in model.asked if cell[1] in test}
    assert len(proved) <= PLAN.proof_calls
    assert len(set(model.asked)) - len(proved) <= PLAN.search_calls + PLAN.repeat_calls
