"""The ledger as a wrapper: what was asked before is not asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.budget import Budget, Charge
from benchmarks.ledger.protocol import Entry, Ledger, Occasion, ledger_key
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, LanguageModel, ModelIdentity, Request

GRACE_S = 5.0


FRESH_S = 1.0
"""For how long a look-up that found nothing is believed: meanwhile another process may have kept the reply."""


class Recorded:
    """Answers from the ledger where it can; a `Remembering` model.

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
        self._under_way: dict[bytes, asyncio.Task[Completion | Failure]] = {}
        self._unknown_until: dict[bytes, float] = {}
        self._withdrawals = 0

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The kept reply to `request`, else the inner model's."""
        # Whoever asks may be cancelled; a request that has left is seen through, because its reply is paid for.
        return await asyncio.shield(self.start(request))

    async def recall(self, requests: Sequence[Request]) -> Sequence[Completion | Failure | None]:
        """The kept replies to `requests`, charged, from one look-up; None where there is none yet."""
        keys = [self._key(request) for request in requests]
        entries = await self._ledger.find_all(keys)
        until = asyncio.get_running_loop().time() + FRESH_S
        replies: list[Completion | Failure | None] = []
        for key, entry, request in zip(keys, entries, requests, strict=True):
            if entry is None:
                self._unknown_until[key] = until
                replies.append(None)
            else:
                self._charge(key, entry, request)
                replies.append(entry.reply)
        return replies

    async def accounted(self, requests: Sequence[Request]) -> Charge:
        """What this run was charged with for the kept replies to `requests`."""
        ours = [request for request in requests if self._key(request) in self._charged]
        entries = await self._ledger.find_all([request.key for request in ours])
        charges = (self._tariff.replayed(r, entry.reply) for r, entry in zip(ours, entries, strict=True) if entry)
        return sum(charges, Charge())

    def start(self, request: Request) -> asyncio.Task[Completion | Failure]:
        """The kept reply to `request`, else the inner model's, as a task of its own.

        A request whose twin is under way, for this job or another one of the process, waits for the twin's reply.
        """
        key = self._key(request)
        twin = self._under_way.get(key)
        if twin is not None:
            return asyncio.get_running_loop().create_task(self._follow(twin))
        answering = asyncio.get_running_loop().create_task(self._answer(key, request, self._withdrawals))
        self._under_way[key] = answering
        return answering

    def _key(self, request: Request) -> bytes:
        if not request.key:
            request.key = ledger_key(self._occasion, self.identity, request)
        return request.key

    async def _follow(self, twin: asyncio.Task[Completion | Failure]) -> Completion | Failure:
        reply = await asyncio.shield(twin)
        if isinstance(reply, Failure) and reply.kind.transient:
            return replace(reply, lost_attempts=0)  # They are the twin's.
        self._budget.charge_hit()
        return reply

    async def _answer(self, key: bytes, request: Request, withdrawals: int) -> Completion | Failure:
        under_way, ours = self._ledger.under_way, None
        try:
            if self._unknown_until.pop(key, 0.0) <= asyncio.get_running_loop().time():
                known = await self._known(key, request)
                if known is not None:
                    return known
            while key in under_way:
                await asyncio.wait([under_way[key]])
                known = await self._known(key, request)
                if known is not None:
                    return known
            if withdrawals != self._withdrawals:
                raise asyncio.CancelledError
            ours = under_way[key] = self._under_way[key]
            reply = await self.inner.complete(request)
            if isinstance(reply, Completion) or not reply.kind.transient:
                self._charged.add(key)
            return reply
        finally:
            if ours is not None:
                del under_way[key]
            del self._under_way[key]

    async def _known(self, key: bytes, request: Request) -> Completion | Failure | None:
        entry = await self._ledger.find(key)
        if entry is None:
            return None
        self._charge(key, entry, request)
        return entry.reply

    def _charge(self, key: bytes, entry: Entry, request: Request) -> None:
        if entry.sequence <= self._mark or key in self._charged:
            self._budget.charge_hit()
        else:
            self._charged.add(key)
            self._budget.charge(self._tariff.replayed(request, entry.reply))

    async def withdraw(self) -> None:
        """Gives requests under way `grace_s` seconds to be answered and kept, and gives the rest up: at once if it is
        cancelled itself while it waits."""
        self._withdrawals += 1
        await self.inner.withdraw()
        under_way = list(self._under_way.values())
        try:
            if under_way:
                await asyncio.wait(under_way, timeout=self._grace_s)
        finally:
            late = [answering for answering in under_way if not answering.done()]
            for answering in late:
                answering.cancel()
            if late:
                await asyncio.wait(late)

    async def close(self) -> None:
        """Closes the inner model; the ledger belongs to the caller."""
        await self.inner.close()
