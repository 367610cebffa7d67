"""`/v1/datasets`: files of every kind over HTTP, kept once, named by their digest, and read by optimizations."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.datasets.uploads import KINDS
from service.api.app import MOST_BYTES
from service.api.datasets import ACCEPTED
from service.api.security import OF_FORMS, Border
from service.keys import ADMIN, READ, WRITE, Keys
from tests.benchmarks.datasets.files import CSV, LINES, PARQUET, TSV, YAML, delimited, lines, parquet, promptfoo
from tests.end_to_end import tickets
from tests.endpoints.server import Server, served
from tests.endpoints.wire import Json
from tests.service.api import requests

ROWS = tickets.rows(48)
ROLES = {"input": "message", "output": "team"}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that only keeps datasets."""
    with served(tmp_path_factory.mktemp("shelf"), {}, jobs=0) as server:
        yield server


def send(server: Server, content: bytes, kind: str, **query: Any) -> httpx.Response:
    asked = {"name": "tickets", **ROLES, **query}
    chosen = {name: value for name, value in asked.items() if value is not None}
    return server.client.post("/v1/datasets", content=content, headers={"Content-Type": kind}, params=chosen)


def body(**fields: Any) -> Json:
    return {"name": "tickets", "inputs": ["message"], "output": "team", "rows": ROWS, **fields}


def problem(answer: httpx.Response, status: int) -> Json:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: Json = answer.json()
    return document


def test_every_kind_of_file_is_the_same_version(shelf: Server) -> None:
    first = shelf.client.post("/v1/datasets", json=body())
    assert first.status_code == 201
    kept = first.json()
    assert first.headers["Location"] == f"/v1/datasets/tickets/versions/{kept['digest']}"
    assert kept["reference"] == f"tickets@{kept['digest']}"
    for content, kind in [
        (delimited(ROWS), CSV),
        (b"\xef\xbb\xbf" + delimited(ROWS), "text/csv; charset=UTF-8"),
        (delimited(ROWS, "\t"), TSV),
        (lines(ROWS), LINES),
        (lines(ROWS), LINES.upper()),
        (parquet(ROWS), PARQUET),
    ]:
        answer = send(shelf, content, kind)
        assert (answer.status_code, answer.json()) == (200, kept), kind


def test_the_answer_says_what_is_in_it_and_what_is_wrong_with_it(shelf: Server) -> None:
    twice = [*ROWS, ROWS[0], {**ROWS[1], "team": "nobody"}]
    answer = shelf.client.post("/v1/datasets", json=body(name="odd", rows=twice)).json()
    assert (answer["rows"], sum(answer["splits"].values()), answer["created_by"]) == (50, 50, "anybody on this machine")
    assert (answer["inputs"], answer["output"]) == (["message"], "team")
    profile = answer["profile"]
    assert (profile["exact_duplicates"], profile["conflicts"], profile["answers"]) == (2, 1, "labels")
    assert profile["labels"]["nobody"] == 1
    warnings = {finding["code"]: finding for finding in answer["warnings"]}
    assert {"exact_duplicates", "conflicting_answers", "few_rows"} <= warnings.keys()
    assert warnings["few_rows"]["severity"] == "warning"


def test_promptfoo_s_tests_come_as_yaml_or_in_json(shelf: Server) -> None:
    found = [{"message": row["message"], "team": row["team"]} for row in ROWS]
    answer = send(shelf, promptfoo(found, "team"), YAML, name="foo", input=None, output=None)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["inputs"], answer.json()["output"]) == (["message"], "expected")
    assert answer.json()["profile"]["metric"] == "exact_match"
    tests = [{"vars": {"message": r["message"]}, "assert": [{"type": "equals", "value": r["team"]}]} for r in found]
    again = shelf.client.post("/v1/datasets", json={"name": "foo", "tests": {"tests": tests}})
    assert (again.status_code, again.json()) == (200, answer.json())


def test_split_settings_are_said_by_the_query_or_by_the_body(shelf: Server) -> None:
    split = {"train": 0.0, "validation": 10, "test": 20, "seed": 3, "near_duplicates": "group"}
    by_body = shelf.client.post("/v1/datasets", json=body(name="shares", split=split)).json()
    assert by_body["splits"] == {"train": 0, "validation": 10, "test": 20}
    assert by_body["profile"]["left_out"] == 18
    assert send(shelf, lines(ROWS), LINES, name="shares", **split).json() == by_body
    parts = [{**row, "part": ("train", "validation", "test")[number % 3]} for number, row in enumerate(ROWS)]
    by_column = send(shelf, delimited(parts), CSV, name="parts", split_column="part").json()
    assert by_column["splits"] == {"train": 16, "validation": 16, "test": 16}
    asked = body(name="parts", rows=parts, split={"column": "part"})
    assert shelf.client.post("/v1/datasets", json=asked).json() == by_column


