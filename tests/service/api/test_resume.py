"""What has stopped goes on when somebody asks for it, as often as they ask; and what is more urgent goes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task
from service.endpoints import read_endpoints, with_endpoints
from service.jobs import CANCELLED, FAILED, Jobs
from service.optimize import find_job
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.server import Server, endpoints, served
from tests.service.api import requests
from tests.service.api.test_problems import problem
from tests.service.begun import begun


def resume(server: Server, job_id: str) -> str:
    answer = server.client.post(f"/v1/optimizations/{job_id}/resume")
    assert answer.status_code == 202
    return str(answer.json()["status"])


@pytest.fixture
def idle(tmp_path: Path, endpoint: LocalEndpoint) -> Iterator[Server]:
    """A server that leaves its jobs to nobody."""
    with served(tmp_path / "idle", endpoints(endpoint.url), jobs=0) as serving:
        yield serving


def test_what_was_cancelled_waits_again_however_often_it_is_asked_for(idle: Server) -> None:
    job_id = idle.post(requests.small())["id"]
    assert resume(idle, job_id) == "queued"
    idle.client.post(f"/v1/optimizations/{job_id}/cancel")
    assert [resume(idle, job_id) for _ in range(3)] == ["queued"] * 3


def test_what_has_failed_is_carried_on(server: Server, endpoint: LocalEndpoint) -> None:
    job_id = server.optimize(requests.small())["id"]
    assert resume(server, job_id) == "succeeded"
    asked = endpoint.requests
    with server.home.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET status = 'failed', error = 'why', result = NULL")
    assert resume(server, job_id) == "queued"
    job = server.ended(job_id)
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert endpoint.requests == asked


@pytest.mark.parametrize("status", [FAILED, CANCELLED])
def test_a_command_s_job_is_resumed_by_that_command(idle: Server, endpoint: LocalEndpoint, status: str) -> None:
    content = with_endpoints(requests.small()["task"], read_endpoints(idle.home.folder, endpoints(endpoint.url)))
    task, jobs = load_task(parse_task(content), Path(), allow_code=False), Jobs(idle.home)
    job = begun(jobs, find_job(task, idle.home, fresh=False), task)
    jobs.conclude(job.id, status)
    document = problem(idle.client.post(f"/v1/optimizations/{job.id}/resume"), 409)
    assert "run the same command again" in document["detail"]
    assert jobs.get(job.id).status == status


def test_what_is_still_being_cancelled_is_asked_for_later(idle: Server, endpoint: LocalEndpoint) -> None:
    job_id, jobs = idle.post(requests.small())["id"], Jobs(idle.home)
    assert jobs.take(jobs.get(job_id), "somebody") is not None
    jobs.cancel(job_id)
    answer = idle.client.post(f"/v1/optimizations/{job_id}/resume")
    problem(answer, 409)
    assert "Retry-After" in answer.headers


def test_what_does_not_exist_cannot_be_resumed(idle: Server) -> None:
    problem(idle.client.post("/v1/optimizations/opt-nowhere/resume"), 404)


def test_a_request_says_how_urgent_it_is(idle: Server) -> None:
    asked = {priority: idle.post({**requests.small(seed=priority), "priority": priority}) for priority in (-10, 0, 10)}
    asked[5] = idle.post(requests.small(seed=5))
    assert [asked[priority]["priority"] for priority in (-10, 0, 10, 5)] == [-10, 0, 10, 0]
    assert idle.post({**requests.small(seed=5), "priority": 5})["priority"] == 5
    waiting = [job.id for job in Jobs(idle.home).waiting()]
    assert waiting == [asked[priority]["id"] for priority in (10, 5, 0, -10)]
    assert {job.endpoint for job in Jobs(idle.home).waiting()} == {"local"}


@pytest.mark.parametrize("priority", [-11, 11, 0.5, "1", True])
def test_another_priority_is_refused(idle: Server, priority: object) -> None:
    answer = idle.client.post("/v1/optimizations", json={**requests.small(), "priority": priority})
    assert [place["pointer"] for place in problem(answer, 422)["errors"]] == ["#/priority"]
