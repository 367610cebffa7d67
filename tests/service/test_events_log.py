"""A job's events are written in order, once, and closed in the same moment as the job."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.budget import Caps, Charge
from benchmarks.evidence.records import Interval
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from optimizers.progress import Advanced, Event, Leading, Notice, PhaseStarted
from service.events import EventLog, events_after
from service.home import Home
from service.jobs import CANCELLED, CANCELLING, FAILED, OPEN, QUEUED, RUNNING, SUCCEEDED, Job, Jobs
from tests.endpoints.jobs import labelled_rows
from tests.service.begun import OWNER, begun

MODEL = {"name": "hosted_vllm/local", "api_base": "http://localhost:8000/v1"}
LEADING = Leading(score=Interval(mean=0.5, low=0.25, high=0.75, n=8), factors="plain", candidates_alive=3)


def advanced(calls: int) -> Advanced:
    spent = Charge(calls=calls, prompt_tokens=40, cached_tokens=10)
    return Advanced(
        calls_done=calls, calls_planned=90, missing=0, format_failures=0, spent=spent, caps=Caps(calls=100, usd=2.0),
        elapsed_s=12.34, rate_per_s=1.234, eta_s=70.5, concurrency=8,
    )  # fmt: skip


@pytest.fixture
def task() -> Task:
    content = {
        "name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy", "model": MODEL,
        "data": {"rows": labelled_rows(30)},
    }  # fmt: skip
    return load_task(parse_task(content), Path(), allow_code=False)


@pytest.fixture
def job(home: Home, task: Task) -> Job:
    """A job under way."""
    jobs = Jobs(home)
    return begun(jobs, jobs.find("identity", task, fresh=False), task)


def kinds(home: Home, job: Job, after: int = 0) -> list[str]:
    return [event.kind for event in events_after(home, job.id, after)]


def test_what_is_observed_is_written_at_the_next_flush(home: Home, job: Job) -> None:
    log = EventLog(home, job.id, calls_planned=100)
    for event in (PhaseStarted(phase="search", calls_planned=80), advanced(3), LEADING, Notice(message="Note.")):
        log(event)
    assert events_after(home, job.id, 0) == []
    log.flush()
    found = events_after(home, job.id, 0)
    assert [(event.sequence, event.kind) for event in found] == [(1, "phase"), (2, "best"), (3, "log")]
    assert found[0].data == {"phase": "search", "calls_planned": 80}
    assert (found[1].data["score"], found[1].data["rows"], found[1].data["calls_done"]) == (0.5, 8, 3)
    assert found[2].data == {"message": "Note."}
    progress = Jobs(home).get(job.id).progress
    assert progress is not None
    assert (progress["phase"], progress["calls_done"], progress["calls_planned"]) == ("search", 3, 90)
    assert (progress["rate_per_s"], progress["eta_s"], progress["seconds"]) == (1.23, 70.5, 12.3)
    assert (progress["concurrency"], progress["cached_tokens"]) == (8, 10)
    assert progress["caps"] == {"calls": 100, "tokens": None, "usd": 2.0, "seconds": None}
    assert progress["best"] == found[1].data
    log.flush()
    assert len(events_after(home, job.id, 0)) == 3


def test_progress_alone_is_no_event(home: Home, job: Job) -> None:
    log = EventLog(home, job.id, calls_planned=100)
    log(advanced(3))
    log.flush()
    assert events_after(home, job.id, 0) == []
    assert (Jobs(home).get(job.id).progress or {})["calls_done"] == 3


def test_the_next_log_of_a_job_goes_on_counting(home: Home, job: Job) -> None:
    for number in range(3):
        log = EventLog(home, job.id, calls_planned=100)
        log(Notice(message=str(number)))
        log.flush()
    assert [(e.sequence, e.data["message"]) for e in events_after(home, job.id, 0)] == [(1, "0"), (2, "1"), (3, "2")]
    assert [event.sequence for event in events_after(home, job.id, 2)] == [3]
    assert events_after(home, job.id, 3) == []


def test_what_a_run_tells_again_on_its_way_to_where_the_last_one_stopped_is_written_once(home: Home, job: Job) -> None:
    told: list[Event] = [Notice(message="Warm."), PhaseStarted(phase="search", calls_planned=80), LEADING, LEADING]
    later: list[Event] = [replace(LEADING, candidates_alive=2), Notice(message="Warm."), LEADING]
    for calls, run in enumerate([told[:3], told, [*told, *later]]):
        log = EventLog(home, job.id, calls_planned=100)
        log(advanced(calls))  # How far the count was differs from run to run.
        for event in run:
            log(event)
            log.flush()
    assert kinds(home, job) == ["log", "phase", "best", "best", "best", "log", "best"]


def test_what_was_said_once_more_in_the_same_run_is_written_once_more(home: Home, job: Job) -> None:
    for notices in (1, 3):
        log = EventLog(home, job.id, calls_planned=100)
        for _ in range(notices):
            log(Notice(message="Paused."))
        log.flush()
    assert kinds(home, job) == ["log"] * 3


def test_once_a_run_is_further_than_any_before_it_what_it_tells_is_new(home: Home, job: Job) -> None:
    search, paused = PhaseStarted(phase="search", calls_planned=80), Notice(message="Paused.")
    runs: list[list[Event]] = [[search, paused], [search, LEADING, paused]]
    for run in runs:
        log = EventLog(home, job.id, calls_planned=100)
        for event in run:
            log(event)
        log.flush()
    assert kinds(home, job) == ["phase", "log", "best", "log"]


def test_events_stay_in_order_when_they_are_flushed_at_once(home: Home, job: Job) -> None:
    log = EventLog(home, job.id, calls_planned=100)
    for number in range(10):
        flushing = [threading.Thread(target=log.flush) for _ in range(3)]
        with home.writing():  # They all have to wait here, and who waits longest does not always come first.
            for thread, place in zip(flushing, "abc", strict=True):
                log(Notice(message=f"{number}{place}"))
                thread.start()
                time.sleep(0.01)
        for thread in flushing:
            thread.join()
    found = events_after(home, job.id, 0)
    assert [event.sequence for event in found] == list(range(1, 31))
    messages = [event.data["message"] for event in found]
    assert messages == sorted(messages)


async def test_it_flushes_by_itself_and_at_the_end(home: Home, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.events.FLUSH_S", 0.01)
    log = EventLog(home, job.id, calls_planned=100)

    async def run() -> None:
        async with log.flushing():
            log(Notice(message="first"))
            async with asyncio.timeout(30):
                while not events_after(home, job.id, 0):
                    await asyncio.sleep(0.01)
            log(Notice(message="last"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run()
    assert [event.data["message"] for event in events_after(home, job.id, 0)] == ["first", "last"]


@pytest.mark.parametrize("status", [SUCCEEDED, FAILED, CANCELLED])
@pytest.mark.parametrize("asked_to_stop", [False, True])
def test_a_job_that_ends_is_done_once(home: Home, job: Job, status: str, asked_to_stop: bool) -> None:
    jobs = Jobs(home)
    if asked_to_stop:
        assert jobs.cancel(job.id).status == CANCELLING
    jobs.conclude(job.id, status, result={"decision": "promote"} if status == SUCCEEDED else None)
    jobs.conclude(job.id, FAILED, error="too late")
    found = jobs.get(job.id)
    assert (found.status, found.error) == (status, None)
    assert [event.data for event in events_after(home, job.id, 0)] == [{"status": status}]


def test_whoever_sees_a_job_ended_finds_that_it_is_done(home: Home, task: Task) -> None:
    jobs = Jobs(home)
    for number in range(20):
        job = begun(jobs, jobs.find(f"identity {number}", task, fresh=False), task)
        ending = threading.Thread(target=jobs.conclude, args=(job.id, SUCCEEDED))
        ending.start()
        while jobs.get(job.id).status in OPEN:
            pass
        assert kinds(home, job) == ["done"]
        ending.join()


def test_a_job_that_is_released_waits_again_or_is_cancelled(home: Home, task: Task) -> None:
    jobs = Jobs(home)
    job = jobs.enqueue(jobs.find("identity", task, fresh=False), task, {})
    assert jobs.take(job, OWNER)
    jobs.release(job.id)
    assert (jobs.get(job.id).status, kinds(home, job)) == (QUEUED, [])
    assert jobs.take(job, OWNER)
    assert jobs.get(job.id).status == RUNNING
    jobs.cancel(job.id)
    jobs.release(job.id)
    assert (jobs.get(job.id).status, kinds(home, job)) == (CANCELLED, ["done"])
    jobs.release(job.id)
    assert (jobs.get(job.id).status, kinds(home, job)) == (CANCELLED, ["done"])


def test_a_job_that_waits_is_taken_by_one(home: Home, task: Task) -> None:
    jobs = Jobs(home)
    job = jobs.enqueue(jobs.find("identity", task, fresh=False), task, {})
    with ThreadPoolExecutor(8) as pool:
        holds = list(pool.map(lambda _: jobs.take(job, OWNER), range(8)))
    assert [hold.fence for hold in holds if hold is not None] == [1]


def test_a_job_that_was_never_written_down_ends_without_a_trace(home: Home, task: Task) -> None:
    jobs = Jobs(home)
    job = jobs.find("another", task, fresh=False)
    jobs.conclude(job.id, CANCELLED)
    assert events_after(home, job.id, 0) == []
