"""Delivers events: a loop in a thread of its own, in every process that serves or works."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from benchmarks.errors import StorageError
from service import loop
from service.deliveries import MOST_AT_ONCE, Answer, Deliveries, Delivery
from service.home import Home
from service.webhooks import MOST_WEBHOOKS, UnknownWebhook, Webhook, find_webhook

POLL_S = 0.5
DEFECT = "a defect of whet; the server's log has the details"
FORGET_EVERY = timedelta(hours=1)
LONGEST_STOP_S = 5.0

Send = Callable[[Webhook, Delivery, datetime], Awaitable[Answer]]
"""Makes one attempt to deliver at a time, which must end, and says what came of it."""

logger = logging.getLogger("whet.webhooks")


@dataclass(slots=True)
class Courier:
    """Delivers what is due in `home`, by `send`, from `start` to `stop`. Delays are drawn from `random`."""

    home: Home
    send: Send
    random: Random = field(default_factory=Random)
    _thread: threading.Thread | None = field(default=None, repr=False)
    _stopping: threading.Event = field(default_factory=threading.Event, repr=False)
    _busy: Counter[str] = field(default_factory=Counter, repr=False)

    def start(self) -> None:
        """Begins to deliver."""
        self._thread = threading.Thread(target=lambda: loop.run(self.work()), name="courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Delivers no more. Attempts under way have some seconds to end; what does not will be tried again."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2 * LONGEST_STOP_S)

    @property
    def ended(self) -> bool:
        """Whether it was started, and delivers no more."""
        return self._thread is not None and not self._thread.is_alive()

    async def work(self) -> None:
        """Delivers until it is stopped."""
        # A name server that does not answer keeps a thread waiting, and no webhook is to wait for another one's.
        threads = ThreadPoolExecutor(MOST_WEBHOOKS * MOST_AT_ONCE, "courier")
        asyncio.get_running_loop().set_default_executor(threads)
        under_way, forgotten = set[asyncio.Task[None]](), None
        while not self._stopping.is_set():
            # A database that is busy for once is no reason to stop.
            with contextlib.suppress(StorageError):
                for delivery in await asyncio.to_thread(Deliveries(self.home).claim, self._busy):
                    self._busy[delivery.webhook] += 1
                    task = asyncio.create_task(self._attempt(delivery))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                if forgotten is None or self.home.now() - forgotten >= FORGET_EVERY:
                    await asyncio.to_thread(Deliveries(self.home).forget)
                    forgotten = self.home.now()
            await asyncio.to_thread(self._stopping.wait, POLL_S)
        if under_way:
            await asyncio.wait(under_way, timeout=LONGEST_STOP_S)
        for task in under_way:
            task.cancel()

    async def _attempt(self, delivery: Delivery) -> None:
        try:
            # What the database does not take now becomes due again; a webhook may have been deleted meanwhile.
            with contextlib.suppress(StorageError, UnknownWebhook):
                await self.attempt(delivery)
        finally:
            self._busy[delivery.webhook] -= 1

    async def attempt(self, delivery: Delivery, *, last: bool = False) -> Delivery:
        """What a delivery that was claimed is after one attempt, the `last` one if it fails. Raises UnknownWebhook if
        its webhook was deleted."""
        webhook = await asyncio.to_thread(find_webhook, self.home, delivery.webhook)
        try:
            answer = await self.send(webhook, delivery, self.home.now())
        except Exception:
            logger.exception("%s met a defect of whet", delivery.id)
            answer = Answer(error=DEFECT)
        jitter = self.random.random()
        return await asyncio.to_thread(Deliveries(self.home).settle, delivery, answer, jitter=jitter, last=last)
