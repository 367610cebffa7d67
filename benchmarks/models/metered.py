"""The budget as a wrapper: no attempt leaves before its largest possible cost is set aside."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.budget import Budget, Charge
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, ModelIdentity, Request

_NOTHING = Charge()


@dataclass(slots=True, kw_only=True)
class Metered:
    """Reserves before each attempt and settles after it."""

    inner: LanguageModel
    budget: Budget
    tariff: Tariff
    _withdrawals: int = 0

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The inner model's answer; a Failure of kind UNAFFORDABLE if the budget has no room for the attempt."""
        bound = self.tariff.bound(request)
        withdrawals = self._withdrawals
        if not await self.budget.reserve(bound):
            return Failure(kind=FailureKind.UNAFFORDABLE, detail="the budget has no room for this call")
        if withdrawals != self._withdrawals:
            self.budget.settle(bound, _NOTHING)
            raise asyncio.CancelledError
        charge = _NOTHING
        try:
            reply = await self.inner.complete(request)
            charge = self.tariff.charge(request, reply)
        except asyncio.CancelledError:
            charge = self.tariff.lost(request)
            raise
        finally:
            self.budget.settle(bound, charge)
        return reply

    async def withdraw(self) -> None:
        """Turns away the requests that wait for others to give reservations back."""
        self._withdrawals += 1
        await self.inner.withdraw()

    async def close(self) -> None:
        """Closes the inner model."""
        await self.inner.close()
