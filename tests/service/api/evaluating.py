"""What is asked of a server in these tests: to score prompts that route support tickets."""

from __future__ import annotations

import time
from typing import Any

from tests.end_to_end import tickets
from tests.endpoints.server import ENDED, LONGEST_S, Server
from tests.endpoints.wire import Json
from tests.service.api import requests

PATH = "/v1/evaluations"
DEMONSTRATIONS = "\n\n".join(f"Message: {words}\nTeam: {team}" for team, words in tickets.WORDS.items())
INFORMED: Json = {
    "messages": [
        {"role": "system", "content": f"{tickets.INSTRUCTION}\n\n{DEMONSTRATIONS}"},
        {"role": "user", "content": "{{message}}"},
    ]
}
"""A prompt that says by which words a ticket is known, so that it scores higher than the task's own."""


def asking(count: int = 48, **fields: Any) -> Json:
    """The body of a request, with `fields` beside its task of `count` rows."""
    return {"task": requests.task(count, slices=["channel"]), **fields}


def post(server: Server, body: Json) -> Json:
    """What is answered to `body`."""
    answer = server.client.post(PATH, json=body)
    assert answer.status_code == 202, answer.text
    found: Json = answer.json()
    return found


def get(server: Server, job_id: str) -> Json:
    """Where an evaluation stands."""
    found: Json = server.client.get(f"{PATH}/{job_id}").json()
    return found


def ended(server: Server, job_id: str) -> Json:
    """An evaluation, once it has ended."""
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        found: Json = server.client.get(f"{PATH}/{job_id}", headers={"Prefer": "wait=10"}).json()
        if found["status"] in ENDED:
            return found
    raise AssertionError(f"{job_id} has not ended within {LONGEST_S} s")


def evaluate(server: Server, **fields: Any) -> Json:
    """What a request comes to, which must be a success."""
    found = ended(server, post(server, asking(**fields))["id"])
    assert found["status"] == "succeeded", found["error"]
    return found


def items(server: Server, job_id: str, limit: int = 200) -> list[Json]:
    """All rows of an evaluation, page by page."""
    found, address = [], f"{PATH}/{job_id}/items?limit={limit}"
    while address:
        answer = server.client.get(address)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        address = answer.links.get("next", {}).get("url", "")
    return found
