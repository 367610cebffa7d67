"""An optimization over REST: asked for, watched, found again, and the same as on the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task
from service.endpoints import read_endpoints, with_endpoints
from service.jobs import Jobs
from service.optimize import find_job
from tests.end_to_end import tickets
from tests.endpoints.faults import Fault
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.api.conftest import Finished
from tests.service.begun import DEAD, begun


def listed(server: Server) -> list[Json]:
    items: list[Json] = server.client.get("/v1/optimizations").json()["items"]
    return items


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose endpoints nobody reaches."""
    offered = {"local": {"model": "hosted_vllm/local"}, "unpriced": {"model": "openai/none", "api_base": "http://h/v1"}}
    with served(tmp_path_factory.mktemp("refusing"), {"WHET_ENDPOINTS": json.dumps(offered)}, jobs=0) as server:
        yield server


def test_a_request_is_answered_at_once_with_where_to_look(server: Server) -> None:
    answer = server.client.post("/v1/optimizations", json=requests.small())
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/optimizations/{job['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert (job["task"], job["status"], job["result"], job["error"]) == ("support-triage", "queued", None, None)
    assert server.client.get(answer.headers["Location"]).json()["id"] == job["id"]
    assert server.ended(job["id"])["status"] == "succeeded"


def test_a_finished_one_has_its_progress_its_bill_and_its_result(finished: Finished) -> None:
    job, result = finished.job, finished.result
    assert result["optimization_id"] == job["id"] == finished.first["id"]
    assert result["decision"] == "promote"
    assert result["evidence"]["decisive"]["low"] > 0
    assert job["spent"] == result["spent"]
    assert job["spent"]["calls"] == finished.endpoint.requests == finished.endpoint.answered <= 160
    assert finished.endpoint.answered_again == 0
    assert job["progress"]["phase"] == "proof"
    assert job["progress"]["calls_done"] == job["progress"]["calls_planned"] == job["spent"]["calls"]
    assert 0 <= job["progress"]["best"]["low"] <= job["progress"]["best"]["score"] <= 1


def test_its_winner_is_in_the_registry_with_its_evidence(finished: Finished) -> None:
    found = finished.server.client.get("/v1/prompts/support-triage").json()
    assert (found["version"], found["digest"]) == (2, finished.result["winner"]["digest"])
    assert found["evidence"]["optimization_id"] == finished.job["id"]
    assert found["evidence"]["difference"] == finished.result["evidence"]["difference"]


def test_the_same_request_again_is_the_same_optimization(finished: Finished) -> None:
    before = finished.endpoint.requests
    answer = finished.server.client.post("/v1/optimizations", json=finished.body)
    assert answer.status_code == 202
    assert answer.json() == finished.job
    assert "Retry-After" not in answer.headers
    assert finished.endpoint.requests == before


def test_a_fresh_one_asks_everything_anew(server: Server, endpoint: LocalEndpoint) -> None:
    first = server.optimize(requests.small())
    again = server.optimize({**requests.small(), "fresh": True})
    assert again["id"] != first["id"]
    assert again["spent"]["calls"] == first["spent"]["calls"] == endpoint.requests / 2
    assert server.optimize(requests.small())["id"] == again["id"]


def test_a_body_overrides_the_task_it_holds(server: Server) -> None:
    plain = server.optimize(requests.small())
    other = server.optimize(
        {
            **requests.small(),
            "seed": 7,
            "budget": {"calls": 50},
            "promote": {"label": "staging"},
            "model": {"endpoint": "local", "parameters": {"temperature": 0.5}},
        }
    )
    assert other["id"] != plain["id"]
    assert other["result"]["seed"] == 7
    assert other["progress"]["calls_done"] == other["progress"]["calls_planned"] <= 50
    assert other["result"]["baseline"]["parameters"]["temperature"] == 0.5
    assert "staging" in server.client.get("/v1/prompts").json()["items"][0]["labels"]


def test_the_operator_s_parameters_hold_where_a_request_sets_none(tmp_path: Path, endpoint: LocalEndpoint) -> None:
    configured = endpoints(endpoint.url, parameters={"temperature": 0.25, "max_tokens": 9})
    with served(tmp_path, configured) as server:
        asked = requests.small(model={"endpoint": "local", "parameters": {"max_tokens": 11}})
        parameters = server.optimize(asked)["result"]["baseline"]["parameters"]
        assert (parameters["temperature"], parameters["max_tokens"]) == (0.25, 11)


def test_a_dry_run_forecasts_and_leaves_nothing(server: Server, endpoint: LocalEndpoint) -> None:
    answer = server.client.post("/v1/optimizations?dry_run=true", json=requests.body())
    forecast = answer.json()
    assert answer.status_code == 200
    assert forecast["calls"] == 160
    assert forecast["proof_rows"] == 36
    assert 120 < forecast["expected_calls"] == sum(forecast["calls_by_phase"].values()) <= 160
    assert forecast["tokens"] == forecast["prompt_tokens"] + forecast["completion_tokens"] > 1000
    assert forecast["fewest_tokens"] <= forecast["tokens"] <= forecast["most_tokens"]
    assert forecast["usd"] == 0.0
    assert 0 < forecast["smallest_detectable_difference"] < 1
    assert forecast["notices"] == []
    assert listed(server) == []
    assert endpoint.requests == 0


def test_a_dry_run_tells_what_the_run_would_run_into(tmp_path: Path) -> None:
    keyed = endpoints("http://127.0.0.1:9/v1", api_key_env="THE_KEY")
    with served(tmp_path, keyed, jobs=0) as server:
        asked = requests.small(constraints={"must_contain": ["please"]}, budget={"calls": 60, "seconds": 9})
        server.post(asked)
        key, standing, constraints, seconds = server.client.post("/v1/optimizations?dry_run=true", json=asked).json()[
            "notices"
        ]
        assert key.startswith("model.api_key_env names THE_KEY, which is not set.")
        assert "is this very optimization, queued" in standing
        assert constraints.startswith("Your prompt violates the constraints")
        assert "fit into 9 s only if a reply takes less than" in seconds


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"budget": {"calls": 1}}, "budget"),
        ({"metric": "acuracy"}, "Did you mean 'accuracy'?"),
        ({"inputs": ["mesage"]}, "Did you mean 'message'?"),
        ({"search": {"proposers": ["grammer"]}}, "Did you mean 'grammar'?"),
        ({"model": {"endpoint": "locl"}}, "Did you mean 'local'?"),
        ({"data": {"rows": tickets.rows(1)}}, "row"),
        ({"budget": {"usd": 1}, "model": {"endpoint": "unpriced"}}, "no known price"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(refusing: Server, query: str, fields: Json, said: str) -> None:
    answer = refusing.client.post(f"/v1/optimizations{query}", json=requests.small(**fields))
    assert answer.status_code == 422, answer.text
    assert said in answer.json()["detail"]
    assert listed(refusing) == []


def test_a_job_that_fails_says_why_and_can_be_asked_for_again(tmp_path: Path) -> None:
    with tickets.endpoint(key="another").in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url)) as server:
        for _ in range(2):
            posted = server.post(requests.small())
            assert posted["status"] == "queued"
            job = server.ended(posted["id"])
            assert (job["status"], job["result"]) == ("failed", None)
            assert "answered 401" in job["error"]
        assert len(listed(server)) == 1


