"""Servers and workers come and go; the jobs stay, go on by themselves, and pay for nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import SCRIPT
from tests.end_to_end.interruption import untimed
from tests.endpoints.faults import Fault
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.server import endpoints, served
from tests.service.api import requests
from tests.service.api.conftest import Finished
from tests.service.api.test_cancel import until

MOST_PAID_TWICE = 16
"""Those in flight when a worker is killed: a request keeps its place until its reply is written."""


def slow() -> LocalEndpoint:
    def late(_number: int) -> Fault:
        return Fault(delay_s=0.1)

    return tickets.endpoint(late)


@pytest.mark.parametrize("least", [*(pytest.param(calls, marks=pytest.mark.slow) for calls in (1, 80)), 40, 110])
def test_a_job_goes_on_with_the_next_server_as_if_nothing_had_happened(
    tmp_path: Path, finished: Finished, least: int
) -> None:
    with slow().in_thread() as endpoint:
        environment = endpoints(endpoint.url, max_concurrency=8)
        with served(tmp_path, environment) as server:
            job_id = server.post(requests.body())["id"]
            until(lambda: endpoint.requests >= least)
        assert endpoint.answered == endpoint.requests < finished.endpoint.requests
        with served(tmp_path, environment) as server:
            job = server.ended(job_id)
            events = server.events(job_id)
        assert job["status"] == "succeeded"
        assert untimed(job["result"]) == untimed(finished.result)
        assert endpoint.answered_again == 0
        assert endpoint.requests == finished.endpoint.requests
        assert [event["event"] for event in events].count("done") == 1


def test_a_stopped_server_leaves_its_job_in_the_queue(tmp_path: Path) -> None:
    with slow().in_thread() as endpoint:
        with served(tmp_path, endpoints(endpoint.url)) as server:
            job_id = server.post(requests.body())["id"]
            until(lambda: endpoint.requests > 20)
        with served(tmp_path, endpoints(endpoint.url), jobs=0) as server:
            assert server.get(job_id)["status"] == "queued"
            assert endpoint.answered == endpoint.requests


def test_events_are_replayed_by_the_next_server(tmp_path: Path) -> None:
    with tickets.endpoint().in_thread() as endpoint:
        with served(tmp_path, endpoints(endpoint.url)) as server:
            job_id = server.optimize(requests.small())["id"]
            events = server.events(job_id)
        with served(tmp_path, {}, jobs=0) as server:
            assert server.events(job_id) == events
            assert server.events(job_id, after=2) == [events[0], *events[3:]]


def test_a_job_that_was_cancelled_while_its_server_stopped_does_not_go_on(tmp_path: Path) -> None:
    with slow().in_thread() as endpoint:
        with served(tmp_path, endpoints(endpoint.url)) as server:
            job_id = server.post(requests.body())["id"]
            until(lambda: endpoint.requests > 20)
            server.client.post(f"/v1/optimizations/{job_id}/cancel")
        with served(tmp_path, endpoints(endpoint.url)) as server:
            assert server.ended(job_id)["status"] == "cancelled"
            assert [event["event"] for event in server.events(job_id)].count("done") == 1


@contextmanager
def worker(home: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`whet worker` as a process, which is killed at the end if it still lives."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), "worker"],
        env={**inherited, **environment, "WHET_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_a_killed_worker_s_job_is_taken_over_by_another(tmp_path: Path, finished: Finished) -> None:
    with slow().in_thread() as endpoint:
        environment = endpoints(endpoint.url, max_concurrency=MOST_PAID_TWICE)
        with served(tmp_path, environment, jobs=0) as server, worker(tmp_path, environment) as first:
            job_id = server.post(requests.body())["id"]
            until(lambda: endpoint.requests >= 50)
            with worker(tmp_path, environment):
                until(lambda: endpoint.requests >= 70)
                first.send_signal(signal.SIGKILL)
                job = server.ended(job_id)
        assert job["status"] == "succeeded"
        assert untimed(job["result"]) == untimed(finished.result)
        assert endpoint.answered_again <= MOST_PAID_TWICE


def test_a_worker_is_stopped_by_a_signal_and_hands_its_job_back(tmp_path: Path) -> None:
    with slow().in_thread() as endpoint:
        environment = endpoints(endpoint.url, max_concurrency=MOST_PAID_TWICE)
        with served(tmp_path, environment, jobs=0) as server, worker(tmp_path, environment) as process:
            job_id = server.post(requests.body())["id"]
            until(lambda: endpoint.requests >= 50)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert time.monotonic() - begun < 5
            assert server.get(job_id)["status"] == "queued"
        assert endpoint.answered == endpoint.requests


@pytest.mark.slow
def test_workers_share_the_jobs_and_none_is_done_twice(tmp_path: Path) -> None:
    with tickets.endpoint().in_thread() as endpoint:
        environment = endpoints(endpoint.url, max_concurrency=MOST_PAID_TWICE)
        with served(tmp_path, environment, jobs=1) as server, worker(tmp_path, environment):
            jobs = [server.post(requests.small(seed=seed)) for seed in range(8)]
            ended = [server.ended(job["id"]) for job in jobs]
            for job in ended:
                assert job["status"] == "succeeded"
                assert [event["event"] for event in server.events(job["id"])].count("done") == 1
            # A reply that another job paid for in the meantime is charged to both.
            assert endpoint.answered - endpoint.answered_again <= sum(job["spent"]["calls"] for job in ended)
