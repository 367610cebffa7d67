"""No text in a body may be arbitrarily long; what is too long is pointed at, with its row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.api.bodies import MOST_FIELD_BYTES
from tests.end_to_end import tickets
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests

LONG = "x" * (MOST_FIELD_BYTES + 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("home"), endpoints("http://127.0.0.1:9/v1"), jobs=0) as serving:
        yield serving


def post(server: Server, body: Any, path: str = "/v1/optimizations?dry_run=true") -> httpx.Response:
    return server.client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})


def with_row(number: int, **fields: Any) -> Json:
    rows: list[Json] = [dict(row) for row in tickets.rows(48)]
    rows[number] |= fields
    return requests.small(data={"rows": rows})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (with_row(17, message=LONG), "#/task/data/rows/17/message"),
        (with_row(17, message="ä" * (MOST_FIELD_BYTES // 2 + 1)), "#/task/data/rows/17/message"),
        (with_row(17, unused=LONG), "#/task/data/rows/17/unused"),
        (with_row(17, message={"a": ["", LONG]}), "#/task/data/rows/17/message/a/1"),
        (with_row(17, **{LONG: "x"}), "#/task/data/rows/17"),
        (with_row(17, **{"\ud800": "x"}), "#/task/data/rows/17"),
        (requests.small(description=LONG), "#/task/description"),
        (requests.small(prompt={"instruction": LONG}), "#/task/prompt/instruction"),
        (requests.small(candidates={"instructions": ["a", LONG]}), "#/task/candidates/instructions/1"),
        ({**requests.small(), LONG: 1}, "#"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_text_that_is_too_long_is_pointed_at(server: Server, body: Json, pointer: str) -> None:
    answer = post(server, body)
    assert answer.status_code == 422
    [place] = answer.json()["errors"]
    assert place["pointer"] == pointer
    assert "a field may have 1,048,576" in place["detail"] or "half a character" in place["detail"]
    assert len(answer.content) < 2000, "what is too long is not sent back"


def test_every_text_that_is_too_long_is_said(server: Server) -> None:
    body = with_row(3, message=LONG)
    body["task"]["data"]["rows"][5]["team"] = LONG
    places = {place["pointer"] for place in post(server, body).json()["errors"]}
    assert places == {"#/task/data/rows/3/message", "#/task/data/rows/5/team"}


def test_values_to_render_are_bounded_too(server: Server) -> None:
    answer = post(server, {"variables": {"message": LONG}}, "/v1/prompts/triage/render")
    assert answer.json()["errors"][0]["pointer"] == "#/variables/message"


@pytest.mark.parametrize("text", ["x" * MOST_FIELD_BYTES, "ä" * (MOST_FIELD_BYTES // 2)])
def test_the_longest_text_passes(server: Server, text: str) -> None:
    answer = post(server, {"variables": {"message": text}}, "/v1/prompts/triage/render")
    assert answer.status_code == 404, "there is no such prompt, which is another matter"
