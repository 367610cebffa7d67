"""What is served renders to the messages that were scored, whoever renders it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jinja2
import pytest

from benchmarks.digests import canonical
from tests.end_to_end import tickets
from tests.endpoints.wire import Json
from tests.service.api.conftest import Finished

NASTY = '{{message}} {% raw %} {{"{{"}} </s>\r\n\\ \u2028 \'ä" {{7*7}}'


def render(finished: Finished, **body: Any) -> httpx.Response:
    return finished.server.client.post("/v1/prompts/support-triage/render", json=body)


def asked_in_the_proof(finished: Finished) -> set[bytes]:
    count = finished.job["spent"]["by_phase"]["proof"]
    return {canonical(asked["messages"]) for asked in list(finished.endpoint.bodies)[-count:]}


def test_rendered_rows_are_the_bytes_that_the_proof_scored(finished: Finished) -> None:
    asked = asked_in_the_proof(finished)
    rendered = set()
    for row in tickets.rows(90):
        answer = render(finished, variables={"message": row["message"]})
        assert answer.status_code == 200
        assert answer.json()["digest"] == finished.result["winner"]["digest"]
        assert answer.json()["config"] == finished.result["winner"]["parameters"]
        rendered.add(canonical(answer.json()["messages"]))
    assert len(rendered & asked) == finished.result["evidence"]["n"]


@pytest.mark.parametrize(
    ("which", "version"), [({}, 2), ({"label": "production"}, 2), ({"version": 1}, 1), ({"version": 2}, 2)]
)
def test_a_label_or_a_version_is_rendered(finished: Finished, which: Json, version: int) -> None:
    assert render(finished, variables={"message": "x"}, **which).json()["version"] == version


def test_a_value_is_inserted_once_as_it_is(finished: Finished) -> None:
    [*_, last] = render(finished, variables={"message": NASTY}, version=1).json()["messages"]
    assert NASTY in last["content"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"variables": {}}, 422, "missing message"),
        ({"variables": {"message": "a", "team": "b"}}, 422, "unknown team"),
        ({"variables": {"mesage": "a"}}, 422, "missing message; unknown mesage"),
        ({"variables": {"message": 7}}, 422, "string"),
        ({"variables": {"message": None}}, 422, "string"),
        ({}, 422, "required"),
        ({"variables": {"message": "a"}, "label": "production", "version": 1}, 422, "not both"),
        ({"variables": {"message": "a"}, "label": "staging"}, 404, "its labels: production"),
        ({"variables": {"message": "a"}, "version": 9}, 404, "its versions: 1 to 2"),
        ({"variables": {"message": "a"}, "lable": "production"}, 422, "Did you mean 'label'?"),
    ],
)
def test_what_does_not_fit_is_named(finished: Finished, body: Json, status: int, said: str) -> None:
    answer = render(finished, **body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert said in answer.json()["detail"]


def exported(finished: Finished, form: str, version: int) -> httpx.Response:
    answer = finished.server.client.get(f"/v1/prompts/support-triage/versions/{version}?format={form}")
    assert answer.status_code == 200
    return answer


@pytest.mark.parametrize("version", [1, 2])
def test_openai_is_the_body_of_a_request(finished: Finished, version: int) -> None:
    arm = finished.result[{1: "baseline", 2: "winner"}[version]]
    assert exported(finished, "openai", version).json() == {"messages": arm["messages"], **arm["parameters"]}


@pytest.mark.parametrize("version", [1, 2])
def test_jinja_renders_to_the_same_messages(finished: Finished, version: int) -> None:
    templates = exported(finished, "jinja", version).json()
    for value in ("Where is my parcel?", NASTY):
        rendered = [
            {"role": m["role"], "content": jinja2.Environment().from_string(m["content"]).render(message=value)}
            for m in templates["messages"]
        ]
        assert rendered == render(finished, variables={"message": value}, version=version).json()["messages"]


def test_text_is_for_people(finished: Finished) -> None:
    answer = exported(finished, "text", 2)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    for message in finished.result["winner"]["messages"]:
        assert f"[{message['role']}]\n{message['content']}" in answer.text


@pytest.mark.parametrize("form", ["jsn", "OPENAI", "", "messages"])
def test_an_unknown_format_is_refused_with_those_there_are(finished: Finished, form: str) -> None:
    answer = finished.server.client.get(f"/v1/prompts/support-triage?format={form}")
    assert answer.status_code == 422
    assert "openai" in json.dumps(answer.json())