def test_the_newest_is_listed_first_and_pages_follow_one_another(server: Server) -> None:
    ids = [server.post(requests.small(seed=seed))["id"] for seed in range(5)]
    found, address, pages = [], "/v1/optimizations?limit=2", 0
    while address:
        answer = server.client.get(address)
        found += [item["id"] for item in answer.json()["items"]]
        pages += 1
        address = answer.links["next"]["url"] if "next" in answer.links else ""
        assert bool(address) == (answer.json()["next"] is not None)
    assert found == ids[::-1]
    assert pages == 3
    for job_id in ids:
        server.ended(job_id)
    assert all(item["result"] is None and item["status"] == "succeeded" for item in listed(server))


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x"])
def test_a_page_has_one_to_two_hundred_items(finished: Finished, query: str) -> None:
    assert finished.server.client.get(f"/v1/optimizations?{query}").status_code == 422


def test_an_unknown_cursor_is_no_optimization(finished: Finished) -> None:
    assert finished.server.client.get("/v1/optimizations?cursor=opt-nowhere").status_code == 404


def test_what_has_not_changed_is_not_sent_again(finished: Finished) -> None:
    address = f"/v1/optimizations/{finished.job['id']}"
    tag = finished.server.client.get(address).headers["ETag"]
    assert finished.server.client.get(address, headers={"If-None-Match": tag}).status_code == 304
    assert finished.server.client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_client_may_wait_for_the_end_but_not_for_longer_than_it_says(tmp_path: Path) -> None:
    def slow(_number: int) -> Fault:
        return Fault(delay_s=0.15)

    with tickets.endpoint(slow).in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url)) as server:
        address = f"/v1/optimizations/{server.post(requests.body())['id']}"
        begun = time.monotonic()
        assert server.client.get(address, headers={"Prefer": "wait=0"}).json()["status"] in ("queued", "running")
        assert server.client.get(address, headers={"Prefer": "respond-async, wait=x"}).status_code == 200
        assert time.monotonic() - begun < 1.5
        assert server.client.get(address, headers={"Prefer": "wait=60"}).json()["status"] == "succeeded"
        assert time.monotonic() - begun < 30


def test_more_jobs_than_there_is_room_for_wait_their_turn(tmp_path: Path, endpoint: LocalEndpoint) -> None:
    with served(tmp_path, endpoints(endpoint.url), jobs=1) as server:
        ids = [server.post(requests.small(seed=seed))["id"] for seed in range(4)]
        assert {server.ended(job_id)["status"] for job_id in ids} == {"succeeded"}


@pytest.mark.slow
def test_the_rows_of_one_job_are_searched_while_requests_are_answered(server: Server) -> None:
    job_id = server.post(requests.body(count=400, budget={"calls": 2000}))["id"]
    longest = 0.0
    while server.get(job_id)["status"] in ("queued", "running"):
        begun = time.monotonic()
        assert server.client.get("/healthz").status_code == 200
        longest = max(longest, time.monotonic() - begun)
    assert longest < 2.0


def test_a_job_whose_command_has_died_is_carried_on_by_the_server(server: Server, endpoint: LocalEndpoint) -> None:
    content = with_endpoints(requests.small()["task"], read_endpoints(server.home.folder, endpoints(endpoint.url)))
    task = load_task(parse_task(content), Path(), allow_code=False)
    started = begun(Jobs(server.home), find_job(task, server.home, fresh=False), task, owner=DEAD)
    # The server may have seen by now that nobody runs it.
    assert server.get(started.id)["status"] in ("running", "failed")
    assert server.post(requests.small())["id"] == started.id
    assert server.ended(started.id)["status"] == "succeeded"


@pytest.mark.parametrize(
    "model", [None, {}, "local", {"endpoint": None}, {"endpoint": "local", "name": "tiny"}, {"name": "gpt-4o"}]
)
def test_a_model_is_one_of_the_operator_s(refusing: Server, model: object) -> None:
    answer = refusing.client.post("/v1/optimizations", json=requests.small(model=model))
    assert answer.status_code == 422
    assert listed(refusing) == []
