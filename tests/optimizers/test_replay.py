from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import Failure, FailureKind, Request
from benchmarks.tasks.task import Task
from optimizers.plan import Plan
from tests.endpoints.jobs import (
    LABELS,
    DyingJournal,
    Job,
    Killed,
    Respond,
    Respondent,
    Result,
    chance,
    labelled_rows,
    make_task,
    mixed_quality,
    wrong,
)

PLAN = Plan(proof_rows=24, search_calls=110, repeat_calls=8, headroom_rows=8, probes=2, cohorts=(8, 2))
CALLS = 190


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(
        labelled_rows(72),
        split={"train": 12, "validation": 36, "test": 24},
        search={"demonstrations": {"count": [0, 2], "selector": ["balanced", "random"]}},
        candidates={"instructions": ["Name the colour.", "Which colour is it?", "Colour:", "Say a colour."]},
        headroom={"repeats": 2},
    )


def latency_s(request: Request) -> float:
    return 0.05 + 0.1 * chance("latency", request.prompt_digest, request.example_id)


def job(task: Task, **fields: Any) -> Job:
    return Job(**{"task": task, "caps": Caps(calls=CALLS), "plan": PLAN, "journal": DyingJournal(), **fields})


def flaky(respond: Respond) -> Respond:
    """Some rows never get a reply, some only at the second attempt."""
    attempts: Counter[tuple[str, str, int]] = Counter()

    def unreliable(request: Request) -> str | Failure:
        cell = (request.prompt_digest, request.example_id, request.repeat)
        weather = chance("weather", *cell)
        attempts[cell] += 1
        if weather < 0.05 or (weather < 0.1 and attempts[cell] % 2):
            return Failure(kind=FailureKind.TIMEOUT, detail="no reply", maybe_billed=weather < 0.025)
        return respond(request)

    return unreliable


def assert_same(resumed: Result, uninterrupted: Result) -> None:
    assert resumed.outcome == uninterrupted.outcome
    assert resumed.spent == uninterrupted.spent


def answers_once(*runs: Respondent) -> None:
    """No question was answered twice, and none was asked twice unless it was under way when a run ended."""
    answered = Counter(cell for run in runs for cell in run.answered)
    assert max(answered.values()) == 1
    in_flight = [Counter(run.asked) - Counter(run.answered) for run in runs[:-1]]
    asked = sum((Counter(run.asked) for run in runs), Counter[Any]())
    assert asked - answered == sum(in_flight, Counter[Any]())


@pytest.fixture(scope="module")
def uninterrupted(task: Task) -> Result:
    result = job(task).run(steady(task))
    assert result.outcome.decision == "promote"
    assert set(result.spent) == {"headroom", "search", "finalists", "proof"}
    assert max(s.candidate.trial for s in result.outcome.standings) > PLAN.cohorts[0]
    return result


def steady(task: Task, dies_at: int | None = None) -> Respondent:
    return Respondent(respond=mixed_quality(task), latency_s=latency_s, dies_at=dies_at)


@pytest.mark.parametrize(
    "dies_at", [pytest.param(call, marks=() if call % 9 == 1 else pytest.mark.slow) for call in range(1, 166, 3)]
)
def test_a_job_killed_at_any_call_ends_as_if_it_had_not_been(task: Task, uninterrupted: Result, dies_at: int) -> None:
    interrupted = job(task)
    first, second = steady(task, dies_at), steady(task)
    with pytest.raises(Killed):
        interrupted.run(first)
    assert_same(interrupted.run(second), uninterrupted)
    answers_once(first, second)


@pytest.mark.parametrize("dies_at", range(1, 20, 2))
def test_a_job_killed_between_two_blocks_ends_as_if_it_had_not_been(
    task: Task, uninterrupted: Result, dies_at: int
) -> None:
    journal = DyingJournal(dies_at=dies_at)
    first, second = steady(task), steady(task)
    interrupted = job(task, journal=journal)
    with pytest.raises(Killed):
        interrupted.run(first)
    resumed = interrupted.run(second)
    assert_same(resumed, uninterrupted)
    assert resumed.elapsed_s == pytest.approx(uninterrupted.elapsed_s)
    answers_once(first, second)


@pytest.mark.parametrize("dies_at", [(9, 10), (40, 41), (60, 30), (100, 60), (163, 1)])
def test_a_job_killed_twice_ends_as_if_it_had_not_been(
    task: Task, uninterrupted: Result, dies_at: tuple[int, int]
) -> None:
    interrupted = job(task)
    runs = [*(steady(task, call) for call in dies_at), steady(task)]
    for run in runs[:-1]:
        with pytest.raises(Killed):
            interrupted.run(run)
    assert_same(interrupted.run(runs[-1]), uninterrupted)
    answers_once(*runs)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_job_that_was_cancelled_goes_on_where_it_stopped(task: Task, uninterrupted: Result, share: float) -> None:
    interrupted = job(task)
    first, second = steady(task), steady(task)
    with pytest.raises(TimeoutError):
        interrupted.run(first, cancel_after_s=share * uninterrupted.elapsed_s)
    assert_same(interrupted.run(second), uninterrupted)
    assert Counter(first.answered) + Counter(second.answered) == Counter(set(first.asked + second.asked))


