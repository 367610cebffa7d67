"""Evaluations that are cancelled, stopped or killed go on where they were, and pay for nothing twice."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.endpoints.server import endpoints, served
from tests.endpoints.wire import Json
from tests.service.api.evaluating import PATH, asking, ended, evaluate, get, items, post
from tests.service.api.test_cancel import CANCEL_S, slow, until
from tests.service.api.test_restart import MOST_PAID_TWICE, worker

ROWS = 90


def lasting(found: Json) -> Json:
    """What must be the same however often it was interrupted."""
    left = {"cached_tokens", "cached_share", "server_cached_share", "ledger_hits"}
    spent = {name: value for name, value in found["result"]["spent"].items() if name not in left}
    return {**found["result"], "spent": spent}


def test_it_is_cancelled_soon_and_goes_on_when_it_is_asked_to(tmp_path: Path) -> None:
    with slow(0.05).in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url, max_concurrency=4)) as server:
        job_id = post(server, asking(count=ROWS))["id"]
        for least in (10, 25):
            until(lambda least=least: endpoint.requests >= least)  # type: ignore[misc]
            begun = time.monotonic()
            assert server.client.post(f"{PATH}/{job_id}/cancel").status_code == 202
            until(lambda: get(server, job_id)["status"] == "cancelled")
            assert time.monotonic() - begun < CANCEL_S
            assert server.client.get(f"{PATH}/{job_id}/items").status_code == 409
            assert server.client.post(f"{PATH}/{job_id}/resume").json()["status"] == "queued"
        found = ended(server, job_id)
        assert found["status"] == "succeeded"
        assert endpoint.answered_again == 0
        assert found["spent"]["calls"] == found["rows"] == endpoint.requests


def test_it_goes_on_with_the_next_server_as_if_nothing_had_happened(tmp_path: Path) -> None:
    with slow(0.05).in_thread() as endpoint:
        environment = endpoints(endpoint.url, max_concurrency=4)
        with served(tmp_path / "home", environment) as server:
            job_id = post(server, asking(count=ROWS, split="test"))["id"]
            until(lambda: endpoint.requests >= 12)
        with served(tmp_path / "home", environment) as server:
            found = ended(server, job_id)
            assert (endpoint.answered_again, endpoint.requests) == (0, found["rows"])
            rows = items(server, job_id)
        with served(tmp_path / "another", environment) as server:
            other = evaluate(server, count=ROWS, split="test")
            assert lasting(found) == lasting(other)
            assert rows == items(server, other["id"])


@pytest.mark.slow
def test_a_killed_worker_s_evaluation_is_taken_over_by_another(tmp_path: Path) -> None:
    with slow(0.1).in_thread() as endpoint:
        environment = endpoints(endpoint.url, max_concurrency=4)
        with served(tmp_path / "home", environment, jobs=0) as server, worker(tmp_path / "home", environment) as first:
            job_id = post(server, asking(count=ROWS, split="test"))["id"]
            until(lambda: endpoint.requests >= 15)
            first.send_signal(signal.SIGKILL)
            with worker(tmp_path / "home", environment):
                found = ended(server, job_id)
            assert found["status"] == "succeeded"
            assert endpoint.answered_again <= 4 < MOST_PAID_TWICE
            assert found["result"]["look"] == 1
            assert len(items(server, job_id)) == found["rows"] == found["spent"]["calls"]
