"""Prompts that people wrote are registered, tagged and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.registry import Registry
from service.tags import MOST
from tests.endpoints.server import Server, served
from tests.endpoints.wire import Json
from tests.service.api.conftest import Finished

TRIAGE = "/v1/prompts/triage"
LONE = "\ud800"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that change nothing on it."""
    with served(tmp_path_factory.mktemp("home"), {}, jobs=0) as serving:
        yield serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with served(tmp_path, {}, jobs=0) as serving:
        yield serving


def body(content: str = "Which team? {{message}}", **fields: Any) -> Json:
    return {"messages": [{"role": "user", "content": content}], **fields}


def post(server: Server, asked: Any, name: str = "triage") -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    return server.client.post(f"/v1/prompts/{name}/versions", content=json.dumps(asked), headers=headers)


def test_a_prompt_is_registered_without_evidence_and_without_a_label(server: Server) -> None:
    asked = body(config={"temperature": 0, "stop": ["\n"]}, reply_format={"marker": "Team:"}, variables=["message"])
    answer = post(server, asked)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{TRIAGE}/versions/1"
    made = answer.json()
    assert (made["version"], made["evidence"], made["variables"]) == (1, None, ["message"])
    assert (made["messages"], made["config"]) == (asked["messages"], asked["config"])
    assert made["reply_format"] == {"marker": "Team:", "opening": None, "closing": None}
    pulled = server.client.get(answer.headers["Location"])
    assert pulled.json() == made
    assert pulled.headers["ETag"] == answer.headers["ETag"] == f'"{made["digest"]}"'
    assert server.client.get(TRIAGE).status_code == 404
    assert server.client.get("/v1/prompts").json()["items"][0]["labels"] == {}


def test_the_same_prompt_again_is_the_version_that_exists(server: Server) -> None:
    first, second, again = (post(server, asked) for asked in (body("a {{x}}"), body("b {{x}}"), body("a {{x}}")))
    assert [answer.status_code for answer in (first, second, again)] == [201, 201, 200]
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]


def test_a_winner_posted_again_keeps_its_evidence(finished: Finished) -> None:
    known = finished.server.client.get("/v1/prompts/support-triage").json()
    same = {name: known[name] for name in ("messages", "variables", "config", "reply_format")}
    answer = post(finished.server, same, "support-triage")
    assert (answer.status_code, answer.json()) == (200, known)


def test_many_that_register_at_once_get_a_version_for_each_prompt(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: post(server, body(f"{number % 6} {{{{x}}}}")), range(24)))
    assert sorted(answer.status_code for answer in answers) == [200] * 18 + [201] * 6
    assert len({(answer.json()["digest"], answer.json()["version"]) for answer in answers}) == 6
    assert {answer.json()["version"] for answer in answers} == set(range(1, 7))


@pytest.mark.parametrize(
    ("asked", "pointer", "said"),
    [
        ({}, "#/messages", "required"),
        ({"messages": []}, "#/messages", "at least 1 item"),
        ({"messages": [{"role": "user", "content": "a"}] * 257}, "#/messages", "at most 256 items"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "#/messages/0/role", "'system', 'user' or 'assistant'"),
        ({"messages": [{"role": "user"}]}, "#/messages/0/content", "required"),
        (body("{{message"), "#/messages/0/content", "opens a variable and does not close it"),
        (body("{{ }}"), "#/messages/0/content", "names no variable"),
        (body(f"{{{{{'v' * 129}}}}}"), "#/messages/0/content", "the most is 128"),
        (body(LONE), "#/messages/0/content", "lone surrogate"),
        (body("x" * (2**20 + 1)), "#/messages/0/content", "a text of 1,048,577 bytes; a field may have 1,048,576"),
        (body("ä" * (2**19 + 1)), "#/messages/0/content", "a text of 1,048,578 bytes"),
        ({"messages": [{"role": "user", "content": "x" * 2**19}] * 3}, "#/messages", "a prompt may have 1,048,576"),
        (body(variables=["mesage"]), "#/variables", "the messages lack mesage; the messages also have message"),
        (body(variables=[]), "#/variables", "the messages also have message"),
        (body(config={"temprature": 0}), "#/config", "Did you mean 'temperature'?"),
        (body(config={"api_base": "http://169.254.169.254"}), "#/config", "'api_base' is no decoding parameter"),
        (body(config={"messages": "x"}), "#/config", "no decoding parameter"),
        (body(config={"seed": 2**60}), "#/config", "'seed' must be a number between"),
        (body(config={"seed": 10**400}), "#/config", "'seed' must be a number between"),
        (body(config={"stop": [LONE]}), "#/config", "lone surrogate"),
        (body(config={"temperature": {}}), "#/config/temperature", "valid string"),
        (body(config={LONE: 1}), "#/config", "the name of a field holds half a character"),
        (body(reply_format={"markr": "A:"}), "#/reply_format/markr", "Did you mean 'marker'?"),
        (body(evidence={"n": 1}), "#/evidence", "unknown field"),
        ({**body(), LONE: 1}, "#", "the name of a field holds half a character"),
        (body(mesages=[]), "#/mesages", "Did you mean 'messages'?"),
        ([], "#", "dictionary"),
    ],
)
def test_what_is_no_prompt_is_refused_and_pointed_at(shared: Server, asked: Any, pointer: str, said: str) -> None:
    answer = post(shared, asked)
    assert answer.status_code == 422, answer.text
    found = {place["pointer"]: place["detail"] for place in answer.json()["errors"]}
    assert said in found[pointer]
    assert shared.client.get("/v1/prompts").json()["items"] == []


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(shared: Server, wrong: float) -> None:
    answer = post(shared, body(config={"temperature": wrong}))
    assert answer.status_code == 422
    assert "'temperature' must be a number between" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["a b", ".hidden", "x" * 129, "%C3%A4", "a%0A"])
