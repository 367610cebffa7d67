"""Carrying out the jobs that were asked for over REST: one event loop in a thread of its own, so that a search that
computes does not keep requests waiting.

Jobs wait in the database. Any number of workers, in this process or others, take them; whoever runs a job holds its
lock, which a process that dies lets go, so that another worker can carry the job on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.errors import StorageError, WhetError
from benchmarks.ledger.protocol import Ledger
from benchmarks.ledger.sql import SqlLedger
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service import loop
from service.home import Home
from service.jobs import CANCELLING, FAILED, Job, Jobs
from service.optimize import Settings, run_job

POLL_S = 0.3
LONGEST_STOP_S = 15.0
KEPT_S = 0.6
"""How long a job that is cancelled waits for replies that are paid for."""
DEFECT = "A defect of whet stopped this job; the server's log has the details."

logger = logging.getLogger("whet.runner")


@dataclass(slots=True)
class Runner:
    """Runs at most `most` jobs of `home` at a time, from `start` to `stop`."""

    home: Home
    environment: Mapping[str, str]
    most: int = 2
    _thread: threading.Thread | None = field(default=None, repr=False)
    _stopping: threading.Event = field(default_factory=threading.Event, repr=False)

    def start(self) -> None:
        """Begins to take jobs."""
        self._thread = threading.Thread(target=lambda: loop.run(self.work()), name="runner", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Takes no more jobs, and puts those under way back into the queue: replies under way are kept first."""
        self.ask_to_stop()
        if self._thread is not None:
            self._thread.join(LONGEST_STOP_S)

    def ask_to_stop(self) -> None:
        """Lets `work` end soon."""
        self._stopping.set()

    @property
    def alive(self) -> bool:
        """Whether it takes jobs."""
        return self._thread is not None and self._thread.is_alive()

    async def work(self) -> None:
        """Takes and runs jobs until it is stopped."""
        running: dict[str, asyncio.Task[None]] = {}
        jobs, ledger = Jobs(self.home), SqlLedger(self.home.engine, self.home.now)
        try:
            while not self._stopping.is_set():
                # A database that is busy for once is no reason to stop.
                with contextlib.suppress(StorageError):
                    self._look_after(jobs, running)
                    self._take(jobs, ledger, running)
                await asyncio.sleep(POLL_S)
                running = {job_id: task for job_id, task in running.items() if not task.done()}
        finally:
            for task in running.values():
                _cancel(task)
            await asyncio.gather(*running.values(), return_exceptions=True)
            await ledger.close()

    def _take(self, jobs: Jobs, ledger: Ledger, running: dict[str, asyncio.Task[None]]) -> None:
        for job in jobs.waiting():
            if len(running) == self.most:
                break
            with contextlib.suppress(StorageError), contextlib.ExitStack() as holding:
                holding.enter_context(self.home.lock(job.lock))
                if jobs.take(job.id):
                    running[job.id] = asyncio.create_task(self._carry_out(job, ledger, holding.pop_all()))

    def _look_after(self, jobs: Jobs, running: dict[str, asyncio.Task[None]]) -> None:
        """Stops those of its own jobs that were cancelled, and puts jobs that nobody runs any more back into the
        queue."""
        for job in jobs.under_way():
            if job.id in running:
                if job.status == CANCELLING:
                    _cancel(running[job.id], within_s=KEPT_S)
                continue
            with contextlib.suppress(StorageError), self.home.lock(job.lock):
                jobs.release(job.id)

    async def _carry_out(self, job: Job, ledger: Ledger, holding: contextlib.ExitStack) -> None:
        """Runs `job` and lets go of its lock."""
        jobs = Jobs(self.home)
        with holding:
            try:
                task = await asyncio.to_thread(self.task, jobs.request(job.id) or {})
                await run_job(job, task, self.home, ledger, Settings(environment=self.environment))
            except asyncio.CancelledError:
                jobs.release(job.id)
            except WhetError as error:
                jobs.conclude(job.id, FAILED, error=str(error))
            except Exception:
                logger.exception("%s met a defect of whet", job.id)
                jobs.conclude(job.id, FAILED, error=DEFECT)

    @staticmethod
    def task(request: Mapping[str, object]) -> Task:
        """The task of a request; requests hold their rows."""
        return load_task(parse_task(dict(request)), Path(), allow_code=False)


def _cancel(task: asyncio.Task[None], within_s: float | None = None) -> None:
    """Cancels `task`, which then waits for the replies under way; a second time after `within_s` seconds, which makes
    it give them up."""
    if not task.cancelling():
        task.cancel()
        if within_s is not None:
            asyncio.get_running_loop().call_later(within_s, task.cancel)
