"""Simulated model servers, to be run in virtual time: how latency and refusals depend on what is under way."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable

from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Request, Usage

CV = 0.5
"""Coefficient of variation of the time a request takes."""

_SIGMA = math.sqrt(math.log(1 + CV**2))
_STEPS = 4


class Server:
    """Answers each request in its own time, drawn around a mean of 1 s (log-normal).

    `slots` requests are worked on at a time, the others wait in line. A request takes `1 + crowding · n` times its time
    with n others under way, as servers that batch do. More than `limit` under way are refused with 429. `pace(asked,
    now_s)` multiplies the time of the `asked`-th request. `most` is the highest number that was under way at once.
    """

    def __init__(
        self,
        *,
        slots: int = 10**6,
        crowding: float = 0.0,
        limit: int = 10**6,
        pace: Callable[[int, float], float] = lambda _asked, _now_s: 1.0,
        seed: int = 0,
    ) -> None:
        self.identity = ModelIdentity(endpoint="simulated", model="simulated")
        self.under_way = self.most = self.asked = self.refused = 0
        self._slots = asyncio.Semaphore(slots)
        self._crowding = crowding
        self._limit = limit
        self._pace = pace
        self._rng = random.Random(seed)

    async def complete(self, request: Request) -> Completion | Failure:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if self.under_way >= self._limit:
            self.refused += 1
            await asyncio.sleep(0.01)
            return Failure(kind=FailureKind.RATE_LIMITED, detail="too many at once", latency_s=0.01)
        self.asked += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            async with self._slots:
                own_s = self._rng.lognormvariate(-(_SIGMA**2) / 2, _SIGMA) * self._pace(self.asked, loop.time())
                for _ in range(_STEPS if self._crowding else 1):
                    crowd = 1 + self._crowding * self.under_way
                    await asyncio.sleep(own_s * crowd / (_STEPS if self._crowding else 1))
        finally:
            self.under_way -= 1
        return Completion(text="done", usage=Usage(), latency_s=loop.time() - begun)

    async def withdraw(self) -> None:
        """Nothing waits here that has not left."""

    async def close(self) -> None:
        """Nothing to release."""
