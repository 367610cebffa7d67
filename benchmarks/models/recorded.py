"""The ledger as a wrapper: what was asked before is not asked again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from benchmarks.budget import Budget
from benchmarks.ledger.protocol import Entry, Ledger, Occasion, ledger_key
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, LanguageModel, ModelIdentity, Request

GRACE_S = 5.0


class Recorded:
    """Answers from the ledger where it can.

    `mark` is the ledger's mark at the job's first start. A hit at or below it is free. A later one was paid for by
    this job before it was interrupted (or by another job meanwhile), and is charged once, as if it were paid now:
    so the same decisions find the same budget left, however often the job was interrupted.
    """

    def __init__(
        self,
        inner: LanguageModel,
        *,
        ledger: Ledger,
        occasion: Occasion,
        mark: int,
        budget: Budget,
        tariff: Tariff,
        grace_s: float = GRACE_S,
    ) -> None:
        self.inner = inner
        self._ledger = ledger
        self._occasion = occasion
        self._mark = mark
        self._budget = budget
        self._tariff = tariff
        self._grace_s = grace_s
        self._charged: set[bytes] = set()
        self._under_way: dict[bytes, asyncio.Future[Completion | Failure]] = {}
        self._withdrawals = 0

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The kept reply to `request`, else the inner model's.

        A request whose twin is under way waits for the twin's reply.
        """
        key = ledger_key(self._occasion, self.identity, request)
        twin = self._under_way.get(key)
        if twin is not None:
            reply = await asyncio.shield(twin)
            if isinstance(reply, Failure) and reply.kind.transient:
                return replace(reply, lost_attempts=0)  # They are the twin's.
            self._budget.charge_hit()
            return reply
        answering = asyncio.ensure_future(self._answer(key, request, self._withdrawals))
        self._under_way[key] = answering
        answering.add_done_callback(lambda done: self._arrived(key, done))
        # Whoever asks may be cancelled; a request that has left is seen through, because its reply is paid for.
        return await asyncio.shield(answering)

    def _arrived(self, key: bytes, answering: asyncio.Future[Completion | Failure]) -> None:
        del self._under_way[key]
        if not answering.cancelled():
            answering.exception()  # Marks it as seen, should nobody be waiting any more.

    async def _answer(self, key: bytes, request: Request, withdrawals: int) -> Completion | Failure:
        known = await self._ledger.find(key)
        if known is not None:
            self._charge(key, known, request)
            return known.reply
        if withdrawals != self._withdrawals:
            raise asyncio.CancelledError
        reply = await self.inner.complete(replace(request, key=key))
        if isinstance(reply, Completion) or not reply.kind.transient:
            self._charged.add(key)
        return reply

    def _charge(self, key: bytes, entry: Entry, request: Request) -> None:
        if entry.sequence <= self._mark or key in self._charged:
            self._budget.charge_hit()
        else:
            self._charged.add(key)
            self._budget.charge(self._tariff.replayed(request, entry.reply))

    async def withdraw(self) -> None:
        """Gives requests under way `grace_s` seconds to be answered and kept, and gives the rest up."""
        self._withdrawals += 1
        await self.inner.withdraw()
        if self._under_way:
            _, late = await asyncio.wait(list(self._under_way.values()), timeout=self._grace_s)
            for answering in late:
                answering.cancel()
            if late:
                await asyncio.wait(late)

    async def close(self) -> None:
        """Closes the inner model; the ledger belongs to the caller."""
        await self.inner.close()
