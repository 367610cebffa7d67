"""`/v1/schedules` and `/v1/regressions`: what may be asked, and what is answered."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evidence.night_records import Night
from service.jobs import SUCCEEDED, Jobs
from service.keys import READ, WRITE, Keys
from service.nights import Nights
from service.verdicts import settle
from tests.end_to_end import tickets
from tests.endpoints.server import Server, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.api.test_datasets import body, problem

MESSAGES = [{"role": "system", "content": tickets.INSTRUCTION}, {"role": "user", "content": "{{message}}"}]
PLAN: Json = {"name": "nightly", "task": "support-triage", "prompt": "support-triage@1", "cron": "30 2 * * *"}
ROWS = 24


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with stocked_server(tmp_path_factory.mktemp("stocked")) as server:
        yield server


@contextmanager
def stocked_server(folder: Path) -> Iterator[Server]:
    """A server with a dataset, a task, and a prompt for it, that runs no jobs."""
    environment = {"WHET_ENDPOINTS": json.dumps({"local": {"model": "tiny"}})}
    with served(folder, environment, jobs=0) as server:
        assert server.client.post("/v1/datasets", json=body()).status_code == 201
        task = requests.task(data={"dataset": "tickets"}, budget={"calls": 60}, search={"delimiters": ["plain"]})
        assert server.client.post("/v1/tasks", json=task).status_code == 201
        version = {"messages": MESSAGES, "config": {"temperature": 0, "max_tokens": 20}}
        assert server.client.post("/v1/prompts/support-triage/versions", json=version).status_code == 201
        yield server


@pytest.fixture
def server(stocked: Server) -> Iterator[Server]:
    """The same, without schedules when the test has ended."""
    yield stocked
    for schedule in stocked.state.schedules.listed(200):
        stocked.state.schedules.delete(schedule, "the test")


def made(server: Server, **fields: Any) -> Json:
    answer = server.client.post("/v1/schedules", json={**PLAN, **fields})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    assert answer.headers["Location"] == f"/v1/schedules/{found['id']}"
    return found


def finish(server: Server, job: str, level: float) -> None:
    """Runs the night of a job, in which the prompt scores `level` and the anchor 1."""
    hold = Jobs(server.home).take(Jobs(server.home).get(job), "worker")
    assert hold is not None
    scores = tuple(float(row < level * ROWS) for row in range(ROWS))
    settle(hold, Nights(hold).of_job(job), Night(prompt=scores, anchor=(1.0,) * ROWS))
    Jobs(hold).conclude(job, SUCCEEDED, result={})


def ran(server: Server, schedule: Json, level: float) -> Json:
    answer = server.client.post(f"/v1/schedules/{schedule['id']}/run")
    assert answer.status_code == 202, answer.text
    (night, *_) = server.state.nights.listed(schedule["id"], 1)
    assert night.job is not None
    finish(server, night.job, level)
    found: Json = server.client.get(f"/v1/schedules/{schedule['id']}/nights?limit=1").json()["items"][0]
    return found


def test_a_schedule_says_what_it_will_do(server: Server) -> None:
    found = made(server, zone="Europe/Berlin", policy={"min_drop": 0.1})
    assert (found["task"], found["metric"], found["prompt"]) == ("support-triage@1", "accuracy", "support-triage@1")
    assert found["policy"] == {"alpha": 0.05, "min_drop": 0.1, "confirm_runs": 0, "nights_per_year": 365}
    rows = server.client.get("/v1/datasets").json()["items"][0]["splits"]["validation"]
    assert found["budget"] == {"calls": math.ceil(2.2 * rows)}
    (baseline,) = found["baselines"]
    assert (baseline["number"], baseline["version"], baseline["epochs"], baseline["pinned_at"]) == (1, 1, 0, None)
    assert baseline["anchor_digest"] != baseline["prompt_digest"]
    assert server.client.get("/v1/schedules/nightly").json() == found
    assert server.client.get(f"/v1/schedules/{found['id']}").json() == found


def test_schedules_are_listed_by_name_in_pages(server: Server) -> None:
    for name in ("b", "a", "c"):
        made(server, name=name)
    found, address = [], "/v1/schedules?limit=2"
    while address:
        page = server.client.get(address)
        found += [item["name"] for item in page.json()["items"]]
        address = page.links.get("next", {}).get("url", "")
    assert found == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"cron": "* * * * *"}, "#/cron", "once an hour"),
        ({"zone": "Mars/Olympus"}, "#/zone", "no time zone"),
        ({"task": "support-triag"}, "#/task", "Did you mean 'support-triage'?"),
        ({"prompt": "support-triage@9"}, "#/prompt", "has no version 9"),
        ({"prompt": "support-triage@staging"}, "#/prompt", "has no label 'staging'"),
        ({"anchor": "support-triage@1"}, "#/anchor", "the prompt itself"),
        ({"anchor": {"messages": [{"role": "user", "content": "{{colour}}"}]}}, "#/prompt", "which is no input"),
        ({"split": "test"}, "#", "on validation"),
        ({"baseline": {"epochs": 4}}, "#/baseline/epochs", "greater than or equal to 5"),
        ({"budget": {"calls": 3}}, "#/budget", "may take"),
        ({"policy": {"alpha": 0}}, "#/policy/alpha", "greater than 0"),
        ({"jitter_s": 86400}, "#/jitter_s", "less than or equal"),
        ({"overlap": "queue"}, "#/overlap", "skip"),
        ({"on_regression": "optimize", "optimization_budget": {"calls": 2}}, "#/budget", "calls"),
        ({"crno": "0 0 * * *"}, "#/crno", "Did you mean 'cron'?"),
    ],
)
def test_what_could_not_be_run_is_refused(server: Server, fields: Json, pointer: str, said: str) -> None:
    document = problem(server.client.post("/v1/schedules", json={**PLAN, **fields}), 422)
    places = {place["pointer"]: place["detail"] for place in document["errors"]}
    assert said in places[pointer], document
    assert server.client.get("/v1/schedules").json()["items"] == []


def test_a_name_is_taken_once(server: Server) -> None:
    first = made(server)
    problem(server.client.post("/v1/schedules", json=PLAN), 409)
    assert server.client.delete(f"/v1/schedules/{first['id']}").status_code == 204
    assert made(server)["id"] != first["id"]
    problem(server.client.get(f"/v1/schedules/{first['id']}"), 404)


def test_what_may_change_and_what_may_not(server: Server) -> None:
    found = made(server, policy={"alpha": 0.1})
    path = f"/v1/schedules/{found['id']}"
    changed = server.client.patch(path, json={"cron": "0 * * * *", "policy": {"min_drop": 0.2}, "enabled": False})
    assert changed.status_code == 200, changed.text
    policy = {"alpha": 0.1, "min_drop": 0.2, "confirm_runs": 0, "nights_per_year": 8760}
    assert changed.json()["policy"] == policy
    assert changed.json()["next_due_at"] is None
    assert changed.json()["baselines"] == found["baselines"]
    document = problem(server.client.patch(path, json={"prompt": "support-triage@1"}), 422)
    assert document["errors"][0]["pointer"] == "#/prompt"
    problem(server.client.patch(path, json={"cron": "never"}), 422)


def test_a_night_on_demand_is_one_at_a_time_and_the_same_for_the_same_key(server: Server) -> None:
    schedule = made(server)
    path = f"/v1/schedules/{schedule['id']}/run"
    first = server.client.post(path, headers={"Idempotency-Key": "k"})
    assert (first.status_code, first.json()["state"]) == (202, "queued")
    assert server.client.post(path, headers={"Idempotency-Key": "k"}).json()["id"] == first.json()["id"]
    problem(server.client.post(path), 409)


def test_verdicts_regressions_and_the_page(server: Server) -> None:
    schedule = made(server, policy={"min_drop": 0.1})
    for _ in range(5):
        assert ran(server, schedule, 1.0)["epoch"]
    assert server.client.get("/v1/schedules/nightly").json()["baselines"][0]["pinned_at"] is not None
    page = server.client.get("/schedules").text
    assert "5 of 5 epochs" in page
    assert ran(server, schedule, 1.0)["kind"] in ("unchanged", "inconclusive")
    while not (found := server.client.get("/v1/regressions?state=open").json()["items"]):
        night = ran(server, schedule, 0.5)
    assert (night["kind"], night["regression"]) == ("regressed", found[0]["id"])
    assert night["verdict"]["difference"]["mean"] < 0
    path = f"/v1/regressions/{found[0]['id']}"
    acked = server.client.post(f"{path}/ack", json={"note": "<b>mine</b>"}).json()
    assert (acked["note"], acked["acked_by"]) == ("<b>mine</b>", "anybody on this machine")
    page = server.client.get("/schedules").text
    assert "&lt;b&gt;mine" in page
    assert found[0]["id"] in page
    assert 'class="span bad"' in page
    assert night["verdict"]["words"].split(" (")[0] in page
    moved = server.client.post(f"/v1/schedules/{schedule['id']}/baseline", json={"why": "a new model"})
    assert moved.status_code == 202
    assert [baseline["why"] for baseline in moved.json()["baselines"]] == ["the first baseline", "a new model"]
    resolved = server.client.get(path).json()
    assert (resolved["state"], resolved["nights"][-1]["id"]) == ("resolved", night["id"])
    problem(server.client.post(f"/v1/schedules/{schedule['id']}/baseline", json={}), 422)
    pages = server.client.get(f"/v1/schedules/{schedule['id']}/nights?limit=3")
    rest = server.client.get(pages.links["next"]["url"]).json()["items"]
    assert pages.json()["items"][-1]["due_at"] > rest[0]["due_at"]


def test_an_unknown_one_is_not_found(server: Server) -> None:
    for path in ("/v1/schedules/nothing", "/v1/schedules/nothing/nights", "/v1/regressions/nothing"):
        problem(server.client.get(path), 404)
    problem(server.client.post("/v1/regressions/nothing/ack", json={}), 404)


def test_keys_need_the_scope_and_a_quota_that_pays_for_a_night(tmp_path: Path) -> None:
    with stocked_server(tmp_path) as server:
        made(server)
        keys = (Keys(server.home).create("reader", [READ]), Keys(server.home).create("poor", [WRITE], calls_per_day=5))
        reader, poor = ({"Authorization": f"Bearer {key}"} for key in keys)
        problem(server.client.get("/v1/schedules", headers=reader), 403)
        problem(server.client.post("/v1/schedules", json={**PLAN, "name": "x"}, headers=poor), 403)
        problem(server.client.post("/v1/schedules/nightly/run", headers=poor), 403)
