"""Every error is a problem document: where, what, and what would be right."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api.bodies import TaskBody
from service.registry import Registry
from tests.end_to_end import tickets
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.api.conftest import Finished

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("home"), endpoints("http://127.0.0.1:9/v1"), jobs=0) as serving:
        yield serving


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document that `answer` is."""
    document: dict[str, Any] = answer.json()
    assert answer.status_code == status == document["status"], answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(document) == {"type", "title", "status", "detail", "errors"}
    assert document["type"] == "about:blank"
    assert document["title"]
    assert document["detail"]
    return document


def places(answer: httpx.Response) -> dict[str, str]:
    """What is wrong where in a body, by JSON pointer."""
    return {place["pointer"]: place["detail"] for place in problem(answer, 422)["errors"]}


def posted(server: Server, body: Any) -> httpx.Response:
    content = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return server.client.post("/v1/optimizations", content=content, headers=JSON)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/", 404),
        ("GET", "/v1/prompts/a/b/c", 404),
        ("GET", "/static/nothing.css", 404),
        ("GET", "/static/../app.py", 404),
        ("GET", "/prompts/triage", 404),
        ("GET", "/v1/optimizations/opt-1", 404),
        ("DELETE", "/v1/optimizations", 405),
        ("PUT", "/v1/prompts", 405),
        ("POST", "/healthz", 405),
        ("BREW", "/healthz", 405),
        ("GET", "/v1/prompts?limit=0", 422),
        ("GET", "/v1/prompts/triage/versions/x", 422),
    ],
)
def test_every_error_is_a_problem_document(server: Server, method: str, path: str, status: int) -> None:
    problem(server.client.request(method, path), status)


def test_what_is_not_there_is_named(server: Server) -> None:
    assert problem(server.client.get("/nowhere"), 404)["detail"] == "There is no /nowhere."


def test_a_method_that_is_not_allowed_comes_with_those_that_are(server: Server) -> None:
    assert "POST" in server.client.delete("/v1/optimizations").headers["Allow"]


def test_other_kinds_hosts_and_sizes_are_problems_too(server: Server) -> None:
    problem(server.client.post("/v1/optimizations", content=b"{}", headers={"Content-Type": "text/plain"}), 415)
    problem(server.client.get("/healthz", headers={"Host": "evil.example"}), 421)
    problem(posted(server, b" " * (16 * 2**20 + 1)), 413)


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        ({}, "#/task", "required"),
        ({"tsk": {}}, "#/tsk", "unknown field. Did you mean 'task'?"),
        (requests.small(buget={"calls": 9}), "#/task/buget", "unknown field. Did you mean 'budget'?"),
        (requests.small(budget={"cals": 9}), "#/task/budget/cals", "unknown field. Did you mean 'calls'?"),
        (requests.small(budget={"calls": 0}), "#/task/budget/calls", "greater than or equal to 1 (found 0)"),
        (requests.small(budget={"calls": "9"}), "#/task/budget/calls", "integer (found '9')"),
        (requests.small(data={"rows": []}), "#/task/data/rows", "at least 1 item"),
        (requests.small(data={"rows": [{}, 3]}), "#/task/data/rows/1", "dict"),
        (requests.small(data={"path": "a.csv"}), "#/task/data/path", "unknown field"),
        (requests.small(data={}), "#/task/data", "give rows, or the name of a dataset"),
        (requests.small(name="a/b"), "#/task/name", "(found 'a/b')"),
        (requests.small(labels=["a"]), "#/task/labels", "at least 2 items"),
        (requests.small(search={"delimiters": ["plane"]}), "#/task/search", "unknown delimiter family 'plane'"),
        (requests.small(search={"max_tokens": [16, 0]}), "#/task/search/max_tokens/1", "(found 0)"),
        (requests.small(metric=3), "#/task/metric", "write a metric's name"),
        (requests.small(prompt={}), "#/task/prompt", "give either instruction or messages"),
        (
            requests.small(prompt={"messages": [{"role": "tool", "content": ""}]}),
            "#/task/prompt/messages/0/role",
            "'system', 'user' or 'assistant'",
        ),
        (requests.small(model={"endpont": "local"}), "#/task/model/endpont", "Did you mean 'endpoint'?"),
        (
            requests.small(model={"endpoint": "local", "parameters": {"a/b~c": {}}}),
            "#/task/model/parameters/a~1b~0c",
            "valid string",
        ),
        ({**requests.small(), "seed": 1.5}, "#/seed", "integer"),
        ({**requests.small(), "budget": {"usd": 0}}, "#/budget/usd", "greater than 0"),
        ({**requests.small(), "fresh": "yes"}, "#/fresh", "boolean (found 'yes')"),
        ([], "#", "dictionary"),
        ("null", "#", "dictionary"),
        ("{", "#", "not JSON: Expecting property name enclosed in double quotes at character 1"),
        ('{"task": }', "#", "not JSON: Expecting value at character 9"),
    ],
)
def test_what_is_wrong_with_a_body_is_pointed_at(server: Server, body: Any, pointer: str, said: str) -> None:
    found = places(posted(server, body))
    assert said in found[pointer]


def test_everything_that_is_wrong_is_said_at_once(server: Server) -> None:
    found = places(posted(server, {**requests.small(nme="x", seed="1"), "promot": 1}))
    assert set(found) == {"#/task/nme", "#/task/seed", "#/promot"}


