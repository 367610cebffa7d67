"""`/v1/tasks`: tasks registered by name, and optimizations that name them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.endpoints.server import Server, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.api.test_datasets import body, problem

NAMED = {"dataset": "tickets"}


@pytest.fixture
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has the dataset `tickets`."""
    environment = {"WHET_ENDPOINTS": json.dumps({"local": {"model": "tiny"}})}
    with served(tmp_path_factory.mktemp("stocked"), environment, jobs=0) as server:
        assert server.client.post("/v1/datasets", json=body()).status_code == 201
        yield server


def task(**fields: Any) -> Json:
    return requests.task(**{"data": NAMED, "budget": {"calls": 60}, "search": {"delimiters": ["plain"]}, **fields})


def test_a_task_is_registered_once_for_each_content(stocked: Server) -> None:
    first = stocked.client.post("/v1/tasks", json=task())
    assert first.status_code == 201
    found = first.json()
    assert (found["version"], found["reference"]) == (1, "support-triage@1")
    again = stocked.client.post("/v1/tasks", json=task())
    assert (again.status_code, again.json()) == (200, found)
    other = stocked.client.post("/v1/tasks", json=task(seed=1))
    assert (other.status_code, other.json()["version"]) == (201, 2)
    assert stocked.client.get("/v1/tasks/support-triage").json() == other.json()
    assert stocked.client.get(first.headers["Location"]).json() == found
    assert stocked.client.post("/v1/tasks", json=task()).json() == found


def test_its_dataset_is_settled_when_it_is_registered(stocked: Server) -> None:
    first = stocked.client.post("/v1/tasks", json=task()).json()
    newer = stocked.client.post("/v1/datasets", json=body(rows=tickets.rows(60))).json()
    assert stocked.client.get("/v1/tasks/support-triage").json() == first
    second = stocked.client.post("/v1/tasks", json=task()).json()
    assert second["task"]["data"] == {"dataset": newer["reference"]} != first["task"]["data"]


def test_tasks_are_listed_by_name_in_pages(stocked: Server) -> None:
    for name in ("b", "a", "c", "b"):
        stocked.client.post("/v1/tasks", json=task(name=name))
    stocked.client.post("/v1/tasks", json=task(name="b", seed=3))
    found, address = [], "/v1/tasks?limit=2"
    while address:
        page = stocked.client.get(address)
        found += [item["reference"] for item in page.json()["items"]]
        address = page.links.get("next", {}).get("url", "")
    assert found == ["a@1", "b@2", "c@1"]


def test_a_task_has_a_tag_by_which_caches_know_it(stocked: Server) -> None:
    stocked.client.post("/v1/tasks", json=task())
    answer = stocked.client.get("/v1/tasks/support-triage")
    tagged = {"If-None-Match": answer.headers["ETag"]}
    assert stocked.client.get("/v1/tasks/support-triage", headers=tagged).status_code == 304
    stocked.client.post("/v1/tasks", json=task(seed=1))
    assert stocked.client.get("/v1/tasks/support-triage", headers=tagged).status_code == 200


def test_an_optimization_of_a_named_task_is_that_of_the_task_itself(stocked: Server) -> None:
    reference = stocked.client.post("/v1/tasks", json=task()).json()["reference"]
    jobs = [
        stocked.post({"task": asked})["id"]
        for asked in ("support-triage", reference, task(), task(data={"rows": body()["rows"]}))
    ]
    assert len(set(jobs)) == 1
    overridden = stocked.post({"task": "support-triage", "seed": 5, "budget": {"calls": 80}})
    assert overridden["id"] == stocked.post({"task": task(seed=5, budget={"calls": 80})})["id"] != jobs[0]
    forecast = stocked.client.post("/v1/optimizations?dry_run=true", json={"task": "support-triage"})
    assert forecast.json()["calls"] == 60


def test_a_job_stays_with_the_version_of_the_task_that_it_was_asked_for(stocked: Server) -> None:
    stocked.client.post("/v1/tasks", json=task())
    job = stocked.post({"task": "support-triage"}, **{"Idempotency-Key": "k"})
    stocked.client.post("/v1/tasks", json=task(seed=1))
    assert stocked.post({"task": "support-triage"}, **{"Idempotency-Key": "k"})["id"] == job["id"]
    assert stocked.post({"task": "support-triage@1"})["id"] == job["id"]
    assert stocked.post({"task": "support-triage"})["id"] != job["id"]


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"data": {"rows": [{"message": "a", "team": "b"}]}}, "#/data/rows", "send them to /v1/datasets"),
        ({"data": {"dataset": "tickts"}}, "#/data/dataset", "Did you mean 'tickets'?"),
        ({"data": {"path": "/etc/passwd"}}, "#/data/path", "unknown field"),
        ({"model": {"endpoint": "nobody"}}, "#/model", "there is no endpoint 'nobody'"),
        ({"model": {"endpoint": "local", "api_base": "http://a"}}, "#/model/api_base", "unknown field"),
        ({"metric": "applause"}, "#/metric", "There is no metric"),
        ({"metric": "metric.py:score"}, "#/metric", "is not run from here"),
        ({"output": "tem"}, "#/data/dataset", "Did you mean 'team'?"),
        ({"prompt": {"instruction": "Which {{colour}}?"}}, "#", "which is no input"),
        ({"buget": {}}, "#/buget", "Did you mean 'budget'?"),
    ],
)
def test_what_could_not_be_run_is_not_registered(stocked: Server, fields: Json, pointer: str, said: str) -> None:
    answer = stocked.client.post("/v1/tasks", json=task(**fields))
    places = {place["pointer"]: place["detail"] for place in problem(answer, 422)["errors"]}
    assert said in places[pointer]
    assert stocked.client.get("/v1/tasks").json()["items"] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("support-triag", "Did you mean 'support-triage'?"),
        ("support-triage@2", "its versions: 1 to 1"),
        ("support-triage@0", "match pattern"),
        ("a/b", "match pattern"),
        (7, "dictionary"),
        (None, "dictionary"),
    ],
)
def test_what_names_no_task_is_pointed_at(stocked: Server, name: Any, said: str) -> None:
    stocked.client.post("/v1/tasks", json=task())
    document = problem(stocked.client.post("/v1/optimizations", json={"task": name}), 422)
    assert [place["pointer"] for place in document["errors"]] == ["#/task"]
    assert said in document["errors"][0]["detail"]


def test_an_unknown_task_is_not_found(stocked: Server) -> None:
    assert problem(stocked.client.get("/v1/tasks/nothing"), 404)["title"] == "Not found"
    problem(stocked.client.get("/v1/tasks/nothing?version=0"), 422)
