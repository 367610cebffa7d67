"""Labels are moved by name, by somebody, for a reason; every move can be read again. No label is protected here."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.keys import PROMOTE, Keys
from service.registry import Registry
from tests.endpoints.server import Server, served
from tests.service.api.conftest import Finished

VERSIONS = 4


@pytest.fixture
def registered(tmp_path: Path) -> Iterator[Server]:
    """A server whose registry holds `triage` in some versions, without a label."""
    with served(tmp_path, {"WHET_PROTECTED_LABELS": ""}, jobs=0) as server:
        for number in range(VERSIONS):
            content = f"{number} {{{{message}}}}"
            prompt = Prompt(messages=(Message(role="user", content=content),), parameters={})
            Registry(server.home).register("triage", prompt, None)
        yield server


def put(server: Server, label: str, body: Any, name: str = "triage", **headers: str) -> httpx.Response:
    return server.client.put(f"/v1/prompts/{name}/labels/{label}", json=body, headers=headers)


def history(server: Server, label: str = "production") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.client.get(f"/v1/prompts/triage/labels/{label}/history").json()["items"]
    return items


def test_a_move_says_what_it_replaced(registered: Server) -> None:
    answers = [put(registered, "production", {"version": version}) for version in (1, 3, 2)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert [answer.json()["replaced"] for answer in answers] == [None, 1, 3]
    assert answers[-1].json() == {"name": "triage", "label": "production", "version": 2, "replaced": 3}
    assert registered.client.get("/v1/prompts/triage").json()["version"] == 2


def test_the_history_has_every_move_the_latest_first_with_who_and_why(registered: Server) -> None:
    key = Keys(registered.home).create("Ben, on call", [PROMOTE, "prompts:read"])
    registered.client.headers["Authorization"] = f"Bearer {key}"
    put(registered, "production", {"version": 1, "why": "the first"})
    put(registered, "production", {"version": 2})
    moves = history(registered)
    assert [(move["version"], move["replaced"], move["why"]) for move in moves] == [(2, 1, ""), (1, None, "the first")]
    assert {move["moved_by"] for move in moves} == {"Ben, on call"}
    assert moves[0]["created_at"] >= moves[1]["created_at"]


def test_a_move_to_where_it_is_changes_nothing(registered: Server) -> None:
    answers = [put(registered, "production", {"version": 1, "why": "again"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    answer = answers[-1]
    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert answer.json()["replaced"] == 1
    assert len(history(registered)) == 1


def test_labels_do_not_meet(registered: Server) -> None:
    put(registered, "production", {"version": 1})
    put(registered, "staging", {"version": 2})
    assert registered.client.get("/v1/prompts/triage").json()["version"] == 1
    assert registered.client.get("/v1/prompts/triage?label=staging").json()["version"] == 2
    assert [len(history(registered, label)) for label in ("production", "staging")] == [1, 1]


def test_a_promotion_is_in_the_history_of_its_label(finished: Finished) -> None:
    address = "/v1/prompts/support-triage/labels/production/history"
    last, first = finished.server.client.get(address).json()["items"]
    assert (first["version"], first["replaced"]) == (1, None)
    assert (last["version"], last["replaced"], last["why"]) == (2, 1, finished.result["why"])
    assert last["moved_by"] == finished.job["id"]


@pytest.mark.parametrize(("name", "version"), [("triage", VERSIONS + 1), ("traige", 1)])
def test_a_label_does_not_point_nowhere(registered: Server, name: str, version: int) -> None:
    put(registered, "production", {"version": 1})
    assert put(registered, "production", {"version": version}, name=name).status_code == 404
    assert registered.client.get("/v1/prompts/triage").json()["version"] == 1
    assert len(history(registered)) == 1


@pytest.mark.parametrize("label", ["Production", "7", "1.0", "a b", ".hidden", "-", "x" * 65, "%C3%A4", "a%0A"])
def test_a_label_is_a_plain_word(registered: Server, label: str) -> None:
    answer = put(registered, label, {"version": 1})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/path/label"


@pytest.mark.parametrize(
    "body",
    [
        *({"version": wrong} for wrong in ("1", 0, 1.0, True, 2**40, None)),
        {"version": 1, "why": "w" * 2001},
        {"version": 1, "by": "me"},
        {},
        [1],
        None,
    ],
)
def test_a_move_names_a_version(registered: Server, body: Any) -> None:
    assert put(registered, "production", body).status_code == 422


def test_a_label_that_was_never_set_has_no_history(registered: Server) -> None:
    assert registered.client.get("/v1/prompts/triage/labels/production/history").status_code == 404


def test_moves_at_the_same_time_follow_one_another(registered: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: put(registered, "production", {"version": 1 + n % VERSIONS, "why": str(n)}), range(32))
        )
    assert sorted({answer.status_code for answer in answers}) == [200, 201]
    moves = history(registered)[::-1]
    assert [move["replaced"] for move in moves] == [None, *(move["version"] for move in moves[:-1])]
    assert registered.client.get("/v1/prompts/triage").json()["version"] == moves[-1]["version"]
