"""Retries as a wrapper: what passes by itself is waited for, what would be met again is not repeated."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from benchmarks.errors import EndpointDown
from benchmarks.models.failures import failures
from benchmarks.models.pace import FEW_ROWS, MAX_RETRY_AFTER_S, row_of
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, ModelIdentity, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to keep trying: exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", 2015).

    The wait before attempt k+1 is uniform in [0, min(longest_s, first_s * 2^(k-1))], or what Retry-After asks for, if
    that is longer. While an endpoint has never answered, only `attempts_at_first` tries are made to connect to it, and
    it is given up after `requests_at_first` requests without an answer, or after `in_vain_at_first` attempts, of all
    requests together, that did not reach it or may have been billed in vain. So a mistyped address is reported at
    once, and one that only takes money soon. Fewer than `FEW_ROWS` rows may be at fault themselves: a job that is
    resumed may begin with those that the endpoint never answers.
    """

    attempts: int = 6
    attempts_at_first: int = 2
    requests_at_first: int | None = 16
    in_vain_at_first: int = 12
    first_s: float = 0.5
    longest_s: float = 20.0


class Retrying:
    """Repeats attempts that failed for a passing reason."""

    def __init__(
        self,
        inner: LanguageModel,
        *,
        patience: Patience,
        rng: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.inner = inner
        self._patience = patience
        self._rng = rng
        self._sleep = sleep
        self._has_answered = False
        self._failed_at_first = self._in_vain_at_first = 0
        self._rows_at_first: set[str | bytes] = set()
        self._withdrawals = 0
        self._sleeping: set[asyncio.Future[None]] = set()

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The first answer that is not a passing failure, else the last failure; lost attempts are counted in it.

        Raises EndpointDown if the endpoint has answered none of the first requests.
        """
        lost = 0
        attempt = 0
        withdrawals = self._withdrawals
        while True:
            attempt += 1
            reply = await self.inner.complete(request)
            if isinstance(reply, Completion) or not reply.kind.transient:
                self._has_answered = True
                if isinstance(reply, Failure):
                    failures[self.identity, reply.kind, False] += 1
                return replace(reply, lost_attempts=lost + reply.lost_attempts) if lost else reply
            lost += max(reply.lost_attempts, reply.maybe_billed)
            last = reply.kind is FailureKind.UNAFFORDABLE or attempt >= self._attempts(reply)
            failures[self.identity, reply.kind, not last] += 1
            if not self._has_answered:
                self._count_at_first(request, reply, last=last)
            if last:
                return replace(reply, lost_attempts=lost)
            longest = min(self._patience.longest_s, self._patience.first_s * 2 ** (attempt - 1))
            asked_for = min(reply.retry_after_s or 0.0, MAX_RETRY_AFTER_S)
            if withdrawals != self._withdrawals:
                raise asyncio.CancelledError
            await self._wait(max(asked_for, self._rng.uniform(0, longest)))

    async def _wait(self, seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        self._sleeping.add(sleeping)
        try:
            await sleeping
        finally:
            self._sleeping.discard(sleeping)

    def _attempts(self, failure: Failure) -> int:
        connected = failure.kind is not FailureKind.CONNECTION or failure.maybe_billed
        if not connected and not self._has_answered:
            return self._patience.attempts_at_first
        return self._patience.attempts

    def _count_at_first(self, request: Request, failure: Failure, *, last: bool) -> None:
        if failure.kind in (FailureKind.RATE_LIMITED, FailureKind.UNAFFORDABLE):
            return
        self._rows_at_first.add(row_of(request))
        self._failed_at_first += last
        self._in_vain_at_first += failure.maybe_billed or failure.kind is FailureKind.CONNECTION
        patience = self._patience
        if len(self._rows_at_first) < FEW_ROWS or patience.requests_at_first is None:
            return
        if self._failed_at_first >= patience.requests_at_first or self._in_vain_at_first >= patience.in_vain_at_first:
            raise EndpointDown(
                f"{failure.detail.rstrip('.')}. None of the first requests was answered. Nothing that was paid for "
                "is lost: run the same command again once the endpoint answers."
            )

    async def withdraw(self) -> None:
        """Ends all waits; no further attempt follows them."""
        self._withdrawals += 1
        for sleeping in self._sleeping:
            sleeping.cancel()
        await self.inner.withdraw()

    async def close(self) -> None:
        """Closes the inner model."""
        await self.inner.close()
