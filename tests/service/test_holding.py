"""Whoever has lost a job writes nothing more for it, whatever it is and whoever has it now."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.datasets.records import Example
from benchmarks.errors import StorageError
from benchmarks.evaluation.rollout import Rollout
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from optimizers.progress import Notice
from service import holding, tables
from service.evaluation_items import EvaluationItems
from service.events import EventLog
from service.holding import Fenced, Hold, beating
from service.home import Home
from service.jobs import CANCELLING, SUCCEEDED, Job, Jobs
from service.journal import SqlJournal, SqlLooks
from service.registry import Registry
from service.scoring import Scored
from tests.endpoints.jobs import labelled_rows
from tests.service.begun import OWNER

PROMPT = Prompt(messages=(Message(role="user", content="{{text}}"),), parameters={})
SCORED = Scored(
    examples=(Example(id="row", inputs={}, answer="a", slices={}, origin=""),),
    rollouts=(Rollout(prompt_digest="p", example_id="row", score=None),),
    agreement=None,
    spent={},
)


@pytest.fixture
def task() -> Task:
    content = {
        "name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy",
        "model": {"name": "hosted_vllm/local", "api_base": "http://localhost:8000/v1"},
        "data": {"rows": labelled_rows(30)},
    }  # fmt: skip
    return load_task(parse_task(content), Path(), allow_code=False)


@pytest.fixture
def job(home: Home, task: Task) -> Job:
    """A job that waits for a worker."""
    jobs = Jobs(home)
    return jobs.enqueue(jobs.find("identity", task, fresh=False), task, {})


def taken(home: Home, job: Job, owner: str = OWNER) -> Hold:
    hold = Jobs(home).take(job, owner)
    assert hold is not None
    return hold


def contents(home: Home) -> dict[str, object]:
    """Everything that the home keeps."""
    with home.reading() as connection:
        return {table.name: connection.execute(sa.select(table)).all() for table in tables.tables.sorted_tables}


def note(hold: Hold) -> None:
    log = EventLog(hold, hold.job, calls_planned=10)
    log(Notice(message="note"))
    log.flush()


WRITES: dict[str, Callable[[Hold], object]] = {
    "progress and events": note,
    "a decision": lambda hold: SqlJournal(hold, hold.job).record("point", {"x": 1}),
    "a look": lambda hold: SqlLooks(hold).count("split", "look"),
    "the rows of an evaluation": lambda hold: EvaluationItems(hold).keep(hold.job, SCORED),
    "a version": lambda hold: Registry(hold).register("name", PROMPT, None),
    "a release": lambda hold: Jobs(hold).release(hold.job),
    "a result": lambda hold: Jobs(hold).conclude(hold.job, SUCCEEDED, result={}),
    "a heartbeat": Hold.beat,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_who_has_lost_the_job_writes_nothing(home: Home, job: Job, write: Callable[[Hold], object]) -> None:
    lost = taken(home, job)
    Jobs(home).hand_on(Jobs(home).get(job.id))
    for _ in range(2):  # Nobody has it, then another one.
        before = contents(home)
        with pytest.raises(Fenced, match=f"{job.id} was handed on to another process"):
            write(lost)
        assert contents(home) == before
        held = Jobs(home).take(job, "another")
    assert held is None
    mine = Jobs(home).get(job.id)
    assert (mine.owner, mine.fence) == ("another", 2)
    later = replace(home, now=lambda: home.now() + timedelta(seconds=1))
    write(Hold.of(later, job=job.id, owner="another", fence=2))
    assert contents(home) != before


def test_the_same_process_is_fenced_from_its_own_earlier_hold(home: Home, job: Job) -> None:
    first = taken(home, job)
    Jobs(first).release(job.id)
    second = taken(home, job)
    assert (first.fence, second.fence) == (1, 2)
    with pytest.raises(Fenced):
        note(first)
    note(second)


def test_who_is_handed_on_must_not_have_been_heard_of_since(home: Home, job: Job) -> None:
    hold = taken(home, job)
    seen = Jobs(home).get(job.id)
    with home.writing() as connection:
        connection.execute(sa.update(tables.jobs).values(heartbeat_at="later"))
    Jobs(home).hand_on(seen)
    assert hold.beat() == "running"


def test_a_hold_is_a_home_to_read_from(home: Home, job: Job) -> None:
    hold = taken(home, job)
    assert Jobs(hold).get(job.id) == Jobs(home).get(job.id)
    assert (hold.place, hold.timestamp()) == (home.place, home.timestamp())


@pytest.mark.parametrize("why", ["taken over", "to be cancelled"])
def test_the_heart_says_when_there_is_no_more_to_do(
    home: Home, job: Job, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "BEAT_S", 0.02)
    hold, lost = taken(home, job), threading.Event()
    with beating(hold, lost.set, unwanted=CANCELLING):
        assert not lost.wait(0.2)
        if why == "taken over":
            Jobs(home).hand_on(Jobs(home).get(job.id))
        else:
            Jobs(home).cancel(job.id)
        assert lost.wait(10)


def test_the_heart_survives_a_database_that_is_busy_for_once(
    home: Home, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "BEAT_S", 0.02)
    hold, beats, lost = taken(home, job), threading.Semaphore(0), threading.Event()
    real = Hold.beat

    def stumbling(self: Hold) -> str:
        beats.release()
        if not hasattr(stumbling, "stumbled"):
            stumbling.stumbled = True  # type: ignore[attr-defined]
            raise StorageError("busy")
        return real(self)

    monkeypatch.setattr(Hold, "beat", stumbling)
    with beating(hold, lost.set):
        for _ in range(3):
            assert beats.acquire(timeout=10)
    assert not lost.is_set()
