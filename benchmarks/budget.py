"""Caps that are reservations: what a request may cost at most is set aside before it leaves, and settled after.

One budget serves task, proposer and judge model of a job together. Charges belong to the job: a reply found in the
ledger is free only if it was there before the job's first start, so that a resumed job has the same budget left as
one that was never interrupted.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from benchmarks.records import record


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


@record
class Charge:
    """What calls have cost. `lost_calls` of them got no reply, and cost what they can have cost at most. `cost_usd` is
    None when a price is unknown. `cached_tokens` are those of the prompt tokens that the endpoint said it had in its
    cache."""

    calls: int = 0
    ledger_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    lost_calls: int = 0
    cost_usd: float | None = 0.0

    @property
    def cached_share(self) -> float | None:
        """The share of the prompt tokens that the endpoint had in its cache, in [0, 1]; None where it told of none."""
        return self.cached_tokens / self.prompt_tokens if self.cached_tokens else None

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
            cached_tokens=self.cached_tokens + other.cached_tokens,
            lost_calls=self.lost_calls + other.lost_calls,
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
        self._spent: dict[str, Charge] = defaultdict(Charge)
        # Numbers rather than records: every call adds to them twice.
        self._calls = self._tokens = self._reserved_calls = self._reserved_tokens = 0
        self._usd = self._reserved_usd = 0.0
        self._held = Amount()
        self._settled = asyncio.Event()

    @property
    def by_phase(self) -> dict[str, Charge]:
        """What was charged in each phase."""
        return dict(self._spent)

    @property
    def spent(self) -> Charge:
        """Everything charged so far."""
        return sum(self._spent.values(), Charge())

    def hold(self, amount: Amount) -> None:
        """Sets `amount` aside, out of reach of `affords`, until the next `hold`: the proof's share."""
        self._held = amount

    def affords(self, amount: Amount) -> bool:
        """Whether `amount` fits into what is neither spent, reserved nor held."""
        return self.fits(amount + self._held)

    def calls_left(self) -> int:
        """Calls that are neither spent, reserved nor held."""
        return max(0, self.caps.calls - (self._calls + self._reserved_calls + self._held.calls))

    async def reserve(self, amount: Amount) -> bool:
        """Sets aside what one request may cost at most.

        Waits while requests under way may still give some of their reservations back; False when nothing is under
        way and `amount` does not fit.
        """
        while not self.fits(amount):
            if not self._reserved_calls:
                return False
            self._settled.clear()
            await self._settled.wait()
        self._reserved_calls += amount.calls
        self._reserved_tokens += amount.tokens
        self._reserved_usd += amount.usd
        return True

    def settle(self, reserved: Amount, charge: Charge) -> None:
        """Gives the reservation back and charges what the request really cost."""
        self._reserved_calls -= reserved.calls
        self._reserved_tokens -= reserved.tokens
        # Where nothing is reserved any more, nothing of what adding and subtracting rounded must stay behind.
        self._reserved_usd = self._reserved_usd - reserved.usd if self._reserved_calls else 0.0
        self.charge(charge)
        self._settled.set()

    def charge(self, charge: Charge) -> None:
        """Charges the current phase with calls made, or with ledger hits."""
        self._spent[self.phase] += charge
        self._calls += charge.calls
        self._tokens += charge.prompt_tokens + charge.completion_tokens
        self._usd += charge.cost_usd or 0.0

    def charge_hit(self) -> None:
        """Counts a reply that was there before the job began, or was already charged to it."""
        self.charge(_HIT)

    def fits(self, amount: Amount) -> bool:
        """Whether `amount` fits into what is neither spent nor reserved; what is held counts as free."""
        caps = self.caps
        return (
            self._calls + self._reserved_calls + amount.calls <= caps.calls
            and (caps.tokens is None or self._tokens + self._reserved_tokens + amount.tokens <= caps.tokens)
            and (caps.usd is None or self._usd + self._reserved_usd + amount.usd <= caps.usd + 1e-9)
        )
