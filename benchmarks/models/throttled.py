"""The number of requests under way at once, as a wrapper."""

from __future__ import annotations

import asyncio

from benchmarks.models.protocol import Completion, Failure, LanguageModel, ModelIdentity, Request


class Throttled:
    """Lets at most `max_concurrency` requests be under way at an endpoint; the others wait in order of arrival."""

    def __init__(self, inner: LanguageModel, max_concurrency: int) -> None:
        self.inner = inner
        self._places = asyncio.Semaphore(max_concurrency)
        self._withdrawals = 0

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The inner model's answer, once there is a place."""
        withdrawals = self._withdrawals
        async with self._places:
            if withdrawals != self._withdrawals:
                raise asyncio.CancelledError
            return await self.inner.complete(request)

    async def withdraw(self) -> None:
        """Turns away the requests that wait for a place."""
        self._withdrawals += 1
        await self.inner.withdraw()

    async def close(self) -> None:
        """Closes the inner model."""
        await self.inner.close()
