"""The queue of workers that may be many, on DBOS Transact: it queues, and it wakes a worker that has room.

A job that waits gets a ticket: a workflow of DBOS whose one argument is the job's id. The worker that draws the ticket
runs the job until it ends or is handed back. Whether it may have the job at all, its row in `jobs` decides; so a ticket
too many does no harm, one that was lost is made anew, and what DBOS keeps can be deleted at any time. Nobody looks
after tickets: that of a dead worker stays where it is, and its job gets another one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.database import BUSY_TIMEOUT_S
from benchmarks.ledger.server import CONNECT_TIMEOUT_S, in_one_line
from service.home import Home
from service.jobs import Job
from service.processes import gone, this_process

if TYPE_CHECKING:
    from service.runner import Attend

FILE = "queue.sqlite"
SCHEMA = "whet_queue"
LAYOUT = "1"
"""Tickets are drawn by workers of the same layout; it grows when what a ticket says changes. DBOS's own choice, a
digest of the source, would leave the tickets of every other build where they are."""
POLL_S = 0.25
LOST_S = 3.0
"""A ticket that was not drawn for so long, though there was room, counts as lost."""
FORGOTTEN_S = 3600.0
KEPT = timedelta(days=1)
"""What was drawn is forgotten after so long."""


@dataclass(slots=True)
class Durable:
    """The queue of the workers of `home`, for this process; DBOS allows one in each."""

    home: Home
    clock: Callable[[], float] = time.monotonic
    _start: Callable[[], None] = field(default=lambda: None, repr=False)
    _enqueue: Callable[[str, str], object] | None = field(default=None, repr=False)
    _close: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)
    _offered: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)

    def start(self, attend: Attend, most: int) -> None:
        """Begins to draw tickets, and holds at most `most` at a time. Raises StorageError if DBOS cannot use its
        database."""
        # It takes half a second to import.
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer  # noqa: PLC0415

        engine, serializer = _engine(self.home), DBOSPortableJSONSerializer()
        self._start = lambda: self.start(attend, most)
        self.stop()
        self._close.callback(engine.dispose)
        with self._explained():
            DBOS(
                config={
                    "name": "whet",
                    "system_database_engine": engine,
                    "dbos_system_schema": SCHEMA,
                    "application_version": LAYOUT,
                    "executor_id": this_process(),
                    "serializer": serializer,
                    "use_listen_notify": False,
                    "enable_otlp": False,
                    "log_level": "CRITICAL",
                }
            )
            self._close.callback(DBOS.destroy, destroy_registry=True)

            @DBOS.workflow(name="carry_on")
            def carry_on(job_id: str) -> None:
                attend(job_id)

            # A queue's limits are kept in the database, where all workers share them: so one for each size of worker.
            queue = f"jobs-{most}"
            DBOS.listen_queues([queue])
            DBOS.launch()
            DBOS.register_queue(
                queue, worker_concurrency=most, polling_interval_sec=POLL_S, on_conflict="always_update"
            )
            self._forget(DBOS)

            # DBOS itself would wait until a database comes back, and keep its caller waiting.
            client = DBOSClient(
                system_database_engine=engine,
                dbos_system_schema=SCHEMA,
                serializer=serializer,
                application_name="whet",
                retry_connection_errors=False,
            )
        self._close.callback(client.destroy)

        def enqueue(ticket: str, job_id: str) -> None:
            client.enqueue(
                {"workflow_name": "carry_on", "queue_name": queue, "workflow_id": ticket, "app_version": LAYOUT},
                job_id,
            )

        self._enqueue = enqueue

    def offer(self, jobs: Sequence[Job]) -> None:
        """Makes tickets for these jobs. All workers call the first ticket for a take of a job by the same name, so that
        there is one, and the next, should that be lost, by the next name. Raises StorageError if it cannot."""
        if self._enqueue is None:
            self._start()
        now = self.clock()
        self._offered = {take: (number, at) for take, (number, at) in self._offered.items() if now - at < FORGOTTEN_S}
        for job in jobs:
            number, at = self._offered.get((job.id, job.fence), (0, now - LOST_S))
            if self._enqueue is None or now - at < LOST_S:
                continue
            try:
                with self._explained():
                    self._enqueue(f"{job.id}.{job.fence}.{number + 1}", job.id)
            except StorageError:
                # Perhaps somebody has deleted what DBOS keeps. It is made anew before the next offer.
                self.stop()
                raise
            self._offered[job.id, job.fence] = number + 1, now

    def stop(self) -> None:
        """Draws no more tickets."""
        self._offered.clear()
        self._enqueue = None
        self._close.close()

    def _forget(self, dbos: Any) -> None:
        """Deletes old tickets: those that were drawn, and those whose worker died."""
        before = (self.home.now() - KEPT).isoformat()
        drawn = dbos.list_workflows(status=["SUCCESS", "ERROR", "CANCELLED"], end_time=before, load_input=False)
        held = dbos.list_workflows(status="PENDING", end_time=before, load_input=False)
        old = [*drawn, *(ticket for ticket in held if gone(ticket.executor_id))]
        dbos.delete_workflows([ticket.workflow_id for ticket in old])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DatabaseError as error:
            place = f"The schema {SCHEMA} of {self.home.database}" if self.home.on_server else self.home.folder / FILE
            raise StorageError(
                f"{place}, where jobs are queued, cannot be used: {in_one_line(error)}. It may be deleted while no "
                "worker runs: it is made anew from the jobs themselves."
            ) from error


def _engine(home: Home) -> sa.Engine:
    """A database for DBOS: a file beside whet's own, or the server's. What it keeps can be lost, so that it need not
    wait for the disk."""
    if home.on_server:
        options = "-c idle_in_transaction_session_timeout=10s"
        arguments: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "options": options}
        return sa.create_engine(home.engine.url, connect_args=arguments, pool_pre_ping=True)
    arguments = {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "isolation_level": "IMMEDIATE"}
    engine = sa.create_engine(f"sqlite:///{home.folder / FILE}", connect_args=arguments)

    def configure(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "connect", configure)
    return engine
