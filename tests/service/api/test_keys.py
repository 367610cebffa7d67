"""Keys over REST: shown once, kept as digests, ended at once or in time, with quotas that hold beforehand."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.keys import PREFIX, SCOPES, Keys
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests

ADMIN_KEY = "the-operator-s-own-key-0123456789"
KEYS = "/v1/api-keys"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that queues jobs and runs none, spoken to by the operator."""
    environment = {**endpoints("http://127.0.0.1:9/v1"), "WHET_ADMIN_KEY": ADMIN_KEY}
    with served(tmp_path, environment, jobs=0) as serving:
        serving.client.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        yield serving


def make(server: Server, **fields: Any) -> Json:
    answer = server.client.post(KEYS, json={"name": "app", "scopes": ["prompts:read"], **fields})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def ask(server: Server, key: Json, method: str = "GET", path: str = "/v1/prompts", body: Any = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key['key']}"}
    return server.client.request(method, path, json=body, headers=headers)


def test_a_key_is_shown_once_and_opens_what_its_scopes_say(server: Server) -> None:
    answer = server.client.post(KEYS, json={"name": "app", "scopes": ["prompts:read", "prompts:read"]})
    made = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert made["key"].startswith(PREFIX)
    assert made["scopes"] == ["prompts:read"]
    assert ask(server, made).status_code == 200
    assert ask(server, made, "GET", "/v1/optimizations").status_code == 403
    shown = {name: value for name, value in made.items() if name != "key"}
    assert server.client.get(answer.headers["Location"]).json() == shown
    assert server.client.get(KEYS).json() == {"items": [shown], "next": None}


def test_a_secret_is_in_no_row_log_page_or_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with served(tmp_path, {"WHET_ADMIN_KEY": ADMIN_KEY}, jobs=0) as server:
        server.client.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        made = make(server, scopes=["admin"])
        said = [ask(server, made, "GET", path).text for path in (KEYS, f"{KEYS}/{made['id']}", "/", "/metrics")]
        said += [ask(server, made, "POST", KEYS, body).text for body in ({"name": "x"}, {"key": "y"})]
        server.client.delete(f"{KEYS}/{made['id']}")
        refused = ask(server, made)
        assert refused.status_code == 401
    for secret in (made["key"], made["key"].removeprefix(PREFIX), ADMIN_KEY):
        assert secret not in "".join([*said, refused.text, str(refused.headers), caplog.text])
        assert [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()] == []
    digest = hashlib.sha256(made["key"].encode()).hexdigest().encode()
    assert any(digest in path.read_bytes() for path in tmp_path.rglob("whet.sqlite*"))


