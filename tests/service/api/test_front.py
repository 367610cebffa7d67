"""Prompts of the front, over REST."""

from __future__ import annotations

import json

import jinja2
import pytest

from tests.endpoints.server import Server
from tests.service.found import MEMBERS, conclude, found


@pytest.fixture
def job_id(server: Server) -> str:
    return conclude(server.home, found())


def test_a_prompt_of_the_front_comes_with_what_is_known_of_it(server: Server, job_id: str) -> None:
    for number in (1, 2, 3):
        answer = server.client.get(f"/v1/optimizations/{job_id}/front/{number}")
        assert (answer.status_code, answer.json()) == (200, found()["front"][number - 1])


def test_it_is_exported_as_registered_prompts_are(server: Server, job_id: str) -> None:
    address = f"/v1/optimizations/{job_id}/front/2?format="
    prompt = MEMBERS[1].candidate.prompt
    messages = prompt.to_json()["messages"]
    assert server.client.get(address + "openai").json() == {"messages": messages, "temperature": 0}
    assert server.client.get(address + "text").text == f"[user]\n{prompt.messages[0].content}"
    [template] = server.client.get(address + "jinja").json()["messages"]
    rendered = jinja2.Environment().from_string(template["content"]).render(text="a row")
    assert rendered == prompt.render({"text": "a row"})[0].content


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("front/4", 404, "its front has the prompts 1 to 3"),
        ("front/0", 422, "greater than or equal to 1"),
        ("front/two", 422, "integer"),
        ("front/2?format=yaml", 422, "openai"),
    ],
)
def test_what_is_not_there_is_told(server: Server, job_id: str, path: str, status: int, said: str) -> None:
    answer = server.client.get(f"/v1/optimizations/{job_id}/{path}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert said in json.dumps(answer.json())
    assert server.client.get("/v1/optimizations/opt-none/front/1").status_code == 404