def test_versions_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    with served(tmp_path, {}, jobs=0) as server:
        sent = [
            server.client.post("/v1/datasets", json=body(name=name, rows=ROWS[: 40 + number])).json()
            for number, name in enumerate(["a", "b", "a", "c"])
        ]
        references = [version["reference"] for version in reversed(sent)]
        found, address = [], "/v1/datasets?limit=3"
        while address:
            page = server.client.get(address)
            found += [item["reference"] for item in page.json()["items"]]
            address = page.links.get("next", {}).get("url", "")
        assert found == references
        only = server.client.get("/v1/datasets?name=a&limit=1")
        assert [item["reference"] for item in only.json()["items"]] == [sent[2]["reference"]]
        assert [item["reference"] for item in server.client.get(only.links["next"]["url"]).json()["items"]] == [
            sent[0]["reference"]
        ]


def test_a_version_never_changes_and_is_known_by_its_digest(shelf: Server) -> None:
    kept = shelf.client.post("/v1/datasets", json=body(name="known")).json()
    address = f"/v1/datasets/known/versions/{kept['digest']}"
    answer = shelf.client.get(address)
    assert answer.json() == kept
    assert "immutable" in answer.headers["Cache-Control"]
    assert shelf.client.get(address, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert shelf.client.get(address[:-56]).json() == kept
    for wrong in ("known/versions/00000000", "knwn/versions/00000000"):
        problem(shelf.client.get(f"/v1/datasets/{wrong}"), 404)
    problem(shelf.client.get("/v1/datasets/known/versions/latest"), 422)


def test_rows_come_by_split_and_in_pages(shelf: Server) -> None:
    kept = shelf.client.post("/v1/datasets", json=body(name="paged")).json()
    seen: list[Json] = []
    for split in ("train", "validation", "test"):
        address = f"/v1/datasets/paged/versions/{kept['digest']}/rows?split={split}&limit=7"
        rows: list[Json] = []
        while address:
            page = shelf.client.get(address)
            rows += page.json()["items"]
            address = page.links.get("next", {}).get("url", "")
        assert len(rows) == kept["splits"][split]
        seen += rows
    assert sorted(seen, key=json.dumps) == sorted([dict(sorted(row.items())) for row in ROWS], key=json.dumps)


def test_rows_of_test_are_for_administrators(tmp_path: Path) -> None:
    with served(tmp_path, {}, jobs=0) as server:
        digest = server.client.post("/v1/datasets", json=body()).json()["digest"]
        keys = {scope: Keys(server.home).create(scope, [scope]) for scope in (READ, WRITE, ADMIN)}
        address = f"/v1/datasets/tickets/versions/{digest}/rows?split="
        for scope, split, status in [
            (WRITE, "train", 200),
            (WRITE, "validation", 200),
            (WRITE, "test", 403),
            (ADMIN, "test", 200),
            (READ, "train", 403),
        ]:
            answer = server.client.get(address + split, headers={"Authorization": f"Bearer {keys[scope]}"})
            assert answer.status_code == status, (scope, split)
        assert (
            "scope admin"
            in server.client.get(address + "test", headers={"Authorization": f"Bearer {keys[WRITE]}"}).json()["detail"]
        )


# What is not let in


@pytest.mark.parametrize("kind", [*sorted(OF_FORMS), "", "application/octet-stream", "application/gzip", "text/csvx"])
def test_only_files_of_known_kinds_are_read(shelf: Server, kind: str) -> None:
    document = problem(send(shelf, lines(ROWS), kind), 415)
    assert "text/csv" in document["detail"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_other_paths_and_methods_take_json_alone(shelf: Server, kind: str) -> None:
    for method, path in [
        ("POST", "/v1/optimizations"),
        ("POST", "/v1/tasks"),
        ("POST", "/v1/datasets/"),
        ("POST", "/v1/datasets/tickets"),
        ("PUT", "/v1/datasets"),
        ("DELETE", "/v1/datasets"),
    ]:
        answer = shelf.client.request(method, path, content=b"a,b\n", headers={"Content-Type": kind})
        assert problem(answer, 415)["title"] == "Not JSON"


def test_nothing_that_a_page_may_send_unasked_can_be_let_in() -> None:
    assert not ACCEPTED & OF_FORMS
    for kind in OF_FORMS:
        with pytest.raises(ValueError, match="unasked"):
            Border(None, hosts=("*",), most_bytes=1, uploads={"/a": frozenset({kind})})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(ACCEPTED))
def test_a_page_of_another_origin_cannot_upload(shelf: Server, kind: str) -> None:
    headers = {"Content-Type": kind, "Origin": "https://evil.example"}
    answer = shelf.client.post("/v1/datasets", content=b"a,b\n1,2\n", headers=headers)
    assert problem(answer, 403)["title"] == "Another origin"
    asked = {**headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = shelf.client.options("/v1/datasets", headers=asked)
    assert preflight.status_code >= 400
    assert not [name for name in preflight.headers if name.startswith("access-control-")]


def test_nothing_is_unpacked(shelf: Server) -> None:
    packed = gzip.compress(lines(ROWS))
    problem(send(shelf, packed, "application/gzip"), 415)
    problem(send(shelf, packed, LINES), 422)
    answer = shelf.client.post(
        "/v1/datasets?name=a", content=packed, headers={"Content-Type": LINES, "Content-Encoding": "gzip"}
    )
    assert "nothing is unpacked" in problem(answer, 415)["detail"]


def test_a_file_has_as_many_bytes_as_any_body(shelf: Server) -> None:
    problem(send(shelf, b"x" * (MOST_BYTES + 1), CSV), 413)

    def endless() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 2**16 + 2):
            yield b" " * 2**16

    answer = shelf.client.post("/v1/datasets?name=a", content=endless(), headers={"Content-Type": CSV})
    problem(answer, 413)


def test_latin_1_is_refused_with_the_remedy(shelf: Server) -> None:
    content = "message,team\ncafé,billing\n".encode("latin-1")
    assert "save the file as UTF-8" in problem(send(shelf, content, CSV), 422)["detail"]
    assert "save the file as UTF-8" in problem(send(shelf, content, "text/csv; charset=ISO-8859-1"), 415)["detail"]


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"rows": None}, "#", "Give rows, or promptfoo's tests"),
        ({"tests": []}, "#", "Give rows, or promptfoo's tests"),
        ({"rows": []}, "#/rows", "at least 1 item"),
        ({"rows": [3]}, "#/rows/0", "dictionary"),
        ({"rws": []}, "#/rws", "Did you mean 'rows'?"),
        ({"name": "a/b"}, "#/name", "(found 'a/b')"),
        ({"inputs": []}, "#/inputs", "at least 1 item"),
        ({"inputs": ["mesage"]}, "#", "Did you mean 'message'?"),
        ({"output": "x" * 201}, "#/output", "at most 200 characters"),
        ({"split": {"tran": 0.5}}, "#/split/tran", "Did you mean 'train'?"),
        ({"split": {"train": -1}}, "#/split/train", "greater than or equal to 0"),
        ({"split": {"seed": 2**53 + 1}}, "#/split/seed", "less than or equal to"),
        ({"split": {"column": "a", "seed": 1}}, "#/split", "leave the other fields out"),
        ({"split": {"test": 0}}, "#", "split.test is 0"),
        ({"rows": [{"message": "x" * 100_001, "team": "a"}]}, "#/rows", "a value may have 100,000"),
        ({"rows": None, "tests": [{"vars": {"a": "b"}}]}, "#/tests", "test 1: it asserts 0 things"),
    ],
)
def test_what_is_wrong_with_a_body_is_pointed_at(shelf: Server, fields: Json, pointer: str, said: str) -> None:
    asked = {name: value for name, value in body(**fields).items() if value is not None}
    document = problem(shelf.client.post("/v1/datasets", json=asked), 422)
    found = {place["pointer"]: place["detail"] for place in document["errors"]}
    assert said in found[pointer]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"name": None}, "name: "),
        ({"name": "a/b"}, "name: String should match pattern"),
        ({"seeed": 1}, "The query says 'seeed'"),
        ({"train": -1}, "greater than or equal to 0"),
        ({"near_duplicates": "no"}, "'warn' or 'group'"),
        ({"split_column": "part"}, "No row has a column 'part'"),
        ({"input": "mesage"}, "Did you mean 'message'?"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(shelf: Server, query: Json, said: str) -> None:
    assert said in problem(send(shelf, delimited(ROWS), CSV, **query), 422)["detail"]


def test_a_json_body_says_everything_itself(shelf: Server) -> None:
    answer = shelf.client.post("/v1/datasets?name=other", json=body())
    assert "a JSON body says everything itself" in problem(answer, 422)["detail"]
    answer = shelf.client.post("/v1/datasets", content=b'{"name": NaN}', headers={"Content-Type": "application/json"})
    assert "not JSON" in problem(answer, 422)["detail"]


def test_nothing_is_read_for_somebody_who_may_not_send_it(tmp_path: Path) -> None:
    with served(tmp_path, {"WHET_ADMIN_KEY": "the-operator-s-own-key"}, jobs=0) as server:
        problem(send(server, b"\xff\xff", CSV), 401)
        problem(server.client.post("/v1/datasets", json={"rws": 1}), 401)


# Optimizations on datasets


@dataclass(frozen=True, slots=True, kw_only=True)
class Stocked:
    """A server that has the dataset `tickets`."""

    server: Server
    kept: Json

    def optimize(self, data: Json, **fields: Any) -> httpx.Response:
        asked = requests.small(data=data, **fields)
        return self.server.client.post("/v1/optimizations", json=asked)


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stocked]:
    environment = {"WHET_ENDPOINTS": json.dumps({"local": {"model": "tiny"}})}
    with served(tmp_path_factory.mktemp("stocked"), environment, jobs=0) as server:
        yield Stocked(server=server, kept=server.client.post("/v1/datasets", json=body()).json())


