"""A model behind an endpoint changes: the nights that are run over REST find it, and a webhook is told, once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.receiver import Receiver
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json, Reply
from tests.service.api import requests
from tests.service.api.test_datasets import body

pytestmark = pytest.mark.slow
LONGEST_S = 60.0
EVENTS = ["regression.detected", "regression.resolved"]


class Drifting:
    """Knows every ticket, until it has `drifted`: then it answers every other one with the same team. What it was asked
    in the user message of the anchor it keeps answering, unless `all_drift`."""

    def __init__(self) -> None:
        self.drifted = threading.Event()
        self.teams = {row["message"]: row["team"] for row in tickets.rows(240)}
        self.asked = 0

    def answer(self, messages: list[Json], _body: Json) -> Reply:
        self.asked += 1
        text = " ".join(message["content"] for message in messages)
        message, team = next((m, t) for m, t in self.teams.items() if m in text)
        if self.drifted.is_set() and tickets.INSTRUCTION in text and len(message) % 2:
            team = "orders" if team != "orders" else "billing"
        return Reply(text=team)


@pytest.fixture
def model() -> Drifting:
    return Drifting()


@pytest.fixture
def endpoint(model: Drifting) -> Iterator[LocalEndpoint]:
    with LocalEndpoint(model.answer).in_thread() as serving:
        yield serving


@pytest.fixture
def server(tmp_path: Path, endpoint: LocalEndpoint) -> Iterator[Server]:
    environment = {**endpoints(endpoint.url), "WHET_WEBHOOK_ALLOW": "127.0.0.1"}
    with served(tmp_path / "home", environment) as serving:
        yield serving


def ok(answer: Any, status: int = 200) -> Json:
    assert answer.status_code == status, answer.text
    found: Json = answer.json()
    return found


def until(true: Callable[[], Any]) -> Any:
    limit = time.monotonic() + LONGEST_S
    while not (found := true()):
        assert time.monotonic() < limit
        time.sleep(0.05)
    return found


def set_up(server: Server, **fields: Any) -> Json:
    """A schedule whose baseline is pinned."""
    client = server.client
    ok(client.post("/v1/datasets", json=body(rows=tickets.rows(240))), 201)
    task = requests.task(data={"dataset": "tickets"}, budget={"calls": 160})
    ok(client.post("/v1/tasks", json=task), 201)
    messages = [{"role": "system", "content": tickets.INSTRUCTION}, {"role": "user", "content": "{{message}}"}]
    config = {"temperature": 0, "max_tokens": 20}
    ok(client.post("/v1/prompts/support-triage/versions", json={"messages": messages, "config": config}), 201)
    schedule = {
        "name": "nightly-triage",
        "task": "support-triage",
        "prompt": "support-triage@1",
        "cron": "30 2 * * *",
        "zone": "Europe/Berlin",
        "policy": {"min_drop": 0.05},
        "baseline": {"epochs": 5, "at_once": True},
        **fields,
    }
    made = ok(client.post("/v1/schedules", json=schedule), 201)
    until(lambda: ok(client.get(f"/v1/schedules/{made['id']}"))["baselines"][0]["pinned_at"])
    return made


def run(server: Server, schedule: Json) -> Json:
    """A night that is run now, once it has ended."""
    night = ok(server.client.post(f"/v1/schedules/{schedule['id']}/run"), 202)

    def ended() -> Json | None:
        found = ok(server.client.get(f"/v1/schedules/{schedule['id']}/nights"))["items"][0]
        assert found["id"] == night["id"]
        return found if found["state"] not in ("queued", "running") else None

    found: Json = until(ended)
    assert found["state"] == "succeeded", found["why"]
    return found


def test_a_drift_is_found_told_acknowledged_and_resolved(server: Server, model: Drifting) -> None:
    with Receiver().in_thread() as receiver:
        ok(server.client.post("/v1/webhooks", json={"url": receiver.url, "events": EVENTS}), 201)
        schedule = set_up(server)
        rows = 96
        assert model.asked == 5 * 2 * rows
        for _ in range(3):
            night = run(server, schedule)
        assert night["kind"] == "unchanged", night
        assert model.asked == 8 * 2 * rows

        model.drifted.set()
        nights = []
        while not ok(server.client.get("/v1/regressions?state=open"))["items"]:
            nights.append(run(server, schedule))
            assert len(nights) <= 3
        assert nights[-1]["kind"] == "regressed", nights[-1]
        (found,) = ok(server.client.get("/v1/regressions?state=open"))["items"]
        assert (found["task"], found["metric"], found["kind"]) == ("support-triage", "accuracy", "regressed")
        acked = ok(server.client.post(f"/v1/regressions/{found['id']}/ack", json={"note": "looking"}))
        assert (acked["note"], acked["state"]) == ("looking", "open")

        model.drifted.clear()
        while ok(server.client.get("/v1/regressions?state=open"))["items"]:
            nights.append(run(server, schedule))
            assert len(nights) <= 12
        resolved = ok(server.client.get(f"/v1/regressions/{found['id']}"))
        assert resolved["state"] == "resolved"
        assert next(night["kind"] for night in resolved["nights"]) == "regressed"
        until(lambda: len(receiver.received) >= 2)
        # Messages may change places on their way.
        events = sorted((message.event for message in receiver.received), key=lambda event: str(event["time"]))
        assert [event["type"] for event in events] == EVENTS
        assert {event["data"]["id"] for event in events} == {found["id"]}
        assert events[0]["data"]["difference"]["mean"] < -0.2


def test_a_regression_starts_one_optimization_in_the_nights_epoch(server: Server, model: Drifting) -> None:
    schedule = set_up(server, on_regression="optimize", optimization_budget={"calls": 300})
    for _ in range(2):
        run(server, schedule)
    model.drifted.set()
    while not ok(server.client.get("/v1/regressions?state=open"))["items"]:
        night = run(server, schedule)
    (found,) = ok(server.client.get("/v1/regressions?state=open"))["items"]
    assert found["optimization"], night
    run(server, schedule)
    assert ok(server.client.get(f"/v1/regressions/{found['id']}"))["optimization"] == found["optimization"]
    job = server.ended(found["optimization"])
    assert job["status"] == "succeeded", job["error"]
    assert server.state.jobs.get(found["optimization"]).epoch.endswith(f"/{schedule['id']}")
    assert job["result"]["baseline"]["version"] == 1
    pointed = server.state.registry.label("support-triage", "production")
    assert (pointed != 1) == (job["result"]["decision"] == "promote")
