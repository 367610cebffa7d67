"""What is asked of a server in these tests: to optimize the routing of support tickets."""

from __future__ import annotations

from typing import Any

from tests.end_to_end import tickets
from tests.endpoints.wire import Json

ENDPOINT = {"endpoint": "local"}


def task(count: int = 90, **fields: Any) -> Json:
    """The task, with `count` rows in it and `fields` in place of its own."""
    return {
        "name": "support-triage",
        "inputs": ["message"],
        "output": "team",
        "data": {"rows": tickets.rows(count)},
        "metric": "accuracy",
        "prompt": {"instruction": tickets.INSTRUCTION},
        "model": ENDPOINT,
        "budget": {"calls": 160},
        **fields,
    }


def body(count: int = 90, **fields: Any) -> Json:
    """The body of a request for it."""
    return {"task": task(count, **fields)}


def small(**fields: Any) -> Json:
    """The body of a request that is done soon."""
    return body(**{"count": 48, "budget": {"calls": 60}, "search": {"delimiters": ["plain"]}, **fields})
