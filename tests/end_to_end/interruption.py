"""An endpoint that signals its client in the middle of a job."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.end_to_end import tickets
from tests.end_to_end.command import Finished, Running, Workplace
from tests.endpoints.faults import Fault
from tests.endpoints.local import LocalEndpoint

DELAY_S = 0.004
"""Before every answer, so that a signal finds requests under way."""

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
    """A workplace whose endpoint sends `signal` to the command under way when it sees its `at`-th request."""

    workplace: Workplace
    signal: int
    at: int
    endpoint: LocalEndpoint = field(init=False)
    client: Running | None = None

    def strike(self, request_number: int) -> Fault:
        """What the endpoint does at every request."""
        if request_number == self.at and self.client is not None:
            self.client.signal(self.signal)
        return Fault(delay_s=DELAY_S)

    def run(self, *arguments: str) -> Finished:
        """Runs the command into the signal."""
        self.client = self.workplace.start("optimize", "task.yaml", *arguments)
        finished = self.client.finished()
        self.client = None
        return finished

    def kept(self) -> int:
        """How many replies the ledger holds."""
        with sqlite3.connect(self.workplace.home / "whet.sqlite") as database:
            return int(database.execute("SELECT count(*) FROM ledger").fetchone()[0])


@contextmanager
def interrupted(workplace: Workplace, task: dict[str, Any], signal: int, at: int) -> Iterator[Interrupted]:
    """`task` in `workplace`, with an endpoint of its own."""
    job = Interrupted(workplace=workplace, signal=signal, at=at)
    with tickets.endpoint(job.strike).in_thread() as job.endpoint:
        workplace.write_task({**task, "model": {**task["model"], "api_base": job.endpoint.url}})
        yield job


def untimed(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what a clock says."""
    return {**result, "spent": {**result["spent"], "seconds": None}}
