"""Pruning takes what is old, gives its room back, and leaves an unfinished job whatever it needs to resume."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.ledger.contents import entries, size_bytes
from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.ledger.sql import SqlLedger
from benchmarks.models.batch.submissions import Submissions
from benchmarks.models.protocol import Completion, ModelIdentity, Usage
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service.home import Home
from service.jobs import CANCELLED, FAILED, SUCCEEDED, Job, Jobs
from service.pruning import Choice, forecast, prune
from tests.endpoints.jobs import labelled_rows
from tests.service.begun import begun

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=100), NOW - timedelta(days=1)
BEFORE = NOW - timedelta(days=90)
MINE = ModelIdentity(endpoint="http://localhost:8000/v1", model="local")
OTHER = ModelIdentity(endpoint="http://localhost:8000/v1", model="other")


@pytest.fixture
def task() -> Task:
    content = {
        "name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy", "data": {"rows": labelled_rows(30)},
        "model": {"name": f"hosted_vllm/{MINE.model}", "api_base": MINE.endpoint},
    }  # fmt: skip
    return load_task(parse_task(content), Path(), allow_code=False)


def row(name: str, model: ModelIdentity = MINE, epoch: str = "", usd: float | None = 0.5) -> Entry:
    return Entry(
        key=name.encode().ljust(32),
        reply=Completion(text=name, usage=Usage(prompt_tokens=10, completion_tokens=2, cost_usd=usd)),
        occasion=Occasion(epoch=epoch),
        model=model,
        prompt_digest="p",
        example_id=name,
    )


def keep(home: Home, at: datetime, *rows: Entry) -> int:
    """Keeps them at that time, one after the other; the mark after that."""

    async def kept() -> int:
        ledger = SqlLedger(home.engine, lambda: at)
        for one in rows:
            await ledger.keep(one)
        mark = await ledger.mark()
        await ledger.close()
        return mark

    return asyncio.run(kept())


def begin(home: Home, task: Task, mark: int, identity: str = "one", *, fresh: bool = False) -> Job:
    jobs = Jobs(home)
    return begun(jobs, jobs.find(identity, task, fresh=fresh), task, mark)


def left(home: Home) -> list[str]:
    return [entry.example_id for entry, _ in entries(home.reading)]


def pruned(home: Home, choice: Choice) -> list[str]:
    """What is left after pruning, which must do what was forecast."""
    before = left(home)
    expected = forecast(home, choice)
    assert prune(home, choice) == sum(one.rollouts for one in expected.everything) == len(before) - len(left(home))
    return left(home)


def test_what_is_old_goes_and_what_is_not_stays(home: Home) -> None:
    keep(home, OLD, row("old"), row("old, other", OTHER))
    keep(home, BEFORE, row("on the day"))
    keep(home, YOUNG, row("young"))
    assert pruned(home, Choice(before=BEFORE, model="other")) == ["old", "on the day", "young"]
    assert pruned(home, Choice(before=BEFORE)) == ["on the day", "young"]
    assert pruned(home, Choice(before=BEFORE)) == ["on the day", "young"]


def test_epochs_can_go_alone(home: Home) -> None:
    keep(home, OLD, row("plain"), row("old epoch", epoch="a"))
    keep(home, YOUNG, row("young epoch", epoch="b"))
    assert pruned(home, Choice(before=BEFORE, epochs_only=True)) == ["plain", "young epoch"]
    assert pruned(home, Choice(epochs_only=True)) == ["plain"]


def test_an_empty_ledger_has_nothing_to_lose(home: Home) -> None:
    assert pruned(home, Choice(before=NOW)) == []


def test_what_would_be_paid_for_again_is_forecast(home: Home) -> None:
    keep(home, OLD, row("plain"), row("unpriced", usd=None), row("over", epoch="a"), row("other", OTHER))
    expected = forecast(home, Choice(before=BEFORE))
    assert [(one.model, one.rollouts, one.cost_usd) for one in expected.everything] == [(MINE, 3, 1.0), (OTHER, 1, 0.5)]
    assert [(one.rollouts, one.cost_usd, one.unpriced) for one in expected.payable] == [(2, 0.5, 1), (1, 0.5, 0)]
    assert (expected.held, expected.unfinished) == (0, [])


def test_an_unfinished_job_keeps_what_it_paid_for_and_what_it_found(home: Home, task: Task) -> None:
    mark = keep(home, OLD, row("found"), row("of another model", OTHER), row("of another epoch", epoch="x"))
    keep(home, OLD, row("paid"), row("paid to another model", OTHER))
    job = begin(home, task, mark)
    expected = forecast(home, Choice(before=BEFORE))
    assert (expected.held, expected.unfinished) == (3, [f"{job.id} (job, running)"])
    assert pruned(home, Choice(before=BEFORE)) == ["found", "paid", "paid to another model"]
    Jobs(home).conclude(job.id, SUCCEEDED, result={})
    assert pruned(home, Choice(before=BEFORE)) == []


def test_what_the_models_of_other_roles_found_is_kept_too(home: Home, task: Task) -> None:
    proposer = {"name": f"hosted_vllm/{OTHER.model}", "api_base": OTHER.endpoint}
    spec = parse_task({**task.spec.model_dump(exclude_none=True), "proposer_model": proposer})
    mark = keep(home, OLD, row("found"), row("proposed", OTHER), row("of another model", replace(OTHER, model="third")))
    begin(home, replace(task, spec=spec), mark)
    assert pruned(home, Choice(before=BEFORE)) == ["found", "proposed"]


def test_a_fresh_job_needs_nothing_older_than_itself(home: Home, task: Task) -> None:
    Jobs(home).conclude(begin(home, task, 0).id, SUCCEEDED, result={})
    mark = keep(home, OLD, row("plain"), row("over", epoch="a"))
    job = begin(home, task, mark, fresh=True)
    keep(home, OLD, row("mine", epoch=job.epoch))
    assert pruned(home, Choice(before=BEFORE)) == ["mine"]
    assert pruned(home, Choice(epochs_only=True)) == ["mine"]


@pytest.mark.parametrize("status", [FAILED, CANCELLED])
def test_a_job_that_stopped_can_be_resumed_until_it_is_forgotten(home: Home, task: Task, status: str) -> None:
    keep(home, OLD, row("paid", epoch="e"))
    stopped = begin(replace(home, now=lambda: OLD), task, 0)
    Jobs(replace(home, now=lambda: BEFORE)).conclude(stopped.id, status, error="why")
    assert pruned(home, Choice(before=BEFORE)) == ["paid"]
    assert pruned(home, Choice(epochs_only=True)) == ["paid"]
    assert pruned(home, Choice(before=BEFORE + timedelta(days=1))) == []


def test_one_that_runs_is_never_forgotten(home: Home, task: Task) -> None:
    keep(home, OLD, row("paid"))
    begin(replace(home, now=lambda: OLD), task, 0)
    assert pruned(home, Choice(before=NOW)) == ["paid"]


def test_one_that_still_waits_for_its_first_start_holds_nothing(home: Home, task: Task) -> None:
    keep(home, OLD, row("old"))
    jobs = Jobs(home)
    jobs.enqueue(jobs.find("one", task, fresh=False), task, {})
    assert pruned(home, Choice(before=BEFORE)) == []


def test_an_evaluation_keeps_what_it_needs_while_its_batch_is_open(home: Home) -> None:
    mark = keep(home, OLD, row("found"), row("of another model", OTHER))
    submissions = Submissions(home, run="run", now_mark=mark)
    submission = submissions.begin([row("paid").key], MINE, now_s=0.0)
    keep(home, OLD, row("paid"))
    assert forecast(home, Choice(before=BEFORE)).unfinished == ["a batch for local"]
    assert pruned(home, Choice(before=BEFORE)) == ["found", "paid"]
    submissions.drop(submission)
    assert pruned(home, Choice(before=BEFORE)) == []


def test_rows_after_pruning_are_newer_than_every_mark(home: Home) -> None:
    mark = keep(home, OLD, row("a"), row("b"), row("c"))
    prune(home, Choice(before=BEFORE))
    assert keep(home, NOW, row("d")) > mark


def test_a_pruned_question_can_be_answered_anew(home: Home) -> None:
    keep(home, OLD, row("asked"))
    prune(home, Choice(before=BEFORE))
    keep(home, NOW, row("asked", usd=0.25))
    assert [entry.reply.usage for entry, _ in entries(home.reading) if isinstance(entry.reply, Completion)] == [
        Usage(prompt_tokens=10, completion_tokens=2, cost_usd=0.25)
    ]


def many(home: Home, name: str, at: datetime = OLD) -> int:
    """Keeps 5,000 rows at once; the size after that."""

    async def kept() -> None:
        ledger = SqlLedger(home.engine, lambda: at)
        reply = Completion(text="some words " * 50, usage=Usage())
        await asyncio.gather(*(ledger.keep(replace(row(f"{name} {n}"), reply=reply)) for n in range(5000)))
        await ledger.close()

    asyncio.run(kept())
    return size_bytes(home.engine)


def test_the_disk_gets_its_room_back_or_new_rows_do(home: Home) -> None:
    keep(home, NOW, row("young"))
    full = many(home, "old")
    keep(home, NOW, row("younger"))
    assert pruned(home, Choice(before=BEFORE)) == ["young", "younger"]
    if not home.on_server:
        assert size_bytes(home.engine) < full / 10
    assert many(home, "new") < 1.2 * full


def test_jobs_go_on_keeping_while_the_ledger_is_pruned(home: Home) -> None:
    many(home, "old")

    async def kept() -> None:
        ledger = SqlLedger(home.engine, lambda: NOW)
        pruning = asyncio.create_task(asyncio.to_thread(prune, home, Choice(before=BEFORE)))
        for number in range(40):
            await asyncio.gather(*(ledger.keep(row(f"{number} {part}")) for part in range(10)))
        assert await pruning == 5000
        await ledger.close()

    asyncio.run(kept())
    assert len(left(home)) == 400
