"""A job is known by what decides its result, by nothing else, and is found again where it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.budget import PROPOSER, TASK
from benchmarks.models.protocol import ModelIdentity
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service import tables
from service.home import Home
from service.jobs import (
    CANCELLED,
    CANCELLING,
    DIED,
    EVALUATION,
    FAILED,
    NEW,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Job,
    Jobs,
    UnknownJob,
    job_identity,
)
from tests.endpoints.jobs import labelled_rows
from tests.service.begun import OWNER, begun

MODEL = {"name": "hosted_vllm/local", "api_base": "http://localhost:8000/v1"}
ENDPOINT = ModelIdentity(endpoint="http://localhost:8000/v1", model="local")
ROWS = labelled_rows(30)


def make(**fields: Any) -> Task:
    content = {
        "name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy", "model": MODEL,
        "data": {"rows": ROWS},
    }  # fmt: skip
    return load_task(parse_task({**content, **fields}), Path(), allow_code=True)


def identity(endpoint: ModelIdentity = ENDPOINT, **fields: Any) -> str:
    return job_identity(make(**fields), {TASK: endpoint})


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 1},
        {"budget": {"calls": 1999}},
        {"budget": {"calls": 2000, "tokens": 10**9}},
        {"metric": "macro_f1"},
        {"prompt": {"instruction": "Which one?"}},
        {"search": {"placement": ["user"]}},
        {"split": {"seed": 1}},
        {"data": {"rows": ROWS[1:]}},
        {"data": {"rows": [{**ROWS[0], "text": "another"}, *ROWS[1:]]}},
        {"model": {**MODEL, "parameters": {"temperature": 1}}},
    ],
)
def test_whatever_decides_the_result_makes_another_job(fields: dict[str, Any]) -> None:
    assert identity(**fields) != identity()


@pytest.mark.parametrize(
    "model",
    [
        {**MODEL, "timeout_s": 5.0},
        {**MODEL, "outage_s": 5.0},
        {**MODEL, "hedge": True},
        {**MODEL, "max_concurrency": 3},
        {**MODEL, "api_key_env": "KEY"},
        {**MODEL, "api_base": "http://elsewhere/v1", "identity": "mine"},
    ],
)
def test_how_the_model_is_reached_does_not(model: dict[str, Any]) -> None:
    assert identity(model=model) == identity()


def test_which_model_answers_does() -> None:
    assert identity(replace(ENDPOINT, model="other")) != identity()
    assert identity(replace(ENDPOINT, endpoint="http://elsewhere/v1")) != identity()


def test_the_models_of_the_other_roles_decide_too() -> None:
    def proposed(model: ModelIdentity, **fields: Any) -> str:
        return job_identity(make(proposer_model={**MODEL, **fields}), {TASK: ENDPOINT, PROPOSER: model})

    known = proposed(ENDPOINT)
    assert known not in (identity(), job_identity(make(), {TASK: ENDPOINT}))
    assert known == proposed(ENDPOINT, timeout_s=5.0, api_key_env="KEY")
    assert known != proposed(replace(ENDPOINT, model="other"))
    assert known != proposed(ENDPOINT, parameters={"temperature": 1})


def test_the_same_rows_from_a_file_are_the_same_job(tmp_path: Path) -> None:
    lines = "".join(f"{row['text']},{row['label']}\n" for row in ROWS)
    (tmp_path / "rows.csv").write_text("text,label\n" + lines)
    assert identity(data={"path": str(tmp_path / "rows.csv")}) == identity()


def test_own_code_counts_by_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    identities = []
    for source in ("return 1.0", "return 0.0", "return 1.0"):
        Path("mine.py").write_text(f"def score(answer, expected):\n    {source}\n")
        identities.append(identity(metric="mine.py:score"))
    assert identities[0] == identities[2] != identities[1]


def test_a_job_is_found_where_it_stands(home: Home) -> None:
    jobs, task = Jobs(home), make()
    found = jobs.find("identity", task, fresh=False)
    assert (found.task, found.status, found.epoch, found.result) == ("job", NEW, "", None)
    assert jobs.find("identity", task, fresh=False) == found
    started = begun(jobs, found, task, 7)
    assert (started.id, started.status, started.ledger_mark) == (found.id, RUNNING, 7)
    assert (started.owner, started.fence) == (OWNER, 1)
    assert jobs.find("identity", task, fresh=False) == jobs.get(found.id) == started
    for status, error in ((CANCELLED, None), (FAILED, "why")):
        jobs.conclude(started.id, status, error=error)
        again = jobs.find("identity", task, fresh=False)
        assert (again.status, again.error) == (status, error)
        assert begun(jobs, again, task, 99).ledger_mark == 7
    jobs.conclude(started.id, SUCCEEDED, result={"decision": "promote"})
    finished = jobs.find("identity", task, fresh=False)
    assert (finished.status, finished.result, finished.error) == (SUCCEEDED, {"decision": "promote"}, None)


def test_a_fresh_run_is_a_job_of_its_own_in_an_epoch_of_its_own(home: Home) -> None:
    jobs, task = Jobs(home), make()
    runs: list[Job] = []
    for _ in range(3):
        run = begun(jobs, jobs.find("0123456789abcdef", task, fresh=True), task)
        jobs.conclude(run.id, SUCCEEDED, result={"run": len(runs)})
        runs.append(run)
    assert [run.epoch for run in runs] == [f"0123456789ab/fresh-{number}" for number in (1, 2, 3)]
    assert len({run.id for run in runs}) == 3
    assert jobs.find("0123456789abcdef", task, fresh=False).result == {"run": 2}


def test_jobs_of_different_identities_do_not_meet(home: Home) -> None:
    jobs, task = Jobs(home), make()
    begun(jobs, jobs.find("one", task, fresh=False), task)
    assert jobs.find("two", task, fresh=False).status == NEW


def test_an_unknown_job_is_named(home: Home) -> None:
    with pytest.raises(UnknownJob, match="There is no job 'opt-1'"):
        Jobs(home).get("opt-1")
    with pytest.raises(UnknownJob, match="There is no evaluation 'opt-1'"):
        Jobs(home).get("opt-1", EVALUATION)
    with pytest.raises(UnknownJob):
        Jobs(home).cancel("opt-1")


def queued(jobs: Jobs, task: Task, identity: str) -> Job:
    return jobs.enqueue(jobs.find(identity, task, fresh=False), task, {"asked": identity})


def test_who_asked_first_is_served_first(home: Home) -> None:
    task, clock = make(), iter(range(60))
    ticking = Jobs(replace(home, now=lambda: datetime(2026, 1, 1, 0, 0, next(clock), tzinfo=UTC)))
    first, second, third = (queued(ticking, task, name) for name in "cab")
    assert [job.id for job in ticking.waiting()] == [first.id, second.id, third.id]
    assert ticking.take(second, OWNER)
    assert [job.id for job in ticking.waiting()] == [first.id, third.id]
    ticking.release(second.id)
    assert [job.id for job in ticking.waiting()] == [first.id, second.id, third.id]
    assert ticking.request(third.id) == {"asked": "b"}


def test_the_newest_is_listed_first_also_when_clocks_stand_still(home: Home) -> None:
    jobs, task = Jobs(home), make()
    ids = {queued(jobs, task, str(number)).id for number in range(7)}
    whole = [job.id for job in jobs.listed(10)]
    assert set(whole) == ids
    pages: list[str] = []
    while page := jobs.listed(3, before=pages[-1] if pages else None):
        pages += [job.id for job in page]
    assert pages == whole


def test_a_list_has_of_each_result_what_was_decided_and_spent(home: Home) -> None:
    jobs, task = Jobs(home), make()
    done, open_ = queued(jobs, task, "done"), queued(jobs, task, "open")
    jobs.take(done, OWNER)
    result = {"decision": "promote", "spent": {"calls": 7}, "trials": ["much"] * 100}
    jobs.conclude(done.id, SUCCEEDED, result=result)
    listed = {job.id: job for job in jobs.listed(10)}
    assert listed[done.id].result == {"decision": "promote", "spent": {"calls": 7}}
    assert listed[open_.id] == jobs.get(open_.id)
    assert jobs.get(done.id).result == result


def test_only_what_failed_or_was_cancelled_is_queued_again(home: Home) -> None:
    jobs, task = Jobs(home), make()
    job = queued(jobs, task, "one")
    for status in (QUEUED, RUNNING, CANCELLING):
        if status == RUNNING:
            jobs.take(job, OWNER)
        if status == CANCELLING:
            jobs.cancel(job.id)
        assert queued(jobs, task, "one").status == jobs.get(job.id).status == status
    for status in (CANCELLED, FAILED):
        jobs.conclude(job.id, status, error="why")
        assert jobs.get(job.id).status == status
        again = queued(jobs, task, "one")
        assert (again.id, again.status, again.error) == (job.id, QUEUED, None)
        jobs.take(job, OWNER)
    jobs.conclude(job.id, SUCCEEDED, result={})
    assert queued(jobs, task, "one").status == SUCCEEDED


def test_a_command_that_died_leaves_a_job_that_failed_and_may_be_repeated(home: Home) -> None:
    jobs, task = Jobs(home), make()
    started = begun(jobs, jobs.find("one", task, fresh=False), task)
    jobs.hand_on(started)
    left = jobs.get(started.id)
    assert (left.status, left.owner, left.error) == (FAILED, None, DIED)
    assert jobs.waiting() == []
    again = begun(jobs, left, task)
    assert (again.status, again.fence, again.error) == (RUNNING, 2, None)


def test_one_that_was_asked_for_meanwhile_is_carried_on_by_a_worker(home: Home) -> None:
    jobs, task = Jobs(home), make()
    started = begun(jobs, jobs.find("one", task, fresh=False), task)
    assert jobs.request(started.id) is None
    assert queued(jobs, task, "one").status == RUNNING
    assert jobs.request(started.id) == {"asked": "one"}
    jobs.hand_on(started)
    assert [job.id for job in jobs.waiting()] == [started.id]


def asked(jobs: Jobs, task: Task, identity: str, endpoint: str | None = None, priority: int | None = None) -> Job:
    found = jobs.find(identity, task, fresh=False)
    return jobs.enqueue(found, task, {"asked": identity}, endpoint=endpoint, priority=priority)


def test_what_is_more_urgent_goes_first(home: Home) -> None:
    task, clock = make(), iter(range(60))
    jobs = Jobs(replace(home, now=lambda: datetime(2026, 1, 1, 0, 0, next(clock), tzinfo=UTC)))
    low, usual, high = (asked(jobs, task, name, priority=n) for name, n in (("l", -10), ("u", None), ("h", 10)))
    assert [job.id for job in jobs.waiting()] == [high.id, usual.id, low.id]
    assert asked(jobs, task, "l", priority=1).priority == 1
    assert asked(jobs, task, "l").priority == 1
    assert [job.id for job in jobs.waiting()] == [high.id, low.id, usual.id]


@given(
    wanted=st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(-10, 10)), max_size=8),
    limits=st.fixed_dictionaries({"a": st.integers(1, 3), "b": st.integers(1, 3)}),
    steps=st.lists(st.booleans(), max_size=20),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_endpoint_has_more_jobs_than_it_takes(
    home: Home, wanted: list[tuple[str | None, int]], limits: dict[str, int], steps: list[bool]
) -> None:
    """Whatever is taken and ended in between; and whatever has room is offered, the most urgent first."""
    task, jobs, run = make(), Jobs(home), uuid4().hex
    ids = [asked(jobs, task, f"{run} {n}", endpoint, priority).id for n, (endpoint, priority) in enumerate(wanted)]
    held: list[Job] = []
    for take in steps:
        waiting = [job for job in jobs.waiting(limits) if job.id in ids]
        assert [job.priority for job in waiting] == sorted((job.priority for job in waiting), reverse=True)
        if take and waiting:
            assert jobs.take(waiting[0], OWNER, limits.get(waiting[0].endpoint or "")) is not None
            held.append(waiting[0])
        elif held:
            jobs.conclude(held.pop(0).id, SUCCEEDED, result={})
        for endpoint, most in limits.items():
            busy = sum(job.endpoint == endpoint for job in held)
            assert busy <= most
            left = [job for job in map(jobs.get, ids) if job.status == QUEUED and job.endpoint == endpoint]
            assert len([job for job in jobs.waiting(limits) if job in left]) == min(len(left), most - busy)
            if left and busy == most:
                assert jobs.take(left[0], OWNER, most) is None
    for job in held:
        jobs.conclude(job.id, SUCCEEDED, result={})
    for job_id in ids:
        jobs.cancel(job_id)


def test_what_has_stopped_is_resumed_once(home: Home) -> None:
    jobs, task = Jobs(home), make()
    job = asked(jobs, task, "one")
    for status in (FAILED, CANCELLED):
        assert jobs.resume(job.id).status == QUEUED
        assert jobs.take(job, OWNER) is not None
        assert jobs.resume(job.id).status == RUNNING
        jobs.conclude(job.id, status, error="why")
        assert (jobs.resume(job.id).status, jobs.get(job.id).error) == (QUEUED, None)
    assert jobs.take(job, OWNER) is not None
    jobs.conclude(job.id, SUCCEEDED, result={})
    assert jobs.resume(job.id).status == SUCCEEDED
    with pytest.raises(UnknownJob):
        jobs.resume("opt-nowhere")


def test_a_job_keeps_its_rows_where_they_were_asked_for_and_not_twice(home: Home) -> None:
    jobs, task = Jobs(home), make()
    job = queued(jobs, task, "one")
    with home.reading() as connection:
        spec = connection.scalar(sa.select(tables.jobs.c.spec).where(tables.jobs.c.id == job.id))
    assert "rows" not in (spec or {})["data"]
