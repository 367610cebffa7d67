"""A job is known by what decides its result, by nothing else, and is found again where it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.budget import PROPOSER, TASK
from benchmarks.models.protocol import ModelIdentity
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service.home import Home
from service.jobs import (
    CANCELLED,
    CANCELLING,
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
from service.tables import optimizations
from tests.endpoints.jobs import labelled_rows

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
    started = jobs.start(found, task, ledger_mark=7)
    assert (started.id, started.status, started.ledger_mark) == (found.id, RUNNING, 7)
    assert jobs.find("identity", task, fresh=False) == jobs.get(found.id) == started
    for status, error in ((CANCELLED, None), (FAILED, "why")):
        jobs.conclude(started.id, status, error=error)
        again = jobs.find("identity", task, fresh=False)
        assert (again.status, again.error) == (status, error)
        assert jobs.start(again, task, ledger_mark=99).ledger_mark == 7
    jobs.conclude(started.id, SUCCEEDED, result={"decision": "promote"})
    finished = jobs.find("identity", task, fresh=False)
    assert (finished.status, finished.result, finished.error) == (SUCCEEDED, {"decision": "promote"}, None)


def test_a_fresh_run_is_a_job_of_its_own_in_an_epoch_of_its_own(home: Home) -> None:
    jobs, task = Jobs(home), make()
    runs: list[Job] = []
    for _ in range(3):
        run = jobs.start(jobs.find("0123456789abcdef", task, fresh=True), task, ledger_mark=0)
        jobs.conclude(run.id, SUCCEEDED, result={"run": len(runs)})
        runs.append(run)
    assert [run.epoch for run in runs] == [f"0123456789ab/fresh-{number}" for number in (1, 2, 3)]
    assert len({run.id for run in runs}) == 3
    assert jobs.find("0123456789abcdef", task, fresh=False).result == {"run": 2}


def test_jobs_of_different_identities_do_not_meet(home: Home) -> None:
    jobs, task = Jobs(home), make()
    jobs.start(jobs.find("one", task, fresh=False), task, ledger_mark=0)
    assert jobs.find("two", task, fresh=False).status == NEW


def test_an_unknown_job_is_named(home: Home) -> None:
    with pytest.raises(UnknownJob, match="There is no optimization 'opt-1'"):
        Jobs(home).get("opt-1")
    with pytest.raises(UnknownJob):
        Jobs(home).cancel("opt-1")


def queued(jobs: Jobs, task: Task, identity: str) -> Job:
    return jobs.enqueue(jobs.find(identity, task, fresh=False), task, {"asked": identity})


def test_who_has_waited_longest_is_served_first(home: Home) -> None:
    task, clock = make(), iter(range(60))
    ticking = Jobs(replace(home, now=lambda: datetime(2026, 1, 1, 0, 0, next(clock), tzinfo=UTC)))
    first, second, third = (queued(ticking, task, name) for name in "cab")
    assert [job.id for job in ticking.waiting()] == [first.id, second.id, third.id]
    assert ticking.take(second.id)
    assert [job.id for job in ticking.waiting()] == [first.id, third.id]
    ticking.release(second.id)
    assert [job.id for job in ticking.waiting()] == [first.id, third.id, second.id]
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


def test_only_what_failed_or_was_cancelled_is_queued_again(home: Home) -> None:
    jobs, task = Jobs(home), make()
    job = queued(jobs, task, "one")
    for status in (QUEUED, RUNNING, CANCELLING):
        if status == RUNNING:
            jobs.take(job.id)
        if status == CANCELLING:
            jobs.cancel(job.id)
        assert queued(jobs, task, "one").status == jobs.get(job.id).status == status
    for status in (CANCELLED, FAILED):
        jobs.conclude(job.id, status, error="why")
        assert jobs.get(job.id).status == status
        again = queued(jobs, task, "one")
        assert (again.id, again.status, again.error) == (job.id, QUEUED, None)
        jobs.take(job.id)
    jobs.conclude(job.id, SUCCEEDED, result={})
    assert queued(jobs, task, "one").status == SUCCEEDED


def test_a_command_s_job_is_no_worker_s_until_it_is_asked_for(home: Home) -> None:
    jobs, task = Jobs(home), make()
    started = jobs.start(jobs.find("one", task, fresh=False), task, ledger_mark=0)
    assert jobs.under_way() == []
    queued(jobs, task, "one")
    assert [job.id for job in jobs.under_way()] == [started.id]
    assert jobs.request(started.id) == {"asked": "one"}


def test_a_job_keeps_its_rows_where_they_were_asked_for_and_not_twice(home: Home) -> None:
    jobs, task = Jobs(home), make()
    job = queued(jobs, task, "one")
    with home.reading() as connection:
        spec = connection.scalar(sa.select(optimizations.c.spec).where(optimizations.c.id == job.id))
    assert "rows" not in (spec or {})["data"]