def test_the_same_rows_named_or_sent_are_the_same_optimization(stocked: Stocked) -> None:
    jobs = [
        stocked.optimize(data).json()["id"]
        for data in (
            {"dataset": "tickets"},
            {"dataset": stocked.kept["reference"]},
            {"dataset": f"tickets@{stocked.kept['digest'][:12]}"},
            {"rows": ROWS},
        )
    ]
    assert len(set(jobs)) == 1


def test_a_job_holds_the_name_of_its_rows_and_no_row(stocked: Stocked) -> None:
    job = stocked.optimize({"dataset": "tickets"}, seed=7).json()
    request = stocked.server.state.jobs.request(job["id"])
    assert request is not None
    assert request["data"] == {"dataset": stocked.kept["reference"]}


def test_a_job_stays_with_the_latest_version_of_when_it_was_asked_for(stocked: Stocked) -> None:
    server = stocked.server
    first = server.client.post("/v1/datasets", json=body(name="growing")).json()
    asked = requests.small(data={"dataset": "growing"}, seed=8)
    job = server.post(asked, **{"Idempotency-Key": "grow"})
    second = server.client.post("/v1/datasets", json=body(name="growing", rows=tickets.rows(60))).json()
    assert server.post(asked, **{"Idempotency-Key": "grow"})["id"] == job["id"]
    other = server.post(asked)
    assert other["id"] != job["id"]
    for found, version in ((job, first), (other, second)):
        request = server.state.jobs.request(found["id"])
        assert request is not None
        assert request["data"] == {"dataset": version["reference"]}


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"data": {"dataset": "tickts"}}, "#/task/data/dataset", "Did you mean 'tickets'?"),
        ({"data": {"dataset": "tickets@00000000"}}, "#/task/data/dataset", "has not exactly one version"),
        ({"data": {"dataset": "../tickets"}}, "#/task/data/dataset", "match pattern"),
        ({"data": {"dataset": "tickets", "rows": ROWS}}, "#/task/data", "give rows, or the name of a dataset"),
        ({"data": {"dataset": "tickets"}, "split": {"seed": 1}}, "#/task", "leave split out"),
        ({"data": {"dataset": "tickets"}, "inputs": ["mesage"]}, "#/task/data/dataset", "Did you mean 'message'?"),
    ],
)
def test_what_names_no_usable_dataset_is_pointed_at(stocked: Stocked, fields: Json, pointer: str, said: str) -> None:
    answer = stocked.server.client.post("/v1/optimizations", json=requests.small(**fields))
    places = {place["pointer"]: place["detail"] for place in problem(answer, 422)["errors"]}
    assert said in places[pointer]


def test_an_optimization_on_a_dataset_runs_to_its_end(server: Server) -> None:
    assert server.client.post("/v1/datasets", json=body()).status_code == 201
    job = server.post(requests.small(data={"dataset": "tickets"}))
    ended = server.ended(job["id"])
    assert ended["status"] == "succeeded", ended["error"]
    assert server.post(requests.small(data={"rows": ROWS}))["id"] == job["id"]
