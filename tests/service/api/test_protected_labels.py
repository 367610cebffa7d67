"""A protected label is moved only by those who know where it points: of two who saw the same, one wins."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.keys import PROMOTE, READ, Keys
from service.registry import Registry
from tests.endpoints.server import Server, served
from tests.service.api.conftest import Finished

VERSIONS = 4
LABEL = "/v1/prompts/triage/labels/production"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose registry holds `triage` in some versions; production, which is protected, is unset."""
    with served(tmp_path, {}, jobs=0) as serving:
        for number in range(VERSIONS):
            prompt = Prompt(messages=(Message(role="user", content=f"{number} {{{{message}}}}"),), parameters={})
            Registry(serving.home).register("triage", prompt, {"n": 36} if number else None)
        yield serving


def put(server: Server, version: int, label: str = LABEL, **headers: str) -> httpx.Response:
    return server.client.put(label, json={"version": version, "why": "so"}, headers=_spelt(headers))


def rollback(server: Server, body: Any = None, **headers: str) -> httpx.Response:
    return server.client.post(f"{LABEL}/rollback", json=body, headers=_spelt(headers))


def _spelt(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def first(server: Server, version: int = 1) -> str:
    """Sets the label for the first time; its ETag."""
    answer = put(server, version, if_none_match="*")
    assert answer.status_code == 201, answer.text
    return answer.headers["ETag"]


def points_to(server: Server) -> int:
    version: int = server.client.get("/v1/prompts/triage").json()["version"]
    return version


def test_who_names_its_state_moves_it(server: Server) -> None:
    tag = first(server)
    assert server.client.get(LABEL).headers["ETag"] == tag
    second = put(server, 2, if_match=tag)
    assert (second.status_code, second.json()["replaced"]) == (200, 1)
    third = put(server, 3, if_match=f'"other", {second.headers["ETag"]}')
    assert (third.status_code, third.json()["replaced"]) == (200, 2)
    assert put(server, 4, if_match="*").status_code == 200
    assert points_to(server) == 4


def test_without_a_condition_it_stays_and_the_answer_says_what_to_send(server: Server) -> None:
    unset = put(server, 1)
    assert unset.status_code == 428
    assert unset.json()["detail"].endswith("Send If-None-Match: *.")
    tag = first(server)
    for headers in ({}, {"if_none_match": '"other"'}):
        answer = put(server, 2, **headers)
        assert answer.status_code == 428
        assert f"Send If-Match: {tag}," in answer.json()["detail"]
    assert rollback(server).status_code == 428
    assert points_to(server) == 1
    assert len(server.client.get(f"{LABEL}/history").json()["items"]) == 1


def test_who_saw_another_state_does_not_move_it(server: Server) -> None:
    assert put(server, 1, if_match='"move-1"').status_code == 412
    assert put(server, 1, if_match="*").status_code == 412
    tag = first(server)
    for headers in (
        {"if_match": '"move-0"'},
        {"if_match": f"W/{tag}"},
        {"if_match": tag.strip('"')},
        {"if_none_match": "*"},
        {"if_match": tag, "if_none_match": tag},
    ):
        answer = put(server, 2, **headers)
        assert answer.status_code == 412, headers
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert rollback(server, **headers).status_code == 412
    assert points_to(server) == 1


def test_a_label_that_came_back_has_moved_all_the_same(server: Server) -> None:
    tag = first(server)
    there = put(server, 2, if_match=tag).headers["ETag"]
    back = put(server, 1, if_match=there).headers["ETag"]
    assert points_to(server) == 1
    assert put(server, 3, if_match=tag).status_code == 412
    assert put(server, 3, if_match=back).status_code == 200


def test_other_mistakes_come_before_conditions(server: Server) -> None:
    assert put(server, VERSIONS + 1).status_code == 404
    assert put(server, 1, label=LABEL.replace("triage", "nobody")).status_code == 404
    assert server.client.put(LABEL, json={"version": "1"}).status_code == 422


def test_an_unprotected_label_takes_a_condition_and_needs_none(server: Server) -> None:
    staging = LABEL.replace("production", "staging")
    made = put(server, 1, label=staging)
    assert made.status_code == 201
    assert put(server, 2, label=staging).status_code == 200
    assert put(server, 3, label=staging, if_match=made.headers["ETag"]).status_code == 412
    assert server.client.get(staging).json()["protected"] is False


@pytest.mark.parametrize("round_", range(3))
def test_of_two_that_saw_the_same_state_one_wins(server: Server, round_: int) -> None:
    tag = first(server)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda version: put(server, version, if_match=tag), (2 + round_ % 2, 4)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert points_to(server) == won[0].json()["version"]
    assert len(server.client.get(f"{LABEL}/history").json()["items"]) == 2


def test_of_many_first_settings_and_of_many_rollbacks_one_wins(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: put(server, 1 + n % VERSIONS, if_none_match="*"), range(16)))
        assert sorted(answer.status_code for answer in made) == [201, *[412] * 15]
        start = points_to(server)
        tag = server.client.get(LABEL).headers["ETag"]
        for version in {1, 2, 3} - {start}:
            tag = put(server, version, if_match=tag).headers["ETag"]
        back = list(pool.map(lambda _: rollback(server, if_match=tag), range(16)))
    assert sorted(answer.status_code for answer in back) == [200, *[412] * 15]
    moves = server.client.get(f"{LABEL}/history").json()["items"]
    assert [move["rollback"] for move in moves].count(True) == 1


