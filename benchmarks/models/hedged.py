"""A second attempt for stragglers, as a wrapper; for users who allow paying for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.budget import Budget
from benchmarks.models.pace import Pace
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, ModelIdentity, Request

LEAST_S = 1.0
"""An attempt that takes less than this is no straggler."""

TIMES_P95 = 2.0
MOST = 0.03
"""The largest share of attempts that get a second one."""

PEERS = 100
FEWEST_PEERS = 20


class Hedged:
    """Sends a second attempt where the first takes more than twice as long as 95 % of its last hundred peers; the first
    answer wins, the other attempt is cancelled, and charged as lost (Dean and Barroso, "The Tail at Scale", 2013).

    It stands inside the budget and the pace, so that an attempt that is timed has left. A second one needs a place at
    the endpoint that nobody waits for, a level that is not cut, and room in the budget; it waits for none of them.
    """

    def __init__(self, inner: LanguageModel, *, pace: Pace, budget: Budget, tariff: Tariff) -> None:
        self.inner = inner
        self._pace = pace
        self._budget = budget
        self._tariff = tariff
        self._attempts = self._second_attempts = 0
        self._latencies: deque[float] = deque(maxlen=PEERS)

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The inner model's answer, of whichever attempt comes first; the other is counted in it if it was charged."""
        self._attempts += 1
        if len(self._latencies) < FEWEST_PEERS:
            reply = await self.inner.complete(request)
        else:
            reply = await self._hedged(request)
        if isinstance(reply, Completion):
            self._latencies.append(reply.latency_s)
        return reply

    async def _hedged(self, request: Request) -> Completion | Failure:
        first = asyncio.ensure_future(self.inner.complete(request))
        try:
            await asyncio.wait([first], timeout=self._long_s())
            if first.done() or not self._may(request):
                return await first
            return await self._race(first, request)
        finally:
            await _end([first])

    def _long_s(self) -> float:
        ordered = sorted(self._latencies)
        return max(LEAST_S, TIMES_P95 * ordered[int(0.95 * len(ordered))])

    def _may(self, request: Request) -> bool:
        few = self._second_attempts < MOST * self._attempts
        return few and self._pace.calm and self._budget.affords(self._tariff.bound(request))

    async def _race(self, first: asyncio.Future[Completion | Failure], request: Request) -> Completion | Failure:
        bound = self._tariff.bound(request)
        await self._budget.reserve(bound)
        self._second_attempts += 1
        self._pace.under_way += 1
        second = asyncio.ensure_future(self.inner.complete(request))
        charge = self._tariff.lost(request)
        try:
            winner = await _answered([first, second])
            loser = second if winner is first else first
            await _end([loser])
            reply = winner.result()
            other = None if loser.cancelled() or loser.exception() is not None else loser.result()
            lost = 1
            if isinstance(other, Failure) and not other.maybe_billed and other.kind is not FailureKind.CONTENT_FILTER:
                charge, lost = self._tariff.charge(request, other), 0
            own = isinstance(reply, Failure) and reply.maybe_billed
            return replace(reply, lost_attempts=lost + own)
        finally:
            await _end([second])
            self._pace.back_without_word(probe=False)
            self._budget.settle(bound, charge)

    async def withdraw(self) -> None:
        """Passes on."""
        await self.inner.withdraw()

    async def close(self) -> None:
        """Closes the inner model."""
        await self.inner.close()


async def _answered(attempts: Sequence[asyncio.Future[Completion | Failure]]) -> asyncio.Future[Completion | Failure]:
    """The first of `attempts` that is answered; the first of all when each of them fails for a passing reason."""
    pending = set(attempts)
    while pending:
        _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for attempt in attempts:
            if attempt.done():
                reply = attempt.result()
                if isinstance(reply, Completion) or not reply.kind.transient:
                    return attempt
    return attempts[0]


async def _end(attempts: Sequence[asyncio.Future[Completion | Failure]]) -> None:
    """Cancels those that are under way, and waits for them."""
    under_way = [attempt for attempt in attempts if not attempt.done()]
    for attempt in under_way:
        attempt.cancel()
    if under_way:
        await asyncio.wait(under_way)
