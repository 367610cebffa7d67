"""Cancelled: it ends soon, what was paid for is kept, and asking again goes on from there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task
from service.endpoints import read_endpoints, with_endpoints
from service.jobs import Jobs
from service.optimize import find_job
from tests.end_to_end import tickets
from tests.end_to_end.interruption import untimed
from tests.endpoints.faults import Fault
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.server import ENDED, Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.api.conftest import Finished
from tests.service.begun import begun

CANCEL_S = 2.0


def cancel(server: Server, job_id: str) -> Json:
    answer = server.client.post(f"/v1/optimizations/{job_id}/cancel")
    assert answer.status_code == 202
    job: Json = answer.json()
    return job


def kept(server: Server) -> int:
    with server.home.reading() as connection:
        return int(connection.scalar(sa.text("SELECT count(*) FROM ledger")) or 0)


def slow(delay_s: float) -> LocalEndpoint:
    def late(_number: int) -> Fault:
        return Fault(delay_s=delay_s)

    return tickets.endpoint(late)


def until(condition: Callable[[], bool], longest_s: float = 60.0) -> float:
    """The seconds it took until the condition held."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + longest_s
        time.sleep(0.01)
    return time.monotonic() - begun


@pytest.mark.parametrize(("delay_s", "at_once"), [(0.05, 4), (0.3, 16)])
def test_it_ends_soon_and_keeps_every_reply_that_was_on_its_way(tmp_path: Path, delay_s: float, at_once: int) -> None:
    with (
        slow(delay_s).in_thread() as endpoint,
        served(tmp_path, endpoints(endpoint.url, max_concurrency=at_once)) as server,
    ):
        job_id = server.post(requests.body())["id"]
        until(lambda: endpoint.requests > 30)
        assert cancel(server, job_id)["status"] in ("cancelling", "cancelled")
        took_s = until(lambda: server.get(job_id)["status"] == "cancelled")
        assert took_s < CANCEL_S
        assert kept(server) == endpoint.answered == endpoint.requests < 160
        asked = endpoint.requests
        time.sleep(2 * delay_s)
        assert endpoint.requests == asked


def test_replies_that_do_not_come_soon_are_given_up(tmp_path: Path) -> None:
    with slow(30.0).in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url)) as server:
        job_id = server.post(requests.body())["id"]
        until(lambda: endpoint.in_flight > 4)
        cancel(server, job_id)
        assert until(lambda: server.get(job_id)["status"] == "cancelled") < CANCEL_S
        until(lambda: endpoint.in_flight == 0)
        assert kept(server) == 0


def test_asked_for_again_it_goes_on_and_pays_for_nothing_twice(tmp_path: Path, finished: Finished) -> None:
    with slow(0.1).in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url, max_concurrency=8)) as server:
        job_id = server.post(requests.body())["id"]
        for least in (20, 60, 100):
            until(lambda least=least: endpoint.requests >= least)  # type: ignore[misc]
            cancel(server, job_id)
            assert server.ended(job_id)["status"] == "cancelled"
            assert server.post(requests.body())["id"] == job_id
        job = server.ended(job_id)
        assert job["status"] == "succeeded"
        assert untimed(job["result"]) == untimed(finished.result)
        assert endpoint.answered_again == 0
        assert endpoint.requests == job["spent"]["calls"] == finished.endpoint.requests


def test_the_log_of_a_cancelled_job_ends_and_goes_on_with_it(tmp_path: Path) -> None:
    with slow(0.1).in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url)) as server:
        job_id = server.post(requests.body())["id"]
        until(lambda: endpoint.requests > 20)
        cancel(server, job_id)
        first = server.events(job_id)
        assert first[-1]["data"] == {"status": "cancelled"}
        server.post(requests.body())
        second = server.events(job_id, after=first[-1]["id"])
        assert second[-1]["data"] == {"status": "succeeded"}
        assert [event["event"] for event in [*first, *second]].count("done") == 2


def test_a_job_that_waits_is_cancelled_at_once(tmp_path: Path) -> None:
    with served(tmp_path, endpoints("http://127.0.0.1:9/v1"), jobs=0) as server:
        job_id = server.post(requests.small())["id"]
        for _ in range(2):
            assert cancel(server, job_id)["status"] == "cancelled"
        assert server.post(requests.small())["status"] == "queued"
        assert server.get(job_id)["status"] == "queued"


def test_what_has_ended_stays_as_it_is(server: Server) -> None:
    job = server.optimize(requests.small())
    assert cancel(server, job["id"]) == job
    assert server.get(job["id"]) == job


def test_a_job_is_cancelled_whenever_it_is_asked(server: Server) -> None:
    for number in range(8):
        job_id = server.post(requests.small(seed=number))["id"]
        time.sleep(0.08 * number)
        cancel(server, job_id)
        assert until(lambda job_id=job_id: server.get(job_id)["status"] in ENDED) < CANCEL_S  # type: ignore[misc]
        assert [event["event"] for event in server.events(job_id)].count("done") == 1


def test_a_job_that_is_cancelled_while_it_starts_is_not_carried_out(server: Server, endpoint: LocalEndpoint) -> None:
    content = with_endpoints(requests.small()["task"], read_endpoints(server.home.folder, endpoints(endpoint.url)))
    task, jobs = load_task(parse_task(content), Path(), allow_code=False), Jobs(server.home)
    job = find_job(task, server.home, fresh=False)
    job = begun(jobs, job, task)  # By another process, so that the server's own worker leaves it alone.
    assert jobs.enqueue(job, task, content).status == "running"
    assert cancel(server, job.id)["status"] == "cancelling"
    jobs.start(job, ledger_mark=0)
    assert server.get(job.id)["status"] == "cancelling"
    jobs.hand_on(job)
    assert server.ended(job.id)["status"] == "cancelled"


def test_what_does_not_exist_cannot_be_cancelled(server: Server) -> None:
    assert server.client.post("/v1/optimizations/opt-nowhere/cancel").status_code == 404
