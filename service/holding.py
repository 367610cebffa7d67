"""The right to write for a job. One process has it at a time, and loses it for good once another has taken it over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

import sqlalchemy as sa

from benchmarks.errors import StorageError
from service.home import Home
from service.tables import jobs

BEAT_S = 2.0
"""Whoever holds a job says so this often."""


logger = logging.getLogger("whet.runner")


class Fenced(StorageError):
    """Another process has taken the job over: this one may write nothing more for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Home):
    """The home as the process `owner` may use it for one `job`, which it was the `fence`-th to take.

    Whatever is written for the job is written here: `writing` looks, in the very transaction, whether the hold still
    stands. So a process that was frozen, and wakes up when another has its job, changes nothing. Reading is free.
    """

    job: str
    owner: str
    fence: int

    @staticmethod
    def of(home: Home, *, job: str, owner: str, fence: int) -> Hold:
        """The hold on a job in `home`."""
        return Hold(**{part.name: getattr(home, part.name) for part in fields(Home)}, job=job, owner=owner, fence=fence)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction as of any home. Raises Fenced if the hold stands no more."""
        with Home.writing(self) as connection:
            held = sa.select(jobs.c.id).where(*self._held())
            if connection.scalar(held) is None:
                raise Fenced(f"{self.job} was handed on to another process, which carries it on; this one has stopped.")
            yield connection

    def beat(self) -> str:
        """Says that the job's owner lives, and returns the job's status. Raises Fenced."""
        with self.writing() as connection:
            connection.execute(sa.update(jobs).where(*self._held()).values(heartbeat_at=self.timestamp()))
            return str(connection.scalar(sa.select(jobs.c.status).where(jobs.c.id == self.job)))

    def _held(self) -> tuple[sa.ColumnElement[bool], ...]:
        return jobs.c.id == self.job, jobs.c.owner == self.owner, jobs.c.fence == self.fence


@contextmanager
def beating(hold: Hold, on_lost: Callable[[], None], *, unwanted: str = "") -> Iterator[None]:
    """Within, the hold says every 2 s that its owner lives, from a thread of its own, so that no computation of the
    event loop keeps it from doing so. `on_lost` is called in that thread, once, if the hold stands no more, or if the
    job's status is `unwanted`."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_S):
            try:
                if hold.beat() != unwanted:
                    continue
            except Fenced:
                pass
            except StorageError:
                continue  # A database that is busy for once takes the next beat.
            except Exception:
                logger.exception("A beat of %s met a defect of whet", hold.job)
                continue
            if not ended.is_set():
                on_lost()
            return

    thread = threading.Thread(target=beat, name=f"heart-{hold.job}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(BEAT_S)
