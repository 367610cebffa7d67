"""Caps that are reservations: what a request may cost at most is set aside before it leaves, and settled after.

One budget serves task, proposer and judge model of a job together. Charges belong to the job: a reply found in the
ledger is free only if it was there before the job's first start, so that a resumed job has the same budget left as
one that was never interrupted.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.records import record

TASK, PROPOSER, JUDGE = ROLES = ("task", "proposer", "judge")
"""What a job's models are for: one answers, one writes prompts, one grades replies."""


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

    def __sub__(self, other: Charge) -> Charge:
        known = self.cost_usd is not None and other.cost_usd is not None
        return Charge(
            calls=self.calls - other.calls,
            ledger_hits=self.ledger_hits - other.ledger_hits,
            prompt_tokens=self.prompt_tokens - other.prompt_tokens,
            completion_tokens=self.completion_tokens - other.completion_tokens,
            cached_tokens=self.cached_tokens - other.cached_tokens,
            lost_calls=self.lost_calls - other.lost_calls,
            cost_usd=(self.cost_usd or 0.0) - (other.cost_usd or 0.0) if known else None,
        )


_HIT = Charge(ledger_hits=1)


@dataclass(slots=True)
class _Account:
    """What all roles of a job share. Numbers rather than records: every call adds to them twice."""

    phase: str = "search"
    spent: dict[tuple[str, str], Charge] = field(default_factory=lambda: defaultdict(Charge))
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    reserved_calls: int = 0
    reserved_tokens: int = 0
    reserved_usd: float = 0.0
    held: Amount = field(default_factory=Amount)
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Budget:
    """What a job may still spend, as the model in one `role` sees it: whatever it charges is charged to that role, and
    everything else is shared with the others.

    `by_phase` holds what was charged in each phase, `by_role` to each role, `spent` everything. Invariant: at every
    moment, spent + reserved ≤ caps in each unit, over all roles and whatever the concurrency, provided no request
    costs more than what was reserved for it.
    """

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.role = TASK
        self._account = _Account()

    def of(self, role: str) -> Budget:
        """The same budget, for the model in another role."""
        other = Budget(self.caps)
        other.role, other._account = role, self._account
        return other

    @property
    def phase(self) -> str:
        """The phase that is charged now."""
        return self._account.phase

    @phase.setter
    def phase(self, phase: str) -> None:
        self._account.phase = phase

    @property
    def by_phase(self) -> dict[str, Charge]:
        """What was charged in each phase."""
        return _summed((phase, charge) for (_, phase), charge in self._account.spent.items())

    @property
    def by_role(self) -> dict[str, Charge]:
        """What was charged to each role."""
        return _summed((role, charge) for (role, _), charge in self._account.spent.items())

    @property
    def spent(self) -> Charge:
        """Everything charged so far."""
        return sum(self._account.spent.values(), Charge())

    def hold(self, amount: Amount) -> None:
        """Sets `amount` aside, out of reach of `affords`, until the next `hold`: the proof's share."""
        self._account.held = amount

    def affords(self, amount: Amount) -> bool:
        """Whether `amount` fits into what is neither spent, reserved nor held."""
        return self.fits(amount + self._account.held)

    def calls_left(self) -> int:
        """Calls that are neither spent, reserved nor held."""
        account = self._account
        return max(0, self.caps.calls - (account.calls + account.reserved_calls + account.held.calls))

    async def reserve(self, amount: Amount) -> bool:
        """Sets aside what one request may cost at most.

        Waits while requests under way may still give some of their reservations back; False when nothing is under
        way and `amount` does not fit.
        """
        account = self._account
        while not self.fits(amount):
            if not account.reserved_calls:
                return False
            account.settled.clear()
            await account.settled.wait()
        account.reserved_calls += amount.calls
        account.reserved_tokens += amount.tokens
        account.reserved_usd += amount.usd
        return True

    def settle(self, reserved: Amount, charge: Charge) -> None:
        """Gives the reservation back and charges what the request really cost."""
        account = self._account
        account.reserved_calls -= reserved.calls
        account.reserved_tokens -= reserved.tokens
        # Where nothing is reserved any more, nothing of what adding and subtracting rounded must stay behind.
        account.reserved_usd = account.reserved_usd - reserved.usd if account.reserved_calls else 0.0
        self.charge(charge)
        account.settled.set()

    def charge(self, charge: Charge) -> None:
        """Charges the current phase with calls made, or with ledger hits."""
        account = self._account
        account.spent[self.role, account.phase] += charge
        account.calls += charge.calls
        account.tokens += charge.prompt_tokens + charge.completion_tokens
        account.usd += charge.cost_usd or 0.0

    def charge_hit(self) -> None:
        """Counts a reply that was there before the job began, or was already charged to it."""
        self.charge(_HIT)

    def fits(self, amount: Amount) -> bool:
        """Whether `amount` fits into what is neither spent nor reserved; what is held counts as free."""
        caps, account = self.caps, self._account
        return (
            account.calls + account.reserved_calls + amount.calls <= caps.calls
            and (caps.tokens is None or account.tokens + account.reserved_tokens + amount.tokens <= caps.tokens)
            and (caps.usd is None or account.usd + account.reserved_usd + amount.usd <= caps.usd + 1e-9)
        )


def _summed(charges: Iterable[tuple[str, Charge]]) -> dict[str, Charge]:
    sums: dict[str, Charge] = {}
    for name, charge in charges:
        sums[name] = sums.get(name, Charge()) + charge
    return sums
