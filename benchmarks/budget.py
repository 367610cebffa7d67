"""Caps that are reservations: what a request may cost at most is set aside before it leaves, and settled after.

One budget serves task, proposer and judge model of a job together. Charges belong to the job: a reply found in the
ledger is free only if it was there before the job's first start, so that a resumed job has the same budget left as
one that was never interrupted.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What a job may spend at most: model calls, prompt plus completion tokens, US dollars, seconds. None: no cap."""

    calls: int
    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """Calls, tokens and US dollars together."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.calls + other.calls, self.tokens + other.tokens, self.usd + other.usd)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.calls - other.calls, self.tokens - other.tokens, self.usd - other.usd)

    def __mul__(self, times: int) -> Amount:
        return Amount(self.calls * times, self.tokens * times, self.usd * times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What calls have cost. `cost_usd` is None when a price is unknown."""

    calls: int = 0
    ledger_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0

    @property
    def amount(self) -> Amount:
        """The charge as it counts against the caps."""
        return Amount(self.calls, self.prompt_tokens + self.completion_tokens, self.cost_usd or 0.0)

    def __add__(self, other: Charge) -> Charge:
        known = self.cost_usd is not None and other.cost_usd is not None
        return Charge(
            calls=self.calls + other.calls,
            ledger_hits=self.ledger_hits + other.ledger_hits,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost_usd=(self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
        )


_HIT = Charge(ledger_hits=1)


class Budget:
    """What a job may still spend.

    `by_phase` holds what was charged in each phase, `spent` their sum. Invariant: at every moment, spent + reserved ≤
    caps in each unit, whatever the concurrency, provided no request costs more than what was reserved for it.
    """

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.phase = "search"
        self.by_phase: dict[str, Charge] = defaultdict(Charge)
        self._spent = Charge()
        self._reserved = Amount()
        self._held = Amount()
        self._settled = asyncio.Event()

    @property
    def spent(self) -> Charge:
        """Everything charged so far."""
        return self._spent

    def hold(self, amount: Amount) -> None:
        """Sets `amount` aside, out of reach of `affords`, until the next `hold`: the proof's share."""
        self._held = amount

    def affords(self, amount: Amount) -> bool:
        """Whether `amount` fits into what is neither spent, reserved nor held."""
        return self._fits(amount + self._held)

    def calls_left(self) -> int:
        """Calls that are neither spent, reserved nor held."""
        return max(0, self.caps.calls - (self.spent.calls + self._reserved.calls + self._held.calls))

    async def reserve(self, amount: Amount) -> bool:
        """Sets aside what one request may cost at most.

        Waits while requests under way may still give some of their reservations back; False when nothing is under
        way and `amount` does not fit.
        """
        while not self._fits(amount):
            if self._reserved == Amount():
                return False
            self._settled.clear()
            await self._settled.wait()
        self._reserved += amount
        return True

    async def settle(self, reserved: Amount, charge: Charge) -> None:
        """Gives the reservation back and charges what the request really cost."""
        self._reserved -= reserved
        if self._reserved.calls == 0:
            self._reserved = Amount()
        self.charge(charge)
        self._settled.set()

    def charge(self, charge: Charge) -> None:
        """Charges the current phase with calls made, or with ledger hits."""
        self.by_phase[self.phase] += charge
        self._spent += charge

    def charge_hit(self) -> None:
        """Counts a reply that was there before the job began, or was already charged to it."""
        self.charge(_HIT)

    def _fits(self, amount: Amount) -> bool:
        # Written out: every call passes here, and adding records up would take several times as long.
        caps, spent, reserved = self.caps, self._spent, self._reserved
        tokens = spent.prompt_tokens + spent.completion_tokens + reserved.tokens + amount.tokens
        return (
            spent.calls + reserved.calls + amount.calls <= caps.calls
            and (caps.tokens is None or tokens <= caps.tokens)
            and (caps.usd is None or (spent.cost_usd or 0.0) + reserved.usd + amount.usd <= caps.usd + 1e-9)
        )
