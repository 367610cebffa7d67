"""The models of the other roles over REST: named as the task model is, and stopped as fast."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.test_judge import grade
from tests.endpoints.faults import Fault
from tests.endpoints.local import LocalEndpoint, no_fault
from tests.endpoints.server import Server, served
from tests.endpoints.wire import Json
from tests.service.api import requests

METRIC = {"name": "judge", "rubric": "It names the right team."}
CANCELLED_WITHIN_S = 1.0


@contextmanager
def judged(folder: Path, fault: Callable[[int], Fault | None] = no_fault) -> Iterator[tuple[Server, LocalEndpoint]]:
    """A server that offers a task model and a judge, and the judge."""
    judging = LocalEndpoint(grade, models=("judge",), fault=fault)
    with tickets.endpoint().in_thread() as answering, judging.in_thread():
        offered = {
            "local": {"model": "hosted_vllm/local", "api_base": answering.url},
            "strict": {"model": "hosted_vllm/judge", "api_base": judging.url},
            "slow": {"model": "openai/gpt-4o-mini", "batch": True},
        }
        with served(folder, {"WHET_ENDPOINTS": json.dumps(offered)}) as server:
            yield server, judging


def body(**fields: Any) -> Json:
    asked = {"metric": METRIC, "judge_model": {"endpoint": "strict"}, "budget": {"calls": 160}, **fields}
    return requests.small(**asked)


@pytest.mark.slow
def test_a_judge_is_named_by_its_endpoint_and_may_be_another_one(tmp_path: Path) -> None:
    labels = [{**row, "reply": row["team"], "score": "pass"} for row in tickets.rows(6, seed=9)]
    with judged(tmp_path) as (server, judging):
        asked = body(metric={**METRIC, "human_labels": labels})
        result = server.optimize(asked)["result"]
        assert result["spent"]["by_role"]["judge"]["calls"] == judging.answered > 6
        assert result["judge"]["name"] == "hosted_vllm/judge"
        assert result["judge"]["agreement"]["n"] == 6
        other = server.client.post("/v1/optimizations", json={**asked, "judge_model": {"endpoint": "local"}})
        assert other.status_code == 202
        assert other.json()["id"] != result["optimization_id"]


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that offers models which nobody asks."""
    with judged(tmp_path_factory.mktemp("idle")) as (server, judging):
        yield server
        assert judging.requests == 0


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"judge_model": {"endpoint": "strct"}}, "#/task/judge_model", "Did you mean 'strict'?"),
        ({"judge_model": None}, "#/task", "metric: judge needs judge_model"),
        ({"metric": "accuracy"}, "#/task", "judge_model grades replies for metric: judge"),
        ({"proposer_model": {"endpoint": "nobody"}}, "#/task/proposer_model", "there is no endpoint 'nobody'"),
        ({"proposer_model": {"endpoint": "slow"}}, "#/task/proposer_model", "asked in batches"),
        ({"judge_model": {"endpoint": "slow"}}, "#/task/judge_model", "asked in batches"),
        ({"metric": {**METRIC, "human_labels": "/etc/passwd"}}, "#/task", "cannot name a file"),
        (
            {"judge_model": {"endpoint": "strict", "parameters": {"response_format": "x"}}},
            "#/task/judge_model",
            "may not",
        ),
    ],
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_mistake_is_answered_with_its_place(idle: Server, fields: Json, pointer: str, said: str, query: str) -> None:
    answer = idle.client.post(f"/v1/optimizations{query}", json=body(**fields))
    assert answer.status_code == 422
    (place,) = answer.json()["errors"]
    assert place["pointer"] == pointer
    assert said in place["detail"]
    assert "root:" not in answer.text


def test_an_override_is_blamed_where_it_stands(idle: Server) -> None:
    answer = idle.client.post("/v1/optimizations", json={**body(), "judge_model": {"endpoint": "nobody"}})
    assert answer.json()["errors"][0]["pointer"] == "#/judge_model"


@pytest.mark.slow
def test_a_job_is_cancelled_within_a_second_while_its_judge_thinks(tmp_path: Path) -> None:
    with judged(tmp_path, fault=lambda number: Fault(delay_s=30.0) if number > 4 else None) as (server, judging):
        job_id = server.post(body())["id"]
        until = time.monotonic() + 30
        while judging.in_flight < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert judging.in_flight >= 4
        server.client.post(f"/v1/optimizations/{job_id}/cancel")
        asked = time.monotonic()
        while server.get(job_id)["status"] != "cancelled":
            assert time.monotonic() < asked + 20
            time.sleep(0.02)
        assert (
            time.monotonic() - asked < CANCELLED_WITHIN_S + 1.0
        )  # The runner looks every 0.3 s; room for a busy machine.
