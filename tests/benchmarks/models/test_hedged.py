"""A second attempt for stragglers: when there is one, who wins, and what it costs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Budget, Caps
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import wrapped
from benchmarks.models.hedged import FEWEST_PEERS, MOST, Hedged
from benchmarks.models.pace import Pace
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, ModelIdentity, Request
from benchmarks.models.retrying import Patience
from tests.benchmarks.models.parts import IDENTITY, PRICED, Held, ask, failure
from tests.endpoints.virtual_time import in_virtual_time

SLOW_S = 60.0
PEERS = 200


@dataclass(slots=True)
class Drawn:
    """Answers after half a second to one second, but the attempts that `drawn(row, attempt)` gives a reply and a
    latency for; a reply of None is the usual one. `cancelled` counts those that were."""

    drawn: Callable[[str, int], tuple[Failure | None, float] | None]
    left: dict[str, int] = field(default_factory=dict)
    cancelled: int = 0
    identity: ModelIdentity = IDENTITY

    async def complete(self, request: Request) -> Completion | Failure:
        row = request.example_id
        self.left[row] = self.left.get(row, 0) + 1
        latency_s = 0.5 + len(self.left) % 10 / 20
        failed, latency_s = self.drawn(row, self.left[row]) or (None, latency_s)
        try:
            await asyncio.sleep(latency_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if failed is not None:
            return replace(failed, latency_s=latency_s)
        return Completion(text="yes", usage=PRICED.usage(10, 5), latency_s=latency_s)

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


def slow_first(row: str, attempt: int) -> tuple[None, float] | None:
    return (None, SLOW_S) if row == "straggler" and attempt == 1 else None


@dataclass(slots=True)
class Asked:
    """What came of a straggler that was asked after its peers: its reply, the seconds it took, and what was spent."""

    reply: Completion | Failure
    seconds: float
    budget: Budget
    ledger: MemoryLedger


def model_of(inner: LanguageModel, budget: Budget, ledger: MemoryLedger, *, hedge: bool, pace: Pace) -> LanguageModel:
    return wrapped(
        inner,
        max_concurrency=8,
        tariff=PRICED,
        budget=budget,
        ledger=ledger,
        occasion=Occasion(),
        mark=0,
        patience=Patience(attempts=1),
        rng=random.Random(0),
        hedge=hedge,
        pace=pace,
    )


def straggling(inner: Drawn, *, calls: int = 10_000, hedge: bool = True, beside: Sequence[str] = ()) -> Asked:
    """The straggler, asked after `PEERS` others and at the same time as those `beside` it."""

    async def main() -> Asked:
        budget, ledger = Budget(Caps(calls=calls)), MemoryLedger()
        model = model_of(inner, budget, ledger, hedge=hedge, pace=Pace(8))
        await asyncio.gather(*(model.complete(row(str(number))) for number in range(PEERS)))
        begun = asyncio.get_running_loop().time()
        others = [asyncio.create_task(model.complete(row(name))) for name in beside]
        reply = await model.complete(row("straggler"))
        seconds = asyncio.get_running_loop().time() - begun
        await asyncio.gather(*others)
        return Asked(reply, seconds, budget, ledger)

    return in_virtual_time(main())


def row(name: str) -> Request:
    return ask(f"row {name}", example_id=name)


def test_the_second_attempt_of_a_straggler_wins_and_the_first_is_charged_as_lost() -> None:
    inner = Drawn(slow_first)
    asked = straggling(inner)
    assert isinstance(asked.reply, Completion)
    assert (asked.reply.lost_attempts, inner.left["straggler"], inner.cancelled) == (1, 2, 1)
    assert asked.seconds < 5.0
    spent = asked.budget.spent
    assert spent.calls == PEERS + 2
    lost = PRICED.bound(row("straggler")).tokens
    assert spent.amount.tokens == 15 * (PEERS + 1) + lost


def test_nobody_pays_for_it_who_did_not_allow_it() -> None:
    inner = Drawn(slow_first)
    asked = straggling(inner, hedge=False)
    assert (asked.seconds, inner.left["straggler"], asked.budget.spent.calls) == (SLOW_S, 1, PEERS + 1)


def test_the_first_attempt_can_still_win() -> None:
    inner = Drawn(lambda name, attempt: (None, (4.0, SLOW_S)[attempt - 1]) if name == "straggler" else None)
    asked = straggling(inner)
    assert asked.seconds == 4.0
    assert (asked.reply.lost_attempts, inner.cancelled, asked.budget.spent.calls) == (1, 1, PEERS + 2)


@pytest.mark.parametrize(
    ("failed", "lost"),
    [(failure(FailureKind.RATE_LIMITED), 0), (failure(FailureKind.TIMEOUT, maybe_billed=True), 1)],
)
def test_an_attempt_that_fails_does_not_win(failed: Failure, lost: int) -> None:
    def drawn(name: str, attempt: int) -> tuple[Failure | None, float] | None:
        return None if name != "straggler" else ((None, 9.0), (failed, 1.0))[attempt - 1]

    asked = straggling(Drawn(drawn))
    assert isinstance(asked.reply, Completion)
    assert (asked.seconds, asked.reply.lost_attempts, asked.budget.spent.calls) == (9.0, lost, PEERS + 1 + lost)


def test_when_both_fail_both_are_counted() -> None:
    timed_out = failure(FailureKind.TIMEOUT, maybe_billed=True)
    asked = straggling(Drawn(lambda name, attempt: (timed_out, 9.0) if name == "straggler" else None))
    assert isinstance(asked.reply, Failure)
    assert (asked.reply.lost_attempts, asked.budget.spent.calls) == (2, PEERS + 2)


def test_a_budget_without_room_for_it_waits_for_the_first() -> None:
    inner = Drawn(slow_first)
    asked = straggling(inner, calls=PEERS + 1)
    assert (asked.seconds, inner.left["straggler"], asked.budget.spent.calls) == (SLOW_S, 1, PEERS + 1)


def test_it_takes_no_place_that_somebody_waits_for() -> None:
    beside = [f"beside {number}" for number in range(7)]
    inner = Drawn(lambda name, attempt: (None, SLOW_S) if name == "straggler" or name in beside else None)
    straggling(inner, beside=beside)
    assert [inner.left[name] for name in ("straggler", *beside)] == [1] * 8


def test_a_level_that_is_cut_allows_none() -> None:
    def drawn(name: str, attempt: int) -> tuple[Failure | None, float] | None:
        return (failure(FailureKind.RATE_LIMITED), 0.1) if name == str(PEERS - 1) else slow_first(name, attempt)

    inner = Drawn(drawn)
    assert straggling(inner).seconds == SLOW_S
    assert inner.left["straggler"] == 1


def test_only_few_attempts_get_one() -> None:
    inner = Drawn(lambda name, attempt: (None, SLOW_S) if name.startswith("s") and attempt == 1 else None)

    async def main() -> None:
        budget = Budget(Caps(calls=10_000))
        model = model_of(inner, budget, MemoryLedger(), hedge=True, pace=Pace(8))
        await asyncio.gather(*(model.complete(row(str(number))) for number in range(PEERS)))
        for number in range(50):
            await model.complete(row(f"s{number}"))

    in_virtual_time(main())
    seconds = sum(times - 1 for times in inner.left.values())
    assert 1 <= seconds <= MOST * (PEERS + 50) + 1


def test_nothing_is_known_about_peers_at_first() -> None:
    inner = Held()

    async def main() -> None:
        budget = Budget(Caps(calls=100))
        model = Hedged(inner, pace=Pace(8), budget=budget, tariff=PRICED)
        asked = [asyncio.create_task(model.complete(row(str(number)))) for number in range(FEWEST_PEERS - 1)]
        await asyncio.sleep(1000.0)
        assert len(inner.asked) == FEWEST_PEERS - 1
        inner.release.set()
        await asyncio.gather(*asked)

    in_virtual_time(main())


def test_a_cancelled_straggler_takes_both_attempts_with_it() -> None:
    inner = Drawn(lambda name, _attempt: (None, SLOW_S) if name == "straggler" else None)

    async def main() -> None:
        budget, pace = Budget(Caps(calls=10_000)), Pace(8)
        model = model_of(inner, budget, MemoryLedger(), hedge=True, pace=pace)
        await asyncio.gather(*(model.complete(row(str(number))) for number in range(PEERS)))
        asked = asyncio.create_task(model.complete(row("straggler")))
        await asyncio.sleep(20.0)
        assert pace.under_way == 2
        asked.cancel()
        await model.withdraw()
        assert (inner.cancelled, pace.under_way, budget.spent.calls) == (2, 0, PEERS + 2)

    in_virtual_time(main())


DRAWN = st.tuples(
    st.sampled_from([None, None, FailureKind.TIMEOUT, FailureKind.RATE_LIMITED, FailureKind.CONTENT_FILTER]),
    st.sampled_from([0.5, 1.0, 3.0, 5.0, 9.0]),
)


@settings(deadline=None, max_examples=60)
@given(first=DRAWN, second=DRAWN, calls=st.integers(PEERS, PEERS + 3))
def test_no_cap_is_exceeded_and_a_replay_costs_the_same(
    first: tuple[FailureKind | None, float], second: tuple[FailureKind | None, float], calls: int
) -> None:
    def drawn(name: str, attempt: int) -> tuple[Failure | None, float] | None:
        if name != "straggler":
            return None
        kind, latency_s = (first, second)[attempt - 1]
        return (None if kind is None else failure(kind, maybe_billed=kind is FailureKind.TIMEOUT)), latency_s

    asked = straggling(Drawn(drawn), calls=calls)
    assert asked.budget.spent.calls <= calls
    replay = Budget(Caps(calls=calls))

    async def again() -> None:
        model = model_of(Held(), replay, asked.ledger, hedge=False, pace=Pace(8))
        await asyncio.gather(*(model.complete(row(str(number))) for number in range(PEERS)))
        if isinstance(asked.reply, Failure) and asked.reply.kind.transient:
            for _ in range(asked.reply.lost_attempts):
                replay.charge(PRICED.lost(row("straggler")))
        else:
            await model.complete(row("straggler"))

    in_virtual_time(again())
    assert (replay.spent.calls, replay.spent.amount.tokens) == (
        asked.budget.spent.calls,
        asked.budget.spent.amount.tokens,
    )
