"""When keys were last used: noted in memory at each request, written down now and then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.errors import StorageError
from service.keys import Keys

FLUSH_S = 30.0


@dataclass(slots=True)
class KeyUse:
    """What one process knows of the use of `keys`."""

    keys: Keys
    _since: dict[str, str] = field(default_factory=dict)

    def note(self, key_id: str) -> None:
        """The key was used now."""
        self._since[key_id] = self.keys.home.timestamp()

    def flush(self) -> None:
        """Writes down what is new."""
        new, self._since = self._since, {}
        if not new:
            return
        try:
            self.keys.used(new)
        except StorageError:
            # Written next time, unless it is outdated by then.
            self._since = new | self._since

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Flushes from time to time, off the event loop, and once more at the end."""

        async def again() -> None:
            while True:
                await asyncio.sleep(FLUSH_S)
                await asyncio.to_thread(self.flush)

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await asyncio.to_thread(self.flush)
