"""An endpoint that signals its client in the middle of a job."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end import tickets
from tests.end_to_end.command import Finished, Running, Workplace
from tests.endpoints.faults import Fault
from tests.endpoints.local import Answer, LocalEndpoint

DELAY_S = 0.004
"""Before every answer by default, so that a signal finds requests under way."""

Moment = Callable[[dict[str, int]], int]
"""Calls by phase -> the number of a request."""


def in_phase(phase: str, share: float) -> Moment:
    """The request at `share`, in [0, 1], of a phase."""

    def number(by_phase: dict[str, int]) -> int:
        before = list(by_phase)[: list(by_phase).index(phase)]
        return sum(by_phase[name] for name in before) + max(1, int(share * by_phase[phase]))

    return number


@dataclass(slots=True, kw_only=True)
class Interrupted:
    """A workplace whose endpoint sends `signal` to the command under way `after_s` after it has seen its `at`-th
    request; 0 is the command's start. A command that has ended by then is left alone."""

    workplace: Workplace
    signal: int
    at: int
    after_s: float = 0.0
    delay_s: float = DELAY_S
    endpoint: LocalEndpoint = field(init=False)
    client: Running | None = None

    def strike(self, request_number: int) -> Fault:
        """What the endpoint does at every request."""
        client = self.client
        if request_number == self.at and client is not None:
            if self.after_s:
                asyncio.get_running_loop().call_later(self.after_s, self._send, client)
            else:
                self._send(client)
        return Fault(delay_s=self.delay_s)

    def _send(self, client: Running) -> None:
        if client is self.client:
            with suppress(ProcessLookupError):
                client.signal(self.signal)

    def run(self, *arguments: str) -> Finished:
        """Runs the command into the signal."""
        self.client = self.workplace.start("optimize", "task.yaml", *arguments)
        if self.at == 0:
            time.sleep(self.after_s)
            self._send(self.client)
        finished = self.client.finished()
        self.client = None
        return finished

    def kept(self) -> int:
        """How many replies the ledger holds."""
        with sqlite3.connect(self.workplace.home / "whet.sqlite") as database:
            return int(database.execute("SELECT count(*) FROM ledger").fetchone()[0])


@contextmanager
def interrupted(
    workplace: Workplace, task: dict[str, Any], signal: int, at: int, answer: Answer = tickets.answer
) -> Iterator[Interrupted]:
    """`task` in `workplace`, with an endpoint of its own."""
    job = Interrupted(workplace=workplace, signal=signal, at=at)
    with LocalEndpoint(answer, fault=job.strike, bodies_kept=100_000).in_thread() as job.endpoint:
        workplace.write_task({**task, "model": {**task["model"], "api_base": job.endpoint.url}})
        yield job


def untimed(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what a clock says, or the endpoint's cache."""
    chance = dict.fromkeys(("seconds", "cached_tokens", "cached_share"))
    front = [{**member, "latency_s": None} for member in result["front"]]
    return {**result, "front": front, "spent": {**result["spent"], **chance}}