def test_a_rollback_says_who_why_and_what_it_replaced(server: Server) -> None:
    key = Keys(server.home).create("Ben, on call", [PROMOTE, READ])
    server.client.headers["Authorization"] = f"Bearer {key}"
    second = put(server, 2, if_match=first(server))
    answer = rollback(server, {"why": "Refunds go astray."}, if_match=second.headers["ETag"])
    assert answer.status_code == 200
    assert answer.json() == {"name": "triage", "label": "production", "version": 1, "replaced": 2}
    last = server.client.get(f"{LABEL}/history").json()["items"][0]
    assert last.items() >= {"version": 1, "replaced": 2, "why": "Refunds go astray.", "rollback": True}.items()
    assert last["moved_by"] == "Ben, on call"
    there = rollback(server, if_match=answer.headers["ETag"])
    assert there.status_code == 409
    assert "no version stood before" in there.json()["detail"]
    assert points_to(server) == 1


def test_what_was_never_set_cannot_go_back(server: Server) -> None:
    assert rollback(server, if_match="*").status_code == 404
    assert server.client.post(f"{LABEL}/rollback", json={"wy": "x"}).status_code == 422


def test_a_label_shows_where_it_points_since_when_and_what_backs_it(server: Server) -> None:
    assert server.client.get(LABEL).status_code == 404
    put(server, 2, if_match=first(server))
    answer = server.client.get(LABEL)
    assert answer.json().items() >= {"name": "triage", "label": "production", "version": 2, "replaced": 1}.items()
    assert answer.json().items() >= {"protected": True, "rollback": False, "why": "so", "evidence": {"n": 36}}.items()
    assert answer.headers["Cache-Control"] == "no-cache"
    again = server.client.get(LABEL, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_jobs_promote_what_they_proved_all_the_same(finished: Finished) -> None:
    answer = finished.server.client.get("/v1/prompts/support-triage/labels/production").json()
    assert (answer["protected"], answer["version"], answer["moved_by"]) == (True, 2, finished.job["id"])
    assert answer["evidence"]["difference"] == finished.result["evidence"]["difference"]


def test_a_history_comes_in_pages(server: Server) -> None:
    tag = first(server)
    for number in range(6):
        tag = put(server, 2 + number % 2, if_match=tag).headers["ETag"]
    found: list[Any] = []
    address, pages = f"{LABEL}/history?limit=3", 0
    while address:
        answer = server.client.get(address)
        found += answer.json()["items"]
        pages += 1
        address = answer.links["next"]["url"] if "next" in answer.links else ""
        assert (answer.json()["next"] is None) == (not address)
    assert (len(found), pages) == (7, 3)
    assert found == server.client.get(f"{LABEL}/history").json()["items"]
    for wrong in ("cursor=x", "cursor=-1", "limit=0", "limit=201"):
        assert server.client.get(f"{LABEL}/history?{wrong}").status_code == 422
