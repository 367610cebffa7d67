"""Somebody's own data: support tickets in a CSV of three columns, and an endpoint that knows a little about them."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.endpoints.faults import Fault
from tests.endpoints.keyword import KeywordModel
from tests.endpoints.local import LocalEndpoint, no_fault
from tests.endpoints.wire import Json, Reply

WORDS = {
    "billing": "invoice amount charged card receipt vat payment account",
    "orders": "parcel delivery tracking shipped courier late address warehouse",
    "refunds": "refund money return broken reimburse faulty voucher exchange",
}
FILLER = """
    agent again always answer autumn before colleague corner daughter evening friend garden happen kitchen letter
    minute morning neighbour office people promise question quickly remember shop sister something station street
    summer telephone tomorrow twice village website weekend window winter yesterday
"""
INSTRUCTION = "Which team should handle this message? Answer only with one of: billing, orders, refunds."

Row = dict[str, str]


def rows(count: int, seed: int = 0) -> list[Row]:
    """`count` different tickets {"message", "team", "channel"}."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        team = list(WORDS)[number % len(WORDS)]
        words = [*rng.sample(WORDS[team].split(), 4), *rng.sample(FILLER.split(), 3)]
        rng.shuffle(words)
        message = f"{words[0]} {number}: {' '.join(words[1:])}"
        found.append({"message": message, "team": team, "channel": rng.choice(["chat", "mail"])})
    return found


def write_csv(path: Path, table: Sequence[Row]) -> None:
    """Writes the rows with a header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def task(url: str, **fields: Any) -> dict[str, Any]:
    """The task file for `tickets.csv` and the endpoint at `url`, with `fields` in place of its own.

    Its `identity` makes it the same job at whatever port the endpoint is.
    """
    return {
        "name": "support-triage",
        "description": "Route a support message to the team that can solve it.",
        "inputs": ["message"],
        "output": "team",
        "data": {"path": "tickets.csv"},
        "metric": "accuracy",
        "prompt": {"instruction": INSTRUCTION},
        "model": {"name": "hosted_vllm/local", "api_base": url, "identity": "tickets", "max_concurrency": 16},
        "budget": {"calls": 160},
        **fields,
    }


def answer(messages: list[Json], body: Json) -> Reply:
    """The reply of a model that reads keywords."""
    return Reply(text=_MODEL.answer(messages))


_MODEL = KeywordModel(labels=list(WORDS))


def endpoint(fault: Callable[[int], Fault | None] = no_fault, **options: Any) -> LocalEndpoint:
    """An endpoint for these tickets that remembers every request."""
    return LocalEndpoint(answer, fault=fault, bodies_kept=100_000, **options)
