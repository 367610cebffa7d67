"""Whom the server lets in, what it does not take from a request, and what it never gives away."""

from __future__ import annotations

import base64
import http.client
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.app import MOST_BYTES
from service.keys import ADMIN, PROMOTE, READ, WRITE, Keys
from tests.end_to_end import tickets
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests

ADMIN_KEY = "the-operator-s-own-key-0123456789"
PROVIDER_KEY = "sk-planted-0123456789abcdef"
NOWHERE = "http://127.0.0.1:9/v1"

Asked = tuple[str, str, Any]

READS: list[Asked] = [
    ("GET", "/v1/prompts", None),
    ("GET", "/v1/prompts/triage", None),
    ("GET", "/v1/prompts/triage/versions/1", None),
    ("GET", "/v1/prompts/triage/diff?from=1&to=2", None),
    ("GET", "/v1/prompts/triage/labels/production", None),
    ("GET", "/v1/prompts/triage/labels/production/history", None),
    ("POST", "/v1/prompts/triage/render", {"variables": {}}),
    ("GET", "/metrics", None),
    ("GET", "/prompts/triage", None),
    ("GET", "/prompts/triage/diff?from=1&to=2", None),
]
WRITES: list[Asked] = [
    ("POST", "/v1/optimizations", requests.small()),
    ("POST", "/v1/optimizations?dry_run=true", requests.small()),
    ("GET", "/v1/optimizations", None),
    ("GET", "/v1/optimizations/opt-1", None),
    ("GET", "/v1/optimizations/opt-1/events", None),
    ("POST", "/v1/optimizations/opt-1/cancel", None),
    ("POST", "/v1/datasets", {"name": "tickets", "rows": tickets.rows(24)}),
    ("GET", "/v1/datasets", None),
    ("GET", "/v1/datasets/tickets/versions/00000000", None),
    ("GET", "/v1/datasets/tickets/versions/00000000/rows", None),
    ("GET", "/v1/tasks", None),
    ("GET", "/v1/tasks/nothing", None),
    ("GET", "/", None),
    ("GET", "/optimizations/opt-1", None),
]
PROMOTES: list[Asked] = [
    ("POST", "/v1/prompts/new/versions", {"messages": [{"role": "user", "content": "{{message}}"}]}),
    ("PUT", "/v1/prompts/triage/labels/production", {"version": 1}),
    ("POST", "/v1/prompts/triage/labels/production/rollback", None),
    ("PUT", "/v1/prompts/triage/tags/mail", None),
    ("DELETE", "/v1/prompts/triage/tags/mail", None),
]
ADMINISTERS: list[Asked] = [
    ("POST", "/v1/api-keys", {"name": "another", "scopes": ["prompts:read"]}),
    ("GET", "/v1/api-keys", None),
    ("GET", "/v1/api-keys/key-0", None),
    ("DELETE", "/v1/api-keys/key-0", None),
]
GUARDED = [*READS, *WRITES, *PROMOTES, *ADMINISTERS]
OPEN = ["/healthz", "/readyz", "/docs", "/openapi.json", "/static/style.css"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A server with keys: the operator's, one for each scope, and one that was revoked."""

    server: Server
    keys: dict[str, str]
    revoked: str

    def ask(self, method: str, path: str, body: Any = None, authorization: str | None = None) -> httpx.Response:
        headers = {} if authorization is None else {"Authorization": authorization}
        return self.server.client.request(method, path, json=body, headers=headers)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    environment = {**endpoints(NOWHERE), "WHET_ADMIN_KEY": ADMIN_KEY}
    with served(tmp_path_factory.mktemp("keyed"), environment, jobs=0) as server:
        keys = Keys(server.home)
        revoked = keys.create("revoked", [ADMIN])
        keys.revoke(keys.listed()[0].id)
        yield Keyed(
            server=server,
            keys={scope: keys.create(scope, [scope]) for scope in (READ, WRITE, PROMOTE, ADMIN)},
            revoked=revoked,
        )


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that is open to this machine."""
    with served(tmp_path_factory.mktemp("local"), endpoints(NOWHERE), jobs=0) as server:
        yield server


# Keys and scopes


@pytest.mark.parametrize(("method", "path", "body"), GUARDED)
def test_nobody_gets_in_without_a_valid_key(keyed: Keyed, method: str, path: str, body: Any) -> None:
    wrong = ["whet_" + "A" * 43, "x", ADMIN_KEY[:-1], ADMIN_KEY + "x", ADMIN_KEY.upper(), keyed.revoked, "ä"]
    given = [None, *(f"Bearer {key}" for key in wrong), "Basic !!!", "Basic " + base64.b64encode(b"a:b").decode()]
    for authorization in [*given, f"Token {ADMIN_KEY}", ADMIN_KEY, "Bearer"]:
        headers = {} if authorization is None else {b"Authorization": authorization.encode()}
        answer = keyed.server.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == 401, authorization
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert ADMIN_KEY not in answer.text


@pytest.mark.parametrize("path", OPEN)
def test_what_tells_nothing_is_open_to_all(keyed: Keyed, path: str) -> None:
    assert keyed.ask("GET", path).status_code == 200


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        (scope, asked)
        for scope, all_ in ((READ, READS), (WRITE, WRITES), (PROMOTE, PROMOTES), (ADMIN, ADMINISTERS))
        for asked in all_
    ],
)
def test_a_key_opens_what_its_scope_says_and_nothing_else(keyed: Keyed, scope: str, asked: Asked) -> None:
    for held, key in keyed.keys.items():
        answer = keyed.ask(*asked, authorization=f"Bearer {key}")
        if held in (scope, ADMIN):
            assert answer.status_code in (200, 201, 202, 404)
        else:
            assert answer.status_code == 403
            assert f"'{held}' does not have the scope {scope}" in answer.json()["detail"]
    assert keyed.ask(*asked, authorization=f"Bearer {ADMIN_KEY}").status_code in (200, 201, 202, 404)


def test_a_browser_gives_the_key_as_its_password(keyed: Keyed) -> None:
    word = base64.b64encode(f"anybody:{keyed.keys[READ]}".encode()).decode()
    assert keyed.ask("GET", "/v1/prompts", None, f"Basic {word}").status_code == 200


def test_who_is_not_let_in_learns_nothing_about_bodies(keyed: Keyed) -> None:
    assert keyed.ask("POST", "/v1/optimizations", {"tsk": 1}).status_code == 401


def test_a_first_key_closes_a_server_that_was_open(tmp_path: Path) -> None:
    with served(tmp_path, {}, jobs=0) as server:
        assert server.client.get("/v1/prompts").status_code == 200
        key = Keys(server.home).create("app", [READ])
        assert server.client.get("/v1/prompts").status_code == 401
        assert server.client.get("/v1/prompts", headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_a_wrong_key_is_refused_where_none_is_asked_for(local: Server) -> None:
    assert local.client.get("/v1/prompts", headers={"Authorization": "Bearer x"}).status_code == 401


def test_a_revoked_key_opens_nothing_from_then_on(tmp_path: Path) -> None:
    with served(tmp_path, {"WHET_ADMIN_KEY": ADMIN_KEY}, jobs=0) as server:
        key = Keys(server.home).create("app", [READ])
        headers = {"Authorization": f"Bearer {key}"}
        assert server.client.get("/v1/prompts", headers=headers).status_code == 200
        Keys(server.home).revoke(Keys(server.home).listed()[0].id)
        assert server.client.get("/v1/prompts", headers=headers).status_code == 401


# Web pages of other origins


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "0.0.0.0", "", "::1"]
)
def test_a_server_on_this_machine_answers_only_to_its_own_names(local: Server, host: str) -> None:
    answer = local.client.get("/v1/prompts", headers={"Host": host.format(port=local.port)})
    assert answer.status_code == 421
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["localhost", "localhost:{port}", "127.0.0.1", "[::1]", "[::1]:{port}"])
def test_its_own_names_are_those_of_this_machine(local: Server, host: str) -> None:
    assert local.client.get("/v1/prompts", headers={"Host": host.format(port=local.port)}).status_code == 200


def test_a_request_without_a_host_is_turned_down(local: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", local.port)
    connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"  # type: ignore[attr-defined]
    connection.putrequest("GET", "/v1/prompts", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status == 421
    connection.close()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "", None]
)
def test_a_body_that_a_page_may_send_unasked_is_refused(local: Server, kind: str | None) -> None:
    content = json.dumps(requests.small()).encode()
    for method, path in (
        ("POST", "/v1/optimizations"),
        ("PUT", "/v1/prompts/triage/labels/production"),
        ("POST", "/v1/prompts/triage/render"),
        ("POST", "/v1/optimizations/opt-1/cancel"),
    ):
        headers = {} if kind is None else {"Content-Type": kind}
        answer = local.client.request(method, path, content=content, headers=headers)
        assert answer.status_code == 415
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert local.client.get("/v1/optimizations").json()["items"] == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_a_page_of_another_origin_cannot_send_anything(local: Server, origin: str) -> None:
    job_id = local.post(requests.small(seed=1))["id"]
    answer = local.client.post(f"/v1/optimizations/{job_id}/cancel", headers={"Origin": origin})
    assert answer.status_code == 403
    assert local.get(job_id)["status"] == "queued"
    own = local.client.post("/v1/optimizations/opt-1/cancel", headers={"Origin": local.url})
    assert own.status_code == 404


def test_no_page_of_another_origin_may_read(local: Server) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        local.client.get("/v1/prompts", headers=asked),
        local.client.options("/v1/optimizations", headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_every_answer_keeps_browsers_from_running_anything(local: Server, keyed: Keyed) -> None:
    for answer in (
        local.client.get("/"),
        local.client.get("/docs"),
        local.client.get("/v1/prompts"),
        local.client.get("/nowhere"),
        local.client.get("/static/style.css"),
        local.client.get("/v1/prompts", headers={"Host": "evil.example"}),
        keyed.ask("GET", "/v1/prompts"),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in answer.headers


# Sizes


def test_a_body_that_says_it_is_too_large_is_not_even_read(local: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", local.port)
    connection.putrequest("POST", "/v1/optimizations")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(MOST_BYTES + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/problem+json")
    connection.close()


def test_a_body_that_does_not_say_how_large_it_is_is_refused_before_its_end(local: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", local.port)
    connection.putrequest("POST", "/v1/optimizations")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    piece = b"%x\r\n%s\r\n" % (2**16, b" " * 2**16)
    for _ in range(MOST_BYTES // 2**16 + 2):
        connection.send(piece)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/problem+json")
    connection.close()


def test_there_is_a_largest_number_of_rows(local: Server) -> None:
    rows = [{"message": str(number), "team": "a"} for number in range(20_001)]
    answer = local.client.post("/v1/optimizations", json=requests.small(data={"rows": rows}))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/task/data/rows"


# What a request cannot say

ADDRESS = "http://169.254.169.254/v1"
FOREIGN: list[Json] = [
    {"model": {"endpoint": "local", "api_base": ADDRESS}},
    {"model": {"endpoint": "local", "base_url": ADDRESS}},
    {"model": {"endpoint": "local", "api_key": PROVIDER_KEY}},
    {"model": {"endpoint": "local", "api_key_env": "HOME"}},
    {"model": {"endpoint": "local", "identity": "another"}},
    {"model": {"endpoint": "local", "max_concurrency": 4000}},
    {"model": {"endpoint": "local", "callbacks": ["x"]}},
    {"model": {"name": "openai/gpt-4o", "api_base": ADDRESS}},
    {"model": {"endpoint": ADDRESS}},
    {"model": {"endpoint": "WHET_ADMIN_KEY"}},
    {"proposer_model": {"name": "openai/gpt-4o", "api_base": ADDRESS}},
    {"judge_model": {"endpoint": "local"}},
    {"data": {"path": "/etc/passwd"}},
    {"data": {"rows": tickets.rows(9), "path": "tickets.csv"}},
    {"data": {"train": "a.csv", "validation": "b.csv", "test": "c.csv"}},
    {"metric": "file.py:score"},
    {"metric": "os:system"},
    {"metric": {"name": "file.py:score"}},
    {"search": {"proposers": ["file.py:Proposer"]}},
    {"search": {"proposers": ["os:system"]}},
]
KEYWORDS = (
    "api_base", "base_url", "api_key", "api_version", "organization", "extra_headers", "extra_body", "headers",
    "custom_llm_provider", "callbacks", "success_callback", "mock_response", "fallbacks", "metadata", "model",
    "messages", "stream", "n", "timeout", "proxy", "aws_access_key_id", "vertex_credentials", "deployment_id",
    "chat_template", "num_retries", "caching", "user",
)  # fmt: skip


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 422, answer.text
    assert ADDRESS not in answer.text.replace("no endpoint '" + ADDRESS, "")
    assert PROVIDER_KEY not in answer.text


@pytest.mark.parametrize("fields", FOREIGN, ids=lambda fields: json.dumps(fields)[:60])
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_request_names_no_address_key_file_or_code(local: Server, fields: Json, query: str) -> None:
    before = len(local.client.get("/v1/optimizations").json()["items"])
    refused(local.client.post(f"/v1/optimizations{query}", json=requests.small(**fields)))
    if "model" in fields:
        refused(local.client.post(f"/v1/optimizations{query}", json={**requests.small(), **fields}))
    assert len(local.client.get("/v1/optimizations").json()["items"]) == before


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_no_keyword_of_a_library_passes_as_a_parameter(local: Server, keyword: str) -> None:
    model = {"endpoint": "local", "parameters": {keyword: ADDRESS}}
    answer = local.client.post("/v1/optimizations", json=requests.small(model=model))
    refused(answer)
    assert keyword in answer.json()["detail"]
    refused(local.client.post("/v1/optimizations", json={**requests.small(), "model": model}))


def test_a_file_beside_the_server_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("raise SystemExit('it ran')")
    with served(tmp_path / "home", endpoints(NOWHERE), jobs=1) as server:
        answer = server.client.post("/v1/optimizations", json=requests.small(metric="own.py:score"))
        assert answer.status_code == 422
        assert "is code, which is not run from here" in answer.json()["detail"]
        assert server.client.get("/readyz").status_code == 200


# What is never given away


def everything_said(server: Server, job_id: str) -> str:
    """All that the server says about a job, to whomever."""
    addresses = ["/v1/optimizations", f"/v1/optimizations/{job_id}", f"/v1/optimizations/{job_id}/events", "/metrics"]
    addresses += ["/", f"/optimizations/{job_id}", "/docs", "/openapi.json", "/v1/prompts", "/readyz"]
    return "\n".join(server.client.get(address).text for address in addresses)


def places_with(folder: Path, secret: str) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("right", [True, False])
def test_a_provider_s_key_is_given_to_the_provider_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, right: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    with tickets.endpoint(key=PROVIDER_KEY if right else "another").in_thread() as endpoint:
        environment = {**endpoints(endpoint.url, api_key_env="MY_KEY"), "MY_KEY": PROVIDER_KEY}
        with served(tmp_path, environment) as server:
            job = server.ended(server.post(requests.small())["id"])
            assert job["status"] == ("succeeded" if right else "failed")
            said = everything_said(server, job["id"])
            refusal = server.client.post("/v1/optimizations", json=requests.small(model={"endpoint": "locl"}))
    assert endpoint.requests > 0
    assert PROVIDER_KEY not in said + refusal.text + caplog.text
    assert places_with(tmp_path, PROVIDER_KEY) == []


def test_a_key_of_whet_is_kept_as_its_digest_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with served(tmp_path, {"WHET_ADMIN_KEY": ADMIN_KEY}, jobs=0) as server:
        key = Keys(server.home).create("app", [READ])
        for bearer in (key, ADMIN_KEY):
            answer = server.client.get("/v1/prompts", headers={"Authorization": f"Bearer {bearer}"})
            assert answer.status_code == 200
    for secret in (key, key.removeprefix("whet_"), ADMIN_KEY):
        assert places_with(tmp_path, secret) == []
        assert secret not in caplog.text


def test_what_people_and_models_wrote_is_shown_as_text_in_pages(tmp_path: Path) -> None:
    script = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    with (
        tickets.endpoint().in_thread() as endpoint,
        served(tmp_path, endpoints(endpoint.url)) as server,
    ):
        job = server.optimize(requests.small(prompt={"instruction": f"{script} Answer only with the team."}))
        server.client.put("/v1/prompts/support-triage/labels/staging", json={"version": 1, "why": script})
        for address in ("/", f"/optimizations/{job['id']}", "/prompts/support-triage"):
            page = server.client.get(address).text
            assert "<script" not in page
            assert "<img" not in page
        assert "&lt;script&gt;" in page