def test_a_deleted_key_opens_nothing_and_stays_in_the_list(server: Server) -> None:
    made = make(server)
    for _ in range(2):
        answer = server.client.delete(f"{KEYS}/{made['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert ask(server, made).status_code == 401
    assert server.client.get(f"{KEYS}/{made['id']}").json()["revoked_at"] is not None
    for method in ("GET", "DELETE"):
        assert server.client.request(method, f"{KEYS}/key-0").status_code == 404


def test_a_key_may_expire(tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    with served(tmp_path, {"WHET_ADMIN_KEY": ADMIN_KEY}, jobs=0) as server:
        server.client.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        made = make(server, expires_at=soon.astimezone().isoformat())
        assert datetime.fromisoformat(made["expires_at"]) == soon.replace(microsecond=soon.microsecond // 1000 * 1000)
        assert ask(server, made).status_code == 200
        past = server.client.post(KEYS, json={"name": "a", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"})
        assert past.status_code == 422
        assert "would never be valid" in past.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "pointer", "said"),
    [
        ({"scopes": ["prompts:write"]}, "#/scopes/0", "'prompts:read'"),
        ({"scopes": []}, "#/scopes", "at least 1 item"),
        ({"scopes": None}, "#/scopes", "list"),
        ({"name": ""}, "#/name", "at least 1 character"),
        ({"name": "n" * 101}, "#/name", "at most 100 characters"),
        ({"expires_at": "tomorrow"}, "#/expires_at", "datetime"),
        ({"expires_at": "2027-01-01T00:00:00"}, "#/expires_at", "timezone"),
        ({"expires_at": 1_900_000_000}, "#/expires_at", "write a time as text"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "#/expires_at", "after 9000"),
        ({"calls_per_day": 0}, "#/calls_per_day", "greater than or equal to 1"),
        ({"calls_per_day": 2**31}, "#/calls_per_day", "less than"),
        ({"calls_per_dya": 1}, "#/calls_per_dya", "Did you mean 'calls_per_day'?"),
        ({"key": "whet_mine"}, "#/key", "unknown field"),
    ],
)
def test_what_is_wrong_with_a_key_is_pointed_at(server: Server, fields: Json, pointer: str, said: str) -> None:
    answer = server.client.post(KEYS, json={"name": "app", "scopes": ["admin"], **fields})
    assert answer.status_code == 422
    assert said in {place["pointer"]: place["detail"] for place in answer.json()["errors"]}[pointer]
    assert server.client.get(KEYS).json()["items"] == []


def test_every_scope_can_be_given(server: Server) -> None:
    assert make(server, scopes=list(SCOPES))["scopes"] == list(SCOPES)


def test_only_administrators_see_and_make_keys(server: Server) -> None:
    made = make(server, scopes=[scope for scope in SCOPES if scope != "admin"])
    for method, path in (("GET", KEYS), ("POST", KEYS), ("GET", f"{KEYS}/{made['id']}"), ("DELETE", f"{KEYS}/x")):
        assert ask(server, made, method, path, {"name": "a", "scopes": ["admin"]}).status_code == 403


def test_keys_come_in_pages(server: Server) -> None:
    for number in range(5):
        make(server, name=f"app-{number}")
    found: list[str] = []
    address = f"{KEYS}?limit=2"
    while address:
        answer = server.client.get(address)
        found += [item["name"] for item in answer.json()["items"]]
        address = answer.links["next"]["url"] if "next" in answer.links else ""
    assert found == [f"app-{number}" for number in range(5)]
    assert server.client.get(f"{KEYS}?cursor=key-0").status_code == 404


def test_when_a_key_was_used_is_written_down_when_the_server_ends_at_the_latest(tmp_path: Path) -> None:
    with served(tmp_path, {"WHET_ADMIN_KEY": ADMIN_KEY}, jobs=0) as server:
        server.client.headers["Authorization"] = f"Bearer {ADMIN_KEY}"
        made, other = make(server), make(server, name="other")
        before = datetime.now(UTC)
        for _ in range(3):
            ask(server, made)
        assert [row.last_used_at for row in Keys(server.home).listed()] == [None, None], "no request wrote anything"
    with served(tmp_path, {}, jobs=0) as server:
        used = {row.id: row.last_used_at for row in Keys(server.home).listed()}
    assert used[other["id"]] is None
    assert abs((datetime.fromisoformat(str(used[made["id"]])) - before).total_seconds()) < 60


# Quotas


def optimize(server: Server, key: Json, **fields: Any) -> httpx.Response:
    return ask(server, key, "POST", "/v1/optimizations", requests.small(**fields))


def test_what_would_be_above_the_quota_is_refused_before_anything_is_queued(server: Server) -> None:
    key = make(server, scopes=["jobs:write"], calls_per_day=150)
    first = optimize(server, key)
    assert first.status_code == 202
    assert optimize(server, key).json()["id"] == first.json()["id"], "the same again spends nothing"
    assert optimize(server, key, seed=1).status_code == 202
    refused = optimize(server, key, seed=2)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    assert "120 are spent or reserved: 30 are left" in refused.json()["detail"]
    never = optimize(server, key, seed=2, budget={"calls": 151})
    assert (never.status_code, "Retry-After" in never.headers) == (403, False)
    assert ask(server, key, "POST", "/v1/optimizations?dry_run=true", requests.small(seed=2)).status_code == 200
    assert len(server.client.get("/v1/optimizations").json()["items"]) == 2
    assert server.client.get(f"{KEYS}/{key['id']}").json()["calls_today"] == 120


def test_a_refused_request_may_be_sent_again_under_its_idempotency_key(server: Server) -> None:
    key = make(server, scopes=["jobs:write"], calls_per_day=60)
    optimize(server, key)
    headers = {"Authorization": f"Bearer {key['key']}", "Idempotency-Key": "a"}
    for _ in range(2):
        answer = server.client.post("/v1/optimizations", json=requests.small(seed=1), headers=headers)
        assert answer.status_code == 429


def test_a_cancelled_job_gives_back_what_it_did_not_spend(server: Server) -> None:
    key = make(server, scopes=["jobs:write"], calls_per_day=60)
    job = optimize(server, key).json()
    assert optimize(server, key, seed=1).status_code == 429
    server.client.post(f"/v1/optimizations/{job['id']}/cancel")
    assert optimize(server, key, seed=1).status_code == 202
    assert optimize(server, key).status_code == 429, "to carry it on takes quota anew"


def test_other_keys_and_the_operator_are_not_bound_by_it(server: Server) -> None:
    key, other = (make(server, name=name, scopes=["jobs:write"], calls_per_day=60) for name in ("a", "b"))
    assert optimize(server, key).status_code == 202
    assert optimize(server, other, seed=1).status_code == 202
    assert optimize(server, key, seed=2).status_code == 429
    answer = server.client.post("/v1/optimizations", json=requests.small(seed=2))
    assert answer.status_code == 202