def test_a_prompt_has_a_plain_name(shared: Server, name: str) -> None:
    answer = post(shared, body(), name)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/path/name"


# Tags


def tag(server: Server, name: str, word: str, method: str = "PUT") -> httpx.Response:
    return server.client.request(method, f"/v1/prompts/{name}/tags/{word}")


def tagged(server: Server, address: str) -> list[str]:
    """The names of all prompts in a list, page after page."""
    found: list[str] = []
    while address:
        answer = server.client.get(address)
        assert answer.status_code == 200, answer.text
        found += [item["name"] for item in answer.json()["items"]]
        address = answer.links["next"]["url"] if "next" in answer.links else ""
    return found


def test_prompts_are_found_by_their_tags(server: Server) -> None:
    for number in range(6):
        post(server, body(str(number)), f"prompt-{number}")
        tag(server, f"prompt-{number}", "even" if number % 2 == 0 else "odd")
        tag(server, f"prompt-{number}", "2026-q1")
    assert tagged(server, "/v1/prompts?tag=even&limit=2") == ["prompt-0", "prompt-2", "prompt-4"]
    assert tagged(server, "/v1/prompts?tag=2026-q1&limit=4") == [f"prompt-{number}" for number in range(6)]
    assert tagged(server, "/v1/prompts?tag=none") == tagged(server, "/v1/prompts?tag=") == []
    [item] = server.client.get("/v1/prompts?limit=1").json()["items"]
    assert item["tags"] == ["2026-q1", "even"]


def test_a_tag_is_given_once_and_taken_once(server: Server) -> None:
    post(server, body())
    for _ in range(2):
        answer = tag(server, "triage", "mail")
        assert (answer.status_code, answer.json()) == (200, {"name": "triage", "tags": ["mail"]})
    tag(server, "triage", "beta")
    answer = tag(server, "triage", "mail", "DELETE")
    assert (answer.status_code, answer.json()) == (200, {"name": "triage", "tags": ["beta"]})
    gone = tag(server, "triage", "mail", "DELETE")
    assert gone.status_code == 404
    assert gone.json()["detail"] == "The prompt 'triage' has no tag 'mail'; its tags: beta."


def test_a_tag_is_a_plain_word_on_a_prompt_that_is_there(server: Server) -> None:
    post(server, body())
    for wrong in ("Mail", "-", "a b", "x" * 65, "%C3%A4"):
        assert tag(server, "triage", wrong).status_code == 422
    for method in ("PUT", "DELETE"):
        assert tag(server, "traige", "mail", method).status_code == 404


def test_a_prompt_has_a_largest_number_of_tags(server: Server) -> None:
    post(server, body())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: tag(server, "triage", f"tag-{number}"), range(MOST + 4)))
    assert sorted(answer.status_code for answer in answers) == [200] * MOST + [422] * 4


# Differences


@pytest.fixture
def changed(server: Server) -> Server:
    post(server, body("Which team?\n{{message}}", config={"temperature": 0}))
    post(server, body("Which one?\n{{message}}", config={"temperature": 0, "max_tokens": 9}))
    Registry(server.home).move_label("triage", "production", 1, "", "somebody")
    return server


def test_a_difference_is_shown_between_versions_and_labels(changed: Server) -> None:
    found = changed.client.get(f"{TRIAGE}/diff?from=1&to=2").json()
    assert [found[arm]["version"] for arm in ("before", "after")] == [1, 2]
    assert found["messages"] == [
        {"change": "changed", "role": "user", "diff": "@@ -1,2 +1,2 @@\n-Which team?\n+Which one?\n {{message}}"}
    ]
    assert found["config"] == {"max_tokens": {"before": None, "after": 9}}
    assert (found["reply_format"], found["factors"], found["same"]) == ({}, {}, False)
    assert changed.client.get(f"{TRIAGE}/diff?from=production&to=2").json() == found
    assert changed.client.get(f"{TRIAGE}/diff?from=1&to=production").json()["same"] is True


def test_evidence_stands_side_by_side(finished: Finished) -> None:
    found = finished.server.client.get("/v1/prompts/support-triage/diff?from=1&to=2").json()
    assert found["evidence"]["before"]["role"] == "baseline"
    assert found["evidence"]["after"]["role"] == "winner"
    assert found["factors"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("from=1", 422, "#/query/to"),
        ("from=1&to=3", 404, "has no version 3"),
        ("from=1&to=99999999999999999999", 404, "has no version"),
        ("from=0&to=1", 404, "has no version 0"),
        ("from=staging&to=1", 404, "has no label 'staging'"),
        ("from=&to=1", 404, "has no label ''"),
        ("from=%C2%B2&to=1", 404, "has no label"),
    ],
)
def test_what_is_not_there_has_no_difference(changed: Server, query: str, status: int, said: str) -> None:
    answer = changed.client.get(f"{TRIAGE}/diff?{query}")
    assert answer.status_code == status
    assert said in answer.json()["detail"]
