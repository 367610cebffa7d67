"""An evaluation over REST: asked for, watched, read row by row, and the same as on the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.datasets.records import Split
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task
from service.endpoints import read_endpoints, with_endpoints
from service.evaluate import run_evaluation
from service.jobs import Jobs
from service.keys import ADMIN, WRITE, Keys
from service.quotas import Quotas
from service.tables import deliveries, webhooks
from tests.end_to_end import tickets
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.api.evaluating import INFORMED, PATH, asking, ended, evaluate, get, items, post
from tests.service.api.test_datasets import body as dataset
from tests.service.api.test_datasets import problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A server that has scored the task's own prompt and a better one."""

    server: Server
    endpoint: LocalEndpoint
    plain: Json
    informed: Json


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scored]:
    folder = tmp_path_factory.mktemp("scored")
    with tickets.endpoint().in_thread() as endpoint, served(folder, endpoints(endpoint.url)) as server:
        plain, informed = evaluate(server), evaluate(server, prompt=INFORMED)
        yield Scored(server=server, endpoint=endpoint, plain=plain, informed=informed)


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that leaves its jobs to nobody."""
    with served(tmp_path_factory.mktemp("idle"), endpoints("http://127.0.0.1:9/v1"), jobs=0) as server:
        yield server


def test_a_request_is_answered_at_once_with_where_to_look(idle: Server) -> None:
    answer = idle.client.post(PATH, json=asking())
    found = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{PATH}/{found['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    assert (found["task"], found["status"], found["split"], found["epoch"]) == (
        "support-triage",
        "queued",
        "validation",
        "",
    )
    assert (found["rows"], found["dataset"], found["result"]) == (19, None, None)
    assert found["prompt"]["name"] is found["prompt"]["version"] is None
    assert post(idle, asking())["id"] == found["id"]
    assert post(idle, asking(split="test"))["id"] != found["id"]


def test_it_is_what_the_command_says_and_its_replies_are_the_same(scored: Scored, tmp_path: Path) -> None:
    server, result = scored.server, dict(scored.plain["result"])
    assert result.pop("evaluation_id") == scored.plain["id"]
    assert (result.pop("epoch"), len(result.pop("metric_digest"))) == ("", 64)
    content = with_endpoints(asking()["task"], read_endpoints(tmp_path, endpoints(scored.endpoint.url)))
    task = load_task(parse_task(content), Path(), allow_code=False)
    before = scored.endpoint.requests
    command = asyncio.run(run_evaluation(task, task.baseline, Split.VALIDATION, server.home, environment={}))
    assert scored.endpoint.requests == before
    assert command.pop("spent")["ledger_hits"] == result["n"] == result.pop("spent")["calls"]
    assert command == result
    assert scored.plain["progress"]["calls_done"] == scored.plain["rows"] == result["n"]
    assert {part["column"] for part in result["slices"]} == {"channel"}


def test_its_rows_are_read_page_by_page(scored: Scored) -> None:
    rows = items(scored.server, scored.informed["id"], limit=5)
    assert rows == items(scored.server, scored.informed["id"])
    assert len({row["row"] for row in rows}) == scored.informed["rows"]
    assert fmean(row["score"] for row in rows) == pytest.approx(scored.informed["result"]["score"]["mean"])
    for row in rows:
        assert row["score"] == float(row["expected"] == row["answer"] == row["reply"])
        assert (row["split"], row["problem"]) == ("validation", None)
    assert [row["row"] for row in rows] == [row["row"] for row in items(scored.server, scored.plain["id"])]


def test_what_is_missing_says_why(tmp_path: Path) -> None:
    def filtered(number: int) -> Fault | None:
        return Fault(kind=FaultKind.CONTENT_FILTER) if number == 3 else None

    with (
        tickets.endpoint(filtered).in_thread() as endpoint,
        served(tmp_path, endpoints(endpoint.url, max_concurrency=1)) as server,
    ):
        found = evaluate(server)
        [row] = [row for row in items(server, found["id"]) if row["problem"]]
        assert (row["reply"], row["answer"]) == (None, None)
        assert row["detail"]
        assert found["result"]["problems"] == {row["problem"]: 1}


def test_rows_are_there_once_it_is_done(idle: Server) -> None:
    job_id = post(idle, asking(seed=2))["id"]
    assert "queued" in problem(idle.client.get(f"{PATH}/{job_id}/items"), 409)["detail"]
    assert "queued" in problem(idle.client.get(f"{PATH}/{job_id}/compare/{job_id}"), 409)["detail"]


def test_the_same_again_is_the_same_and_a_fresh_one_asks_anew(tmp_path: Path, endpoint: LocalEndpoint) -> None:
    with served(tmp_path, endpoints(endpoint.url)) as server:
        first = evaluate(server)
        assert post(server, asking()) == first
        assert endpoint.requests == first["rows"]
        fresh = evaluate(server, fresh=True)
        assert (fresh["id"] != first["id"], fresh["epoch"].endswith("/fresh-1")) == (True, True)
        assert Jobs(server.home).get(fresh["id"]).epoch == fresh["epoch"], "by which pruning knows what it needs"
        assert endpoint.requests == 2 * first["rows"] == 2 * fresh["spent"]["calls"]
        assert post(server, asking())["id"] == fresh["id"], "what is asked next goes on in the new epoch"
        assert post(server, asking(epoch=""))["id"] == first["id"]
        assert post(server, asking(epoch=fresh["epoch"]))["id"] == fresh["id"]
        night = evaluate(server, epoch="2027-01-01T03:00:00Z")
        assert night["spent"]["calls"] == night["rows"]
        assert night["result"]["score"] == first["result"]["score"]


def test_a_fresh_one_that_waits_is_gone_on_with(idle: Server) -> None:
    fresh = post(idle, asking(count=51, fresh=True))
    assert post(idle, asking(count=51)) == fresh


def test_prompts_of_the_registry_are_named_by_label_or_version(scored: Scored) -> None:
    server = scored.server
    for version in (INFORMED, {"messages": [{"role": "user", "content": "{{message}}"}]}):
        made = server.client.post("/v1/prompts/triage/versions", json={**version, "config": {"max_tokens": 9}})
        assert made.status_code == 201
    moved = server.client.put(
        "/v1/prompts/triage/labels/production", json={"version": 1}, headers={"If-None-Match": "*"}
    )
    assert moved.status_code == 201, moved.text
    by = {
        reference: post(server, asking(prompt=reference)) for reference in ("triage", "triage@production", "triage@1")
    }
    assert len({found["id"] for found in by.values()}) == 1
    found = ended(server, by["triage"]["id"])
    assert (found["prompt"]["name"], found["prompt"]["version"]) == ("triage", 1)
    assert found["prompt"]["digest"] == server.client.get("/v1/prompts/triage").json()["digest"]
    assert found["result"]["score"] == scored.informed["result"]["score"]
    assert post(server, asking(prompt="triage@2"))["id"] != found["id"]
    [place] = problem(server.client.post(PATH, json=asking(prompt="triage@staging")), 422)["errors"]
    assert place["pointer"] == "#/prompt"


def test_a_registered_task_may_get_other_rows(idle: Server) -> None:
    kept = [idle.client.post("/v1/datasets", json=dataset(rows=tickets.rows(count))).json() for count in (48, 60)]
    named = requests.task(name="named", data={"dataset": kept[0]["reference"]})
    assert idle.client.post("/v1/tasks", json=named).status_code == 201
    own, other = (post(idle, {"task": "named", **data}) for data in ({}, {"data": {"dataset": kept[1]["reference"]}}))
    assert [own["dataset"], other["dataset"]] == [version["reference"] for version in kept]
    assert (own["rows"], other["rows"]) == tuple(version["splits"]["validation"] for version in kept)


def test_test_is_looked_at_once_for_each_prompt_and_read_by_the_admin_alone(tmp_path: Path) -> None:
    with tickets.endpoint().in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url)) as server:
        [notice] = post_dry(server, asking(split="test"))["notices"]
        assert "of which there were 0 before" in notice
        first, second = evaluate(server, split="test"), evaluate(server, split="test", prompt=INFORMED)
        assert [first["result"]["look"], second["result"]["look"]] == [1, 2]
        assert evaluate(server, split="test")["result"]["look"] == 1
        assert "there were 2 before" in post_dry(server, asking(split="test"))["notices"][0]
        keys = {scope: Keys(server.home).create(scope, [scope]) for scope in (WRITE, ADMIN)}
        address, between = f"{PATH}/{first['id']}/items", f"{PATH}/{first['id']}/compare/{second['id']}"

        def answer(scope: str, path: str) -> Any:
            return server.client.get(path, headers={"Authorization": f"Bearer {keys[scope]}"})

        assert "scope admin" in problem(answer(WRITE, address), 403)["detail"]
        assert len(answer(ADMIN, address).json()["items"]) == first["rows"]
        blind, seeing = (answer(scope, between).json()["flips"] for scope in (WRITE, ADMIN))
        assert blind["gained"] == seeing["gained"] == len(seeing["gained_rows"]) > 0
        assert blind["gained_rows"] is blind["lost_rows"] is None


def post_dry(server: Server, body: Json) -> Json:
    answer = server.client.post(f"{PATH}?dry_run=true", json=body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_a_dry_run_forecasts_and_leaves_nothing(scored: Scored) -> None:
    server, before = scored.server, scored.endpoint.requests
    there = len(server.client.get(PATH).json()["items"])
    known, fresh = post_dry(server, asking()), post_dry(server, asking(fresh=True))
    assert (known["calls"], known["expected_calls"], known["tokens"]) == (19, 0, 0)
    assert (fresh["rows"], fresh["calls"], fresh["expected_calls"]) == (19, 19, 19)
    spent = scored.plain["spent"]
    assert fresh["prompt_tokens"] == pytest.approx(spent["prompt_tokens"], rel=0.5)
    assert fresh["tokens"] == fresh["prompt_tokens"] + fresh["completion_tokens"]
    assert fresh["usd"] == 0
    assert 0 < fresh["smallest_detectable_difference"] < 1
    assert post(server, asking())["epoch"] == "", "a forecast begins no epoch"
    assert (scored.endpoint.requests, len(server.client.get(PATH).json()["items"])) == (before, there)


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"prompt": {"messages": [{"role": "user", "content": "{{mesage}}"}]}}, "#/task", "Did you mean 'message'?"),
        ({"prompt": "nobody"}, "#/prompt", "nobody"),
        ({"prompt": 3}, "#/prompt", "valid dictionary"),
        ({"budget": {"calls": 3}}, "#/budget", "may take 19 calls"),
        ({"model": {"endpoint": "locl"}}, "#/model", "Did you mean 'local'?"),
        ({"data": {"dataset": "tickts"}}, "#/data", "dataset"),
        ({"fresh": True, "epoch": "x"}, "#", "leave out fresh or epoch"),
        ({"splt": "test"}, "#/splt", "Did you mean 'split'?"),
        ({"split": "train"}, "#/split", "'validation' or 'test'"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    idle: Server, query: str, fields: Json, pointer: str, said: str
) -> None:
    before = idle.client.get(PATH).json()
    document = problem(idle.client.post(f"{PATH}{query}", json=asking(**fields)), 422)
    assert said in document["detail"]
    assert [place["pointer"] for place in document["errors"]] == [pointer]
    assert idle.client.get(PATH).json() == before


def test_evaluations_and_optimizations_are_not_taken_for_each_other(idle: Server) -> None:
    optimization, evaluation = idle.post(requests.small())["id"], post(idle, asking())["id"]
    for path, other in ((PATH, optimization), ("/v1/optimizations", evaluation), (PATH, "eval-nowhere")):
        for method, rest in (("GET", ""), ("POST", "/cancel"), ("POST", "/resume")):
            problem(idle.client.request(method, f"{path}/{other}{rest}"), 404)
    problem(idle.client.get(f"{PATH}/{optimization}/items"), 404)
    problem(idle.client.get(f"{PATH}/{evaluation}/compare/{optimization}"), 404)
    assert optimization not in {item["id"] for item in idle.client.get(PATH).json()["items"]}
    assert evaluation not in {item["id"] for item in idle.client.get("/v1/optimizations").json()["items"]}


def test_they_are_listed_newest_first_without_their_results(scored: Scored) -> None:
    found, address = [], f"{PATH}?limit=1"
    while address:
        page = scored.server.client.get(address)
        found += page.json()["items"]
        address = page.links.get("next", {}).get("url", "")
    assert [item["id"] for item in found][-2:] == [scored.informed["id"], scored.plain["id"]]
    assert found[-1] == {**scored.plain, "result": None}


def test_what_has_not_changed_is_not_sent_again(scored: Scored) -> None:
    address = f"{PATH}/{scored.plain['id']}"
    tag = scored.server.client.get(address).headers["ETag"]
    assert scored.server.client.get(address, headers={"If-None-Match": tag}).status_code == 304


def test_a_key_for_idempotency_is_that_of_one_request(idle: Server) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = (
        idle.client.post(PATH, json=asking(count=54, fresh=True), headers=key).json()["id"] for _ in range(2)
    )
    assert first == again
    problem(idle.client.post(PATH, json=asking(count=54, fresh=True, seed=1), headers=key), 422)
    problem(idle.client.post("/v1/optimizations", json=requests.small(), headers=key), 422)


def test_what_it_may_spend_is_reserved_and_what_is_refused_begins_no_epoch(tmp_path: Path) -> None:
    with served(tmp_path, endpoints("http://127.0.0.1:9/v1"), jobs=0) as server:
        key = Keys(server.home).create("app", [WRITE], calls_per_day=50)
        [row] = Keys(server.home).listed()
        server.client.headers["Authorization"] = f"Bearer {key}"
        job_id = post(server, asking(budget={"calls": 30}))["id"]
        assert Quotas(server.home).used([row.id]) == {row.id: 30}
        problem(server.client.post(PATH, json=asking(budget={"calls": 30}, fresh=True)), 429)
        assert post(server, asking(budget={"calls": 30}))["epoch"] == ""
        assert server.client.post(f"{PATH}/{job_id}/cancel").json()["status"] == "cancelled"
        assert Quotas(server.home).used([row.id]) == {row.id: 0}
        assert server.client.post(f"{PATH}/{job_id}/resume").json()["status"] == "queued"
        assert Quotas(server.home).used([row.id]) == {row.id: 30}


def test_one_that_fails_says_why_and_is_carried_on(tmp_path: Path) -> None:
    with tickets.endpoint(key="another").in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url)) as server:
        job_id = post(server, asking())["id"]
        found = ended(server, job_id)
        assert (found["status"], found["result"]) == ("failed", None)
        assert "answered 401" in found["error"]
        assert post(server, asking())["status"] == "queued"
        assert get(server, job_id)["id"] == job_id


def test_whoever_subscribed_is_told_of_its_end(scored: Scored) -> None:
    home = scored.server.home
    with home.writing() as connection:
        at = home.timestamp()
        row = {"id": "wh-1", "url": "https://127.0.0.1:9/", "events": ["evaluation.completed"], "description": ""}
        own = {"secret": "whsec_c2VjcmV0", "enabled": True, "created_by": "ana", "created_at": at, "updated_at": at}
        connection.execute(webhooks.insert().values(**row, **own))
    found = evaluate(scored.server, seed=11)
    with home.reading() as connection:
        [told] = connection.scalars(sa.select(deliveries.c.body)).all()
    event = json.loads(told)
    assert (event["type"], event["subject"]) == ("evaluation.completed", f"{PATH}/{found['id']}")


def test_two_are_compared_row_by_row(scored: Scored) -> None:
    server, plain, informed = scored.server, scored.plain, scored.informed
    found = server.client.get(f"{PATH}/{plain['id']}/compare/{informed['id']}").json()
    rows = {side["id"]: items(server, side["id"]) for side in (plain, informed)}
    gains = {b["row"]: b["score"] - a["score"] for a, b in zip(rows[plain["id"]], rows[informed["id"]], strict=True)}
    assert found["flips"]["gained_rows"] == [row for row, gain in gains.items() if gain > 0] != []
    assert found["flips"]["lost_rows"] == [row for row, gain in gains.items() if gain < 0]
    assert found["difference"]["mean"] == pytest.approx(fmean(gains.values()))
    assert found["difference"]["test"] == "exact McNemar"
    assert found["difference"]["low"] > 0
    assert (found["n"], found["missing"]) == (19, 0)
    assert found["b"]["score"] == informed["result"]["score"]
    back = server.client.get(f"{PATH}/{informed['id']}/compare/{plain['id']}").json()
    assert back["difference"]["mean"] == -found["difference"]["mean"]
    assert (back["flips"]["gained"], back["flips"]["lost"]) == (found["flips"]["lost"], found["flips"]["gained"])
    assert back["difference"]["p"] == found["difference"]["p"] < 0.05


def test_one_compared_with_itself_has_no_difference(scored: Scored) -> None:
    found = scored.server.client.get(f"{PATH}/{scored.plain['id']}/compare/{scored.plain['id']}").json()
    assert found["difference"]["mean"] == found["flips"]["gained"] == found["flips"]["lost"] == 0
    assert found["difference"]["p"] == 1
    assert 0 < found["smallest_detectable_difference"] < 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (asking(count=60), "rows of different datasets"),
        (asking(split="test"), "different splits"),
        ({"task": requests.task(48, slices=["channel"], metric="macro_f1")}, "different metrics"),
    ],
)
def test_only_the_same_rows_and_the_same_metric_are_compared(scored: Scored, body: Json, said: str) -> None:
    other = ended(scored.server, post(scored.server, body)["id"])
    for pair in ((scored.plain, other), (other, scored.plain)):
        address = f"{PATH}/{pair[0]['id']}/compare/{pair[1]['id']}"
        assert said in problem(scored.server.client.get(address), 409)["detail"]


def test_macro_f1_is_compared_as_a_whole(scored: Scored) -> None:
    task = requests.task(48, metric="macro_f1")
    both = [post(scored.server, {"task": task, **prompt})["id"] for prompt in ({}, {"prompt": INFORMED})]
    a, b = (ended(scored.server, job_id) for job_id in both)
    found = scored.server.client.get(f"{PATH}/{a['id']}/compare/{b['id']}").json()
    assert found["difference"]["test"] == "paired bootstrap"
    assert found["difference"]["mean"] == pytest.approx(b["result"]["score"]["mean"] - a["result"]["score"]["mean"])


def test_a_request_that_was_kept_says_what_any_worker_needs(idle: Server) -> None:
    job_id = post(idle, asking(prompt=INFORMED, seed=5))["id"]
    kept = Jobs(idle.home).request(job_id)
    assert kept is not None
    assert kept["about"]["prompt"]["digest"] == kept["prompt"]["digest"]
    assert kept["task"]["seed"] == 5
