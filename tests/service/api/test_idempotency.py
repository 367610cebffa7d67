"""A request with an Idempotency-Key is carried out once, however often and by however many it is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.errors import Refused
from service.home import Home
from service.idempotency import once
from service.keys import WRITE, Keys
from tests.endpoints.server import Server, endpoints, served
from tests.service.api import requests

ADMIN_KEY = "an-operator-s-own-key"


def post(server: Server, key: str, *, bearer: str | None = None, query: str = "", **fields: Any) -> httpx.Response:
    """A request that would begin a new optimization each time, were it not for its key."""
    headers = {"Idempotency-Key": key} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    asked = {**requests.small(), "fresh": True, **fields}
    return server.client.post(f"/v1/optimizations{query}", json=asked, headers=headers)


@pytest.fixture
def queueing(tmp_path: Path) -> Any:
    """A server that leaves the jobs to workers, of which there are none."""
    with served(tmp_path, endpoints("http://127.0.0.1:9/v1"), jobs=0) as server:
        yield server


def count(server: Server) -> int:
    return len(server.client.get("/v1/optimizations?limit=200").json()["items"])


def test_the_same_key_brings_the_same_optimization(queueing: Server) -> None:
    answers = [post(queueing, "a") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.headers["Location"] for answer in answers} == {f"/v1/optimizations/{answers[0].json()['id']}"}
    assert count(queueing) == 1
    assert post(queueing, "b").json()["id"] != answers[0].json()["id"]
    assert count(queueing) == 2


def test_it_is_shown_as_it_stands_by_then(server: Server) -> None:
    job_id = post(server, "a").json()["id"]
    ended = server.ended(job_id)
    assert post(server, "a").json() == ended
    assert "Retry-After" not in post(server, "a").headers


def test_a_key_goes_with_one_body(queueing: Server) -> None:
    post(queueing, "a")
    for other in ({"seed": 1}, {"fresh": False}, {"budget": {"calls": 61}}):
        answer = post(queueing, "a", **other)
        assert answer.status_code == 422
        assert answer.json()["title"] == "Key used before"
    assert count(queueing) == 1


def test_callers_have_keys_of_their_own(tmp_path: Path) -> None:
    environment = {**endpoints("http://127.0.0.1:9/v1"), "WHET_ADMIN_KEY": ADMIN_KEY}
    with served(tmp_path, environment, jobs=0) as server:
        another = Keys(server.home).create("another", [WRITE])
        ids = {post(server, "a", bearer=bearer).json()["id"] for bearer in (ADMIN_KEY, another, ADMIN_KEY, another)}
        assert len(ids) == 2


def test_of_requests_at_the_same_moment_one_is_carried_out(queueing: Server) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: post(queueing, "a"), range(24)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["title"] == "Under way"
    assert count(queueing) == 1


def test_a_request_that_was_refused_may_be_sent_again_corrected(queueing: Server) -> None:
    assert post(queueing, "a", budget={"calls": 1}).status_code == 422
    assert post(queueing, "a").status_code == 202


def test_a_forecast_needs_no_key_and_uses_none_up(queueing: Server) -> None:
    assert post(queueing, "a", query="?dry_run=true").status_code == 200
    assert post(queueing, "a", seed=1).status_code == 202


def test_a_key_has_at_most_two_hundred_characters(queueing: Server) -> None:
    assert post(queueing, "a" * 200).status_code == 202
    assert post(queueing, "a" * 201).status_code == 422


# The same, with a clock in hand.


def later(home: Home, **time: float) -> Home:
    return replace(home, now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(**time))


def test_a_key_is_kept_for_a_day(home: Home) -> None:
    with once(home, "me", "a", "body") as earlier:
        earlier.job = "opt-1"
    with once(later(home, hours=23.9), "me", "a", "body") as earlier:
        assert earlier.job == "opt-1"
    with once(later(home, hours=24.1), "me", "a", "another body") as earlier:
        assert earlier.job is None


def test_a_request_under_way_is_not_carried_out_beside_itself(home: Home) -> None:
    with once(home, "me", "a", "body") as earlier:
        with pytest.raises(Refused) as raised, once(home, "me", "a", "body"):
            pass
        assert raised.value.status_code == 409
        with once(home, "you", "a", "body") as other:
            assert other.job is None
        earlier.job = "opt-1"


def test_a_request_that_failed_leaves_its_key_free(home: Home) -> None:
    with pytest.raises(ZeroDivisionError), once(home, "me", "a", "body"):
        raise ZeroDivisionError
    with once(home, "me", "a", "another body") as earlier:
        assert earlier.job is None


def test_a_request_that_was_lost_with_its_server_keeps_nobody_out_for_long(home: Home) -> None:
    lost = once(home, "me", "a", "body")
    lost.__enter__()
    with pytest.raises(Refused), once(later(home, minutes=4.9), "me", "a", "body"):
        pass
    with once(later(home, minutes=5.1), "me", "a", "body") as earlier:
        assert earlier.job is None


def test_without_a_key_nothing_is_kept(home: Home) -> None:
    for _ in range(2):
        with once(home, "me", None, "body") as earlier:
            assert earlier.job is None
            earlier.job = "opt-1"