@pytest.mark.parametrize("dies_at", range(5, 160, 30))
def test_rows_without_a_reply_stay_so_when_the_job_goes_on(task: Task, dies_at: int) -> None:
    def run(dies_at: int | None = None) -> Respondent:
        return Respondent(respond=flaky(mixed_quality(task)), latency_s=latency_s, dies_at=dies_at)

    whole, interrupted = job(task), job(task)
    uninterrupted = whole.run(run())
    with pytest.raises(Killed):
        interrupted.run(run(dies_at))
    resumed = interrupted.run(run())
    assert_same(resumed, uninterrupted)
    assert_replays(interrupted, resumed)


def test_attempts_lost_for_two_equal_questions_are_charged_once() -> None:
    rows = labelled_rows(72)
    conflicting = make_task(
        [*rows, *({**row, "label": wrong(row["label"])} for row in rows[:30])],
        split={"train": 12, "validation": 50, "test": 40},
        search={"demonstrations": {"count": [0]}},
    )
    good = mixed_quality(conflicting)

    def respond(request: Request) -> str | Failure:
        lost = chance(*(message.content for message in request.messages)) < 0.2
        return Failure(kind=FailureKind.TIMEOUT, detail="slow", maybe_billed=True) if lost else good(request)

    whole = job(conflicting, plan=None)
    result = whole.run(Respondent(respond=respond, latency_s=latency_s))
    assert any(charge.ledger_hits for charge in result.spent.values())
    assert_replays(whole, result)


@pytest.mark.parametrize("dies_at", range(5, 150, 30))
def test_a_model_that_answers_at_random_is_asked_once(task: Task, dies_at: int) -> None:
    dice = random.Random(dies_at)
    moody = job(task)
    first = Respondent(respond=lambda _: dice.choice(LABELS), latency_s=latency_s, dies_at=dies_at)
    second = Respondent(respond=lambda _: dice.choice(LABELS), latency_s=latency_s)
    with pytest.raises(Killed):
        moody.run(first)
    resumed = moody.run(second)
    answers_once(first, second)
    assert_replays(moody, resumed)


@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_a_deadline_that_was_reached_is_remembered(task: Task, seconds: float) -> None:
    caps = Caps(calls=CALLS, seconds=seconds)
    whole = job(task, caps=caps)
    uninterrupted = whole.run(steady(task))
    assert any("out_of_time" in fact for fact in whole.journal.facts.values())
    assert uninterrupted.outcome.proof is not None
    assert uninterrupted.elapsed_s <= seconds
    for dies_at in range(1, len(whole.journal.facts) + 1, 4):
        interrupted = job(task, caps=caps, journal=DyingJournal(dies_at=dies_at))
        with pytest.raises(Killed):
            interrupted.run(steady(task))
        assert_same(interrupted.run(steady(task)), uninterrupted)
    assert_replays(whole, uninterrupted)


@pytest.mark.parametrize("dies_at", range(3, 85, 27))
def test_a_job_killed_before_its_deadline_may_use_the_time_it_has_left(task: Task, dies_at: int) -> None:
    hurried = job(task, caps=Caps(calls=CALLS, seconds=1.5))
    with pytest.raises(Killed):
        hurried.run(steady(task, dies_at))
    resumed = hurried.run(steady(task))
    assert resumed.elapsed_s <= 1.5
    assert_replays(hurried, resumed)


@pytest.mark.parametrize("dies_at", range(2, 90, 25))
@pytest.mark.parametrize("caps", [Caps(calls=CALLS, tokens=19_000), Caps(calls=CALLS, usd=19_000.0)])
def test_a_job_that_runs_out_of_money_ends_as_if_it_had_not_been_killed(
    task: Task, uninterrupted: Result, caps: Caps, dies_at: int
) -> None:
    price = Price(prompt_usd_per_million=1e6, completion_usd_per_million=1e6)  # one dollar each, so that sums are exact

    def run(dies_at: int | None = None) -> Respondent:
        return Respondent(respond=mixed_quality(task), latency_s=latency_s, dies_at=dies_at, tariff=Tariff(price=price))

    whole, interrupted = job(task, caps=caps, price=price), job(task, caps=caps, price=price)
    limited = whole.run(run())
    assert limited.calls < uninterrupted.calls
    assert limited.outcome.proof is not None
    assert sum(charge.amount.tokens for charge in limited.spent.values()) <= 19_000
    with pytest.raises(Killed):
        interrupted.run(run(dies_at))
    assert_same(interrupted.run(run()), limited)


def test_replies_of_an_earlier_job_are_free_however_often_this_one_is_killed(task: Task) -> None:
    earlier = job(task, seed=1)
    earlier.run(steady(task))

    def warm() -> Job:
        ledger = MemoryLedger(dict(earlier.ledger.entries))
        return job(task, ledger=ledger, mark=len(ledger.entries))

    uninterrupted = warm().run(steady(task))
    assert sum(charge.ledger_hits for charge in uninterrupted.spent.values()) > 0
    calls = sum(charge.calls for charge in uninterrupted.spent.values())
    for dies_at in range(1, calls, calls // 4):
        interrupted = warm()
        with pytest.raises(Killed):
            interrupted.run(steady(task, dies_at))
        assert_same(interrupted.run(steady(task)), uninterrupted)


def assert_replays(finished: Job, result: Result) -> None:
    """Run once more, the job takes the same course without asking anything."""
    silent = Respondent(respond=lambda _: "")
    replayed = finished.run(silent)
    assert_same(replayed, result)
    assert replayed.elapsed_s == pytest.approx(result.elapsed_s)
    assert silent.asked == []
