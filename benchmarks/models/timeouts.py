"""One time limit for many requests, at next to no cost per request.

A timer for each request is a fifth of what aiohttp takes for it. All requests of a lane have the same limit, so they
end in the order in which they began, and one timer, for the oldest, is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Timeouts:
    """Ends what takes longer than `limit_s`, measured on the running event loop's clock."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._deadlines: dict[asyncio.Task[object], float] = {}
        self._ended: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def limited(self) -> Iterator[None]:
        """Limits what the current task does within; raises TimeoutError when time is up, as `asyncio.timeout` does.

        One task may be within only once at a time.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("there is no task to limit")
        loop, cancelling = task.get_loop(), task.cancelling()
        self._deadlines[task] = deadline = loop.time() + self._limit_s
        if self._timer is None:
            self._timer = loop.call_at(deadline, self._look)
        try:
            yield
        except asyncio.CancelledError as error:
            # Someone else may have cancelled the task as well, which goes before.
            if task in self._ended and task.uncancel() <= cancelling:
                raise TimeoutError from error
            raise
        finally:
            del self._deadlines[task]
            self._ended.discard(task)
            if not self._deadlines and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _look(self) -> None:
        """Ends whose time is up, and comes back for the next."""
        self._timer = None
        for task, deadline in self._deadlines.items():
            loop = task.get_loop()
            if deadline > loop.time():
                self._timer = loop.call_at(deadline, self._look)
                return
            if task not in self._ended:
                self._ended.add(task)
                task.cancel()
