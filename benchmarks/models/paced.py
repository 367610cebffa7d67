"""The pace of an endpoint, as a wrapper: an attempt leaves when it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from benchmarks.models.pace import Pace
from benchmarks.models.protocol import Completion, Failure, LanguageModel, ModelIdentity, Request

OUTAGE_S = 600.0


def nobody(_message: str) -> None:
    """Nobody wants to know."""


class Paced:
    """Lets attempts leave by `pace`, and tells it what came of them.

    `ceiling` is the most that may be under way, `outage_s` how long to wait for an endpoint that stops answering;
    `on_notice` is told, in words, when that begins and when it ends.
    """

    def __init__(
        self,
        inner: LanguageModel,
        *,
        pace: Pace,
        ceiling: int,
        outage_s: float = OUTAGE_S,
        on_notice: Callable[[str], None] = nobody,
    ) -> None:
        self.inner = inner
        self.ceiling = ceiling
        self.outage_s = outage_s
        self.on_notice = on_notice
        self._pace = pace
        self._withdrawals = 0
        pace.join(self)

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The inner model's answer to one attempt. What fails because the endpoint is in an outage is tried again when
        it is over, and is no attempt; what may have been billed of it is counted in the reply.

        Raises EndpointDown if an outage lasts longer than `outage_s`.
        """
        pace, level = self._pace, self._pace.level
        withdrawals = self._withdrawals
        lost = 0
        while True:
            if pace.under_way < pace.allowed:
                pace.under_way += 1
                pace.left += 1
                probe = False
            else:
                probe = await pace.place(self)
            number, at_once, epoch = pace.left, pace.under_way, level.epoch
            try:
                reply = await self.inner.complete(request)
            except BaseException:
                pace.back_without_word(probe=probe)
                raise
            pace.back(request, reply, number=number, at_once=at_once, epoch=epoch, probe=probe)
            if isinstance(reply, Completion) or not pace.silent(reply):
                return self._counted(reply, lost) if lost else reply
            lost += max(reply.lost_attempts, reply.maybe_billed)
            if withdrawals != self._withdrawals:
                raise asyncio.CancelledError

    @staticmethod
    def _counted(reply: Completion | Failure, lost: int) -> Completion | Failure:
        billed = isinstance(reply, Failure) and reply.kind.transient and reply.maybe_billed
        return replace(reply, lost_attempts=lost + max(reply.lost_attempts, billed))

    async def withdraw(self) -> None:
        """Turns away the requests that wait for the endpoint."""
        self._withdrawals += 1
        self._pace.turn_away(self)
        await self.inner.withdraw()

    async def close(self) -> None:
        """Closes the inner model."""
        self._pace.leave(self)
        await self.inner.close()
