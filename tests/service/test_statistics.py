"""Numbers about a home, on every kind of database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from service.home import Home
from service.jobs import Jobs
from service.statistics import COMMAND, deliveries_by_status, jobs_by_status, longest_wait_s, spent_by_endpoint
from service.tables import jobs
from tests.endpoints.jobs import labelled_rows, make_task

TASK = make_task(labelled_rows(60))


def asked_for(home: Home, identity: str, endpoint: str | None, spent: Mapping[str, Any] | None) -> str:
    job = Jobs(home).enqueue(Jobs(home).find(identity, TASK, fresh=False), TASK, {}, endpoint=endpoint)
    progress = None if spent is None else {"phase": "search", "spent": spent}
    with home.writing() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job.id).values(progress=progress))
    return job.id


def took(calls: int, usd: float | None) -> Mapping[str, Any]:
    return {"calls": calls, "ledger_hits": 1, "prompt_tokens": 10 * calls, "completion_tokens": calls, "usd": usd}


def test_what_jobs_spent_is_summed_by_endpoint(home: Home) -> None:
    assert spent_by_endpoint(home) == {}
    asked_for(home, "a", "local", took(5, 0.25))
    asked_for(home, "b", "local", took(7, None))
    asked_for(home, "c", "local", None)
    asked_for(home, "d", None, took(1, 0.5))
    found = spent_by_endpoint(home)
    assert found["local"] == {**took(12, 0.25), "ledger_hits": 2}
    assert found[COMMAND] == took(1, 0.5)


def test_the_queue_is_as_old_as_the_job_that_waits_longest(home: Home) -> None:
    assert longest_wait_s(home) == 0
    first = asked_for(home, "a", None, None)
    later = replace(home, now=lambda: home.now() + timedelta(seconds=30))
    asked_for(later, "b", None, None)
    assert longest_wait_s(later) == 30
    Jobs(later).cancel(first)
    assert longest_wait_s(later) == 0
    assert longest_wait_s(home) == 0  # A clock that runs behind the others'.
    assert jobs_by_status(home) == {("optimization", "cancelled"): 1, ("optimization", "queued"): 1}
    assert deliveries_by_status(home) == {}
