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
        self._charged: dict[bytes, int] = {}
        self._under_way: dict[bytes, asyncio.Task[Completion | Failure]] = {}
        self._looked_up: dict[bytes, tuple[float, int]] = {}
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
        looked_up = (asyncio.get_running_loop().time(), self._ledger.under_way.moment)
        entries = await self._ledger.find_all(keys)
        replies: list[Completion | Failure | None] = []
        for key, entry, request in zip(keys, entries, requests, strict=True):
            if entry is None:
                self._looked_up[key] = looked_up
                replies.append(None)
            else:
                self._charge(key, entry, request)
                replies.append(entry.reply)
        return replies

    @property
    def charges(self) -> int:
        """How many replies were charged so far."""
        return len(self._charged)

    async def accounted(self, requests: Sequence[Request], since: int) -> Charge:
        """What was charged for the kept replies to `requests`, those before the charge number `since` left out."""
        ours = {key: request for request in requests if self._charged.get(key := self._key(request), -1) >= since}
        entries = await self._ledger.find_all(list(ours))
        charges = (self._tariff.replayed(ours[entry.key], entry.reply) for entry in entries if entry)
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
        under_way, asking, kept = self._ledger.under_way, False, False
        try:
            now = asyncio.get_running_loop().time()
            at, moment = self._looked_up.pop(key, (-FRESH_S, 0))
            fresh = now - at < FRESH_S
            while not fresh or key in under_way.tasks or under_way.kept_since(key, moment):
                if key in under_way.tasks:
                    await asyncio.wait([under_way.tasks[key]])
                fresh, moment = True, under_way.moment
                known = await self._known(key, request)
                if known is not None:
                    return known
            if withdrawals != self._withdrawals:
                raise asyncio.CancelledError
            asking = True
            under_way.tasks[key] = self._under_way[key]
            reply = await self.inner.complete(request)
            kept = isinstance(reply, Completion) or not reply.kind.transient
            if kept:
                self._charged.setdefault(key, len(self._charged))
            return reply
        finally:
            if asking:
                under_way.end(key, kept=kept)
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
            self._charged[key] = len(self._charged)
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
