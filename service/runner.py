"""Carrying out the jobs that were asked for over REST: one event loop in a thread of its own, so that a search that
computes does not keep requests waiting.

Jobs wait in the database. Any number of workers, in this process or others, look for jobs that they have room for and
have a queue call them back for each. Which job really goes next, and who holds it, is decided by its row alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.datasets.versions import Find
from benchmarks.errors import StorageError, WhetError
from benchmarks.ledger.protocol import Ledger
from benchmarks.ledger.sql import SqlLedger
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service import evaluations, loop, telemetry
from service.datasets import Datasets
from service.endpoints import job_limits
from service.holding import Fenced, Hold, beating
from service.home import Home
from service.jobs import CANCELLING, EVALUATION, FAILED, NIGHT, OPTIMIZATION, Job, Jobs
from service.optimize import Settings, run_job
from service.processes import this_process
from service.rerun import run_night
from service.watching import Watch

POLL_S = 0.3
LONGEST_STOP_S = 15.0
KEPT_S = 0.6
"""How long a job that is cancelled waits for replies that are paid for."""
DEFECT = "A defect of whet stopped this job; the server's log has the details."

Attend = Callable[[str], None]
"""Takes the job of that id, if it still waits, and runs it to its end. To be called in a thread that may wait."""

logger = logging.getLogger("whet.runner")


class Queue(Protocol):
    """Who calls workers back. It may call late, twice, or for jobs that are long over; a job that it forgets is offered
    to it again."""

    def start(self, attend: Attend, most: int) -> None:
        """From now on this process attends to at most `most` jobs at a time."""
        ...

    def offer(self, jobs: Sequence[Job]) -> None:
        """These jobs wait, and this process has room for them; the most urgent comes first."""
        ...

    def stop(self) -> None:
        """This process attends to no more jobs."""
        ...


@dataclass(slots=True)
class AtOnce:
    """The queue of a process that shares it with nobody: whatever is offered is attended to at once."""

    _attend: Attend | None = None

    def start(self, attend: Attend, most: int) -> None:
        """Remembers whom to call."""
        self._attend = attend

    def offer(self, jobs: Sequence[Job]) -> None:
        """Calls for each job, in a thread of its own."""
        if self._attend is not None:
            for job in jobs:
                threading.Thread(target=self._attend, args=(job.id,), name=f"attend-{job.id}", daemon=True).start()

    def stop(self) -> None:
        """There is nothing to stop."""


@dataclass(slots=True)
class Runner:
    """Runs at most `most` jobs of `home` at a time, from `start` to `stop`."""

    home: Home
    environment: Mapping[str, str]
    most: int = 2
    queue: Queue = field(default_factory=AtOnce)
    _thread: threading.Thread | None = field(default=None, repr=False)
    _stopping: threading.Event = field(default_factory=threading.Event, repr=False)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict, repr=False)
    _limits: Mapping[str, int] = field(default_factory=dict, repr=False)

    def start(self) -> None:
        """Begins to take jobs."""
        self._thread = threading.Thread(target=self._run, name="runner", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            loop.run(self.work())
        except WhetError as error:
            logger.error("No jobs are run. %s", error)

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
        """Takes and runs jobs until it is stopped. Raises StorageError if the queue cannot be used, and EndpointsError
        if the operator's endpoints are not configured as they must be."""
        self._limits = job_limits(self.home.folder, self.environment)
        running, ledger, watch = asyncio.get_running_loop(), SqlLedger(self.home.engine, self.home.now), Watch()

        def attend(job_id: str) -> None:
            attending = asyncio.run_coroutine_threadsafe(self._attend(job_id, ledger), running)
            with contextlib.suppress(CancelledError):
                attending.result()

        await asyncio.to_thread(self.queue.start, attend, self.most)
        try:
            while not self._stopping.is_set():
                # A database that is busy for once is no reason to stop.
                with contextlib.suppress(StorageError):
                    await self._look(watch)
                await asyncio.sleep(POLL_S)
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                _cancel(task)
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self.queue.stop)
            await ledger.close()

    def _look_after(self, watch: Watch) -> list[Job]:
        """Hands on the jobs that nobody runs any more, and returns those of its own that are to be cancelled."""
        jobs, unwanted = Jobs(self.home), list[Job]()
        for job in jobs.under_way():
            if job.id not in self._running:
                if watch.silent(job):
                    jobs.hand_on(job)
            elif job.status == CANCELLING:
                unwanted.append(job)
        return unwanted

    async def _look(self, watch: Watch) -> None:
        """Cancels what is not wanted any more, and offers what waits."""
        try:
            for job in await asyncio.to_thread(self._look_after, watch):
                if job.id in self._running:
                    _cancel(self._running[job.id], within_s=KEPT_S)
            await asyncio.to_thread(self._offer)
        except StorageError:
            raise
        except Exception:
            logger.exception("A look at the jobs met a defect of whet")

    def _offer(self) -> None:
        room = self.most - len(self._running)
        if room > 0 and (waiting := Jobs(self.home).waiting(self._limits)[:room]):
            self.queue.offer(waiting)

    async def _attend(self, job_id: str, ledger: Ledger) -> None:
        """Runs the job, if it can be had."""
        this = asyncio.current_task()
        if this is None or self._stopping.is_set() or job_id in self._running or len(self._running) >= self.most:
            return
        self._running[job_id] = this
        try:
            with contextlib.suppress(StorageError):
                job = Jobs(self.home).get(job_id)
                hold = Jobs(self.home).take(job, this_process(), self._limits.get(job.endpoint or ""))
                if hold is not None:
                    # Whoever held it meanwhile may have started it: its mark in the ledger counts.
                    await self._carry_out(Jobs(hold).get(job_id), hold, ledger)
        finally:
            del self._running[job_id]

    async def _carry_out(self, job: Job, hold: Hold, ledger: Ledger) -> None:
        """Runs `job` and lets go of it."""
        this, running, jobs = asyncio.current_task(), asyncio.get_running_loop(), Jobs(hold)

        def lost() -> None:
            if this is not None:
                running.call_soon_threadsafe(_cancel, this)

        with beating(hold, lost):
            try:
                with telemetry.job_span(job.id, job.kind, takes=hold.fence, endpoint=job.endpoint):
                    await WORK[job.kind](job, hold, ledger, Settings(environment=self.environment))
            except asyncio.CancelledError:
                jobs.release(job.id)
            except Fenced:
                raise
            except WhetError as error:
                jobs.conclude(job.id, FAILED, error=str(error))
            except Exception:
                logger.exception("%s met a defect of whet", job.id)
                jobs.conclude(job.id, FAILED, error=DEFECT)


Work = Callable[[Job, Hold, Ledger, Settings], Awaitable[object]]
"""Runs a job, with the hold on it. What it raises becomes the job's error; after a cancellation it is not concluded."""


async def _optimization(job: Job, hold: Hold, ledger: Ledger, settings: Settings) -> None:
    task = await asyncio.to_thread(requested_task, Jobs(hold).request(job.id) or {}, Datasets(hold).find)
    await run_job(job, task, hold, ledger, settings)


WORK: Mapping[str, Work] = {OPTIMIZATION: _optimization, EVALUATION: evaluations.carry_out, NIGHT: run_night}
"""How each kind of job is run."""


def requested_task(request: Mapping[str, object], datasets: Find) -> Task:
    """The task of a request; requests hold their rows, or name a version of a dataset."""
    return load_task(parse_task(dict(request)), Path(), allow_code=False, datasets=datasets)


def _cancel(task: asyncio.Task[None], within_s: float | None = None) -> None:
    """Cancels `task`, which then waits for the replies under way; a second time after `within_s` seconds, which makes
    it give them up."""
    if not task.cancelling():
        task.cancel()
        if within_s is not None:
            asyncio.get_running_loop().call_later(within_s, task.cancel)