def test_no_body_at_all_is_a_problem(server: Server) -> None:
    assert places(server.client.post("/v1/optimizations")) == {"#": "required"}


@pytest.mark.parametrize("content", [b"\xff\xfe", b'"\xc3"', b"[" * 100_000, b'{"task":' * 5000])
def test_what_cannot_be_parsed_is_the_sender_s_mistake(server: Server, content: bytes) -> None:
    answer = posted(server, content)
    problem(answer, answer.status_code)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "rows",
    [
        [{"message": "\ud800", "team": "a"}],
        [{"message": float("nan"), "team": float("inf")}] * 9,
        [{"message": {"a": [1, {"b": None}]}, "team": True}] * 9,
        [{"message": 10**400, "team": "a"}] * 9,
        [{"message": "a\x00b", "team": "\x00"}] * 9,
        [{"": "", "team": ""}] * 9,
        [{}] * 9,
        [{"message": f"{n}", "team": "x" * 100_000} for n in range(9)],
    ],
)
def test_strange_rows_are_read_or_refused(server: Server, rows: Any) -> None:
    answer = posted(server, requests.small(data={"rows": rows}, fresh=True))
    if answer.status_code != 202:
        problem(answer, 422)


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["", "x" * 300])
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
FIELDS = sorted(TaskBody.model_fields)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(FIELDS), value=VALUES, override=st.booleans())
def test_no_body_is_a_defect(server: Server, field: str, value: Any, override: bool) -> None:
    body = {**requests.small(), field: value} if override else requests.small(**{field: value})
    answer = posted(server, body)
    if answer.status_code != 202:
        problem(answer, 422)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=12), where=st.integers(0, 10))
def test_no_address_is_a_defect(server: Server, text: str, where: int) -> None:
    quoted = "".join(f"%{byte:02X}" for byte in text.encode(errors="replace"))
    path = [
        f"/v1/prompts/{quoted}",
        f"/v1/prompts?cursor={quoted}",
        f"/v1/prompts/a/versions/{quoted}",
        f"/v1/prompts/a?label={quoted}",
        f"/v1/prompts/a/labels/{quoted}/history",
        f"/v1/prompts/a/diff?from={quoted}&to={quoted}",
        f"/v1/prompts?tag={quoted}",
        f"/v1/api-keys?cursor={quoted}",
        f"/v1/optimizations?cursor={quoted}",
        f"/v1/optimizations/{quoted}",
        f"/{quoted}",
    ][where]
    answer = server.client.get(path, follow_redirects=True)
    if answer.status_code != 200:
        assert answer.status_code in (404, 405, 422)
        problem(answer, answer.status_code)


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Callable[[str], Server]]:
    """A server whose database has lost a table."""
    with served(tmp_path, {}, jobs=0) as serving:

        def without(table: str) -> Server:
            with serving.home.engine.begin() as connection:
                connection.execute(sa.text(f"DROP TABLE {table}"))
            return serving

        yield without


def test_a_database_that_fails_is_not_the_sender_s_mistake(failing: Callable[[str], Server]) -> None:
    answer = failing("prompt_versions").client.get("/v1/prompts")
    document = problem(answer, 503)
    assert "cannot be used" in document["detail"]
    assert answer.headers["Retry-After"] == "5"


def test_a_defect_is_logged_and_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def defective(*_: object, **__: object) -> None:
        raise KeyError("a detail of the inside")

    monkeypatch.setattr(Registry, "names", defective)
    with caplog.at_level(logging.ERROR), served(tmp_path, {}, jobs=0) as serving:
        answer = serving.client.get("/v1/prompts?cursor=private")
        document = problem(answer, 500)
        assert "Content-Security-Policy" in answer.headers
        count = 'whet_http_request_seconds_count{method="GET",route="/v1/prompts",status="500"} 1.0'
        assert count in serving.client.get("/metrics").text
    assert "inside" not in answer.text
    assert "private" not in document["detail"]
    assert [record.getMessage() for record in caplog.records] == ["GET /v1/prompts met a defect"]
    assert "a detail of the inside" in caplog.text


def test_rows_that_cannot_be_used_are_named(server: Server) -> None:
    rows = tickets.rows(20)
    del rows[7]["message"]
    answer = posted(server, requests.small(data={"rows": rows}))
    assert "row 8" in problem(answer, 422)["detail"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"task": {"model": {"endpoint": "nobody"}}}, "#/task/model"),
        ({"model": {"endpoint": "nobody"}}, "#/model"),
        ({"task": {"budget": {"calls": 3}}}, "#/task/budget"),
        ({"budget": {"calls": 3}}, "#/budget"),
        ({"task": {"output": "nothing"}}, "#/task/data/rows"),
        ({"task": {"metric": "applause"}}, "#/task/metric"),
        ({"task": {"prompt": {"instruction": "Which {{colour}}?"}}}, "#/task"),
    ],
)
def test_what_is_found_after_the_schema_has_its_place_too(finished: Finished, fields: Json, pointer: str) -> None:
    body = {**requests.body(**fields.get("task", {})), **{k: v for k, v in fields.items() if k != "task"}}
    document = problem(finished.server.client.post("/v1/optimizations", json=body), 422)
    assert [place["pointer"] for place in document["errors"]] == [pointer]
    assert document["errors"][0]["detail"] == document["detail"]
