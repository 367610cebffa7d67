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
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service.home import Home
from service.jobs import CANCELLING, FAILED, Job, Jobs
from service.optimize import Settings, run_job

POLL_S = 0.3
LONGEST_STOP_S = 15.0
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
        self._thread = threading.Thread(target=lambda: asyncio.run(self.work()), name="runner", daemon=True)
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
        jobs = Jobs(self.home)
        try:
            while not self._stopping.is_set():
                # A database that is busy for once is no reason to stop.
                with contextlib.suppress(StorageError):
                    self._look_after(jobs, running)
                    self._take(jobs, running)
                await asyncio.sleep(POLL_S)
                running = {job_id: task for job_id, task in running.items() if not task.done()}
        finally:
            for task in running.values():
                _cancel(task)
            await asyncio.gather(*running.values(), return_exceptions=True)

    def _take(self, jobs: Jobs, running: dict[str, asyncio.Task[None]]) -> None:
        for job in jobs.waiting():
            if len(running) == self.most:
                break
            with contextlib.suppress(StorageError), contextlib.ExitStack() as holding:
                holding.enter_context(self.home.lock(job.lock))
                if jobs.take(job.id):
                    running[job.id] = asyncio.create_task(self._carry_out(job, holding.pop_all()))

    def _look_after(self, jobs: Jobs, running: dict[str, asyncio.Task[None]]) -> None:
        """Stops those of its own jobs that were cancelled, and puts jobs that nobody runs any more back into the
        queue."""
        for job in jobs.under_way():
            if job.id in running:
                if job.status == CANCELLING:
                    _cancel(running[job.id])
                continue
            with contextlib.suppress(StorageError), self.home.lock(job.lock):
                jobs.release(job.id)

    async def _carry_out(self, job: Job, holding: contextlib.ExitStack) -> None:
        """Runs `job` and lets go of its lock."""
        jobs = Jobs(self.home)
        with holding:
            try:
                task = await asyncio.to_thread(self.task, jobs.request(job.id) or {})
                await run_job(job, task, self.home, Settings(environment=self.environment))
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


def _cancel(task: asyncio.Task[None]) -> None:
    """Cancels `task` once: a second time would interrupt it while it keeps the replies under way."""
    if not task.cancelling():
        task.cancel()
