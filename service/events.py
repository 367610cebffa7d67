"""What happens in a job, written down as it happens: for the stream of events, the pages, and whoever asks later."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import sqlalchemy as sa

from benchmarks.digests import canonical
from benchmarks.errors import StorageError
from optimizers.progress import Advanced, Event, Leading, Notice, PhaseStarted, Tried
from service.home import Home
from service.result import interval_json
from service.tables import events, jobs
from service.trials import TRIAL, trial_json

FLUSH_S = 0.5
PHASE, BEST, LOG, DONE = "phase", "best", "log", "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One event of a job: its number in the job, from 1, its kind, and JSON values."""

    sequence: int
    kind: str
    data: Mapping[str, Any]


@dataclass(slots=True)
class EventLog:
    """Observes one run of a job; `flush` writes what came since the last one, with the job's progress, in one
    transaction. What an earlier run of the job told, and this one tells again on its way to where that ended, is not
    written twice."""

    home: Home
    job_id: str
    calls_planned: int = 0
    """The calls that the whole job may make; 0 leaves its progress as it is."""
    _new: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _progress: dict[str, Any] = field(default_factory=dict)
    _best: dict[str, Any] | None = None
    _changed: bool = False
    _told: Counter[bytes] = field(default_factory=Counter, repr=False)
    _flushing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self._progress |= {"phase": None, "calls_done": 0, "calls_planned": self.calls_planned}
        self._told.update(_content(event.kind, event.data) for event in events_after(self.home, self.job_id, 0))

    def __call__(self, event: Event) -> None:
        """Takes note of `event`."""
        self._changed = True
        match event:
            case PhaseStarted():
                self._progress["phase"] = event.phase
                self._tell(PHASE, {"phase": event.phase, "calls_planned": event.calls_planned})
            case Advanced():
                self._progress |= {
                    "calls_done": event.calls_done,
                    "calls_planned": event.calls_planned,
                    "rate_per_s": _rounded(event.rate_per_s),
                    "eta_s": _rounded(event.eta_s),
                    "seconds": round(event.elapsed_s, 1),
                    "concurrency": event.concurrency,
                    "missing": event.missing,
                    "format_failures": event.format_failures,
                    "cached_tokens": event.spent.cached_tokens,
                    "caps": asdict(event.caps),
                    "spent": {
                        "calls": event.spent.calls,
                        "ledger_hits": event.spent.ledger_hits,
                        "prompt_tokens": event.spent.prompt_tokens,
                        "completion_tokens": event.spent.completion_tokens,
                        "cached_tokens": event.spent.cached_tokens,
                        "usd": event.spent.cost_usd,
                    },
                }
            case Leading():
                best = {
                    "score": event.score.mean,
                    "low": event.score.low,
                    "high": event.score.high,
                    "rows": event.score.n,
                    "prompt": event.factors,
                    "candidates_alive": event.candidates_alive,
                    "calls_done": self._progress["calls_done"],
                }
                self._progress["best"] = best
                self._tell(BEST, best)
                if event.prompt is not None:
                    seen = {"split": "validation", "score": interval_json(event.score)}
                    self._best = {"prompt": event.prompt.to_json(), **seen, "n": event.score.n, "proven": False}
            case Tried():
                self._tell(TRIAL, trial_json(event))
            case Notice():
                self._tell(LOG, {"message": event.message})

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        content = _content(kind, data)
        if self._told[content]:
            self._told[content] -= 1
            return
        if kind != LOG:  # Further than any run before: what is told from now on is new, also if it was told before.
            self._told.clear()
        self._new.append((kind, data))

    def flush(self) -> None:
        """Writes what is new."""
        # One at a time, or events would change places.
        with self._flushing:
            if not self._changed:
                return
            new, self._new, self._changed = self._new, [], False
            try:
                self._write(new)
            except StorageError:
                self._new, self._changed = [*new, *self._new], True
                raise

    def _write(self, new: Sequence[tuple[str, dict[str, Any]]]) -> None:
        with self.home.writing() as connection:
            append(connection, self.job_id, new, self.home.timestamp())
            if self.calls_planned:
                new_values = {"progress": dict(self._progress), "updated_at": self.home.timestamp()}
                if self._best is not None:
                    new_values["best"] = self._best
                connection.execute(sa.update(jobs).where(jobs.c.id == self.job_id).values(new_values))

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Flushes from time to time, off the event loop, and once more at the end."""

        async def again() -> None:
            while True:
                await asyncio.sleep(FLUSH_S)
                # A database that is busy for once is no reason to stop: what was not written is written later.
                with contextlib.suppress(StorageError):
                    await asyncio.to_thread(self.flush)

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self.flush()


def _content(kind: str, data: Mapping[str, Any]) -> bytes:
    """What tells one event from another; how many calls had been counted when it came differs from run to run."""
    return canonical([kind, {name: value for name, value in data.items() if name != "calls_done"}])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def append(
    connection: sa.Connection, job_id: str, new: Sequence[tuple[str, Mapping[str, Any]]], created_at: str
) -> None:
    """Writes events (kind, data) after those that the job has."""
    last = connection.scalar(
        sa.select(sa.func.coalesce(sa.func.max(events.c.sequence), 0)).where(events.c.job == job_id)
    )
    for number, (kind, data) in enumerate(new, int(last or 0) + 1):
        connection.execute(
            events.insert().values(job=job_id, sequence=number, kind=kind, data=dict(data), created_at=created_at)
        )


def events_after(home: Home, job_id: str, sequence: int) -> list[Recorded]:
    """The events of a job after number `sequence`, in order."""
    with home.reading() as connection:
        rows = connection.execute(
            sa.select(events.c.sequence, events.c.kind, events.c.data)
            .where(events.c.job == job_id, events.c.sequence > sequence)
            .order_by(events.c.sequence)
        )
        return [Recorded(sequence=row.sequence, kind=row.kind, data=row.data) for row in rows]
