"""A server is killed in the middle of a night: started again it goes on with it, and pays for nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.test_workers import IN_FLIGHT, Place, anywhere, at, killed, slow, until
from tests.endpoints.wire import Json

pytestmark = pytest.mark.slow
__all__ = ["anywhere"]

EPOCHS = 5


def post(here: Place, path: str, content: Json) -> Json:
    answer = here.client.post(path, json=content)
    assert answer.is_success, answer.text
    found: Json = answer.json()
    return found


def scheduled(here: Place) -> tuple[str, int]:
    """A schedule whose baseline is measured at once, and how many calls a night takes."""
    rows = tickets.rows(60)
    dataset = {"name": "tickets", "inputs": ["message"], "output": "team", "rows": rows}
    kept = post(here, "/v1/datasets", dataset)
    task = {**tickets.task(""), "data": {"dataset": "tickets"}, "model": {"endpoint": "local"}}
    post(here, "/v1/tasks", task)
    messages = [{"role": "system", "content": "Team?"}, {"role": "user", "content": "{{message}}"}]
    version = {"messages": messages, "config": {"temperature": 0, "max_tokens": 20}}
    post(here, "/v1/prompts/support-triage/versions", version)
    plan = {"name": "nightly", "task": "support-triage", "prompt": "support-triage@1", "cron": "0 3 * * *"}
    made = post(here, "/v1/schedules", {**plan, "baseline": {"epochs": EPOCHS, "at_once": True}})
    return str(made["id"]), 2 * int(kept["splits"]["validation"])


def test_a_night_goes_on_where_it_was_killed(anywhere: Workplace) -> None:
    with at(anywhere, slow(0.05)) as here:
        server = here.serve()
        schedule, calls = scheduled(here)
        until(lambda: here.endpoint.requests >= calls + calls // 2)
        killed(server)
        here.serve()

        def pinned() -> Any:
            return here.client.get(f"/v1/schedules/{schedule}").json()["baselines"][0]["pinned_at"]

        until(lambda: bool(pinned()))
        nights = here.client.get(f"/v1/schedules/{schedule}/nights").json()["items"]
        assert [(night["state"], night["epoch"]) for night in nights] == [("succeeded", True)] * EPOCHS
        assert 0 <= here.endpoint.answered - EPOCHS * calls <= IN_FLIGHT
