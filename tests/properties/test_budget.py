"""What holds for every budget: no cap is exceeded, whatever the endpoint does, and a replay costs what the run did."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.budget import Amount, Budget, Caps, Charge
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import wrapped
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, Message, ModelIdentity, Request
from benchmarks.models.retrying import Patience
from tests.endpoints.virtual_time import in_virtual_time

bounded = settings(deadline=None, max_examples=80)

TARIFF = Tariff(price=Price(prompt_usd_per_million=3.0, completion_usd_per_million=15.0))
REFUSED = (FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR)
LOST = (FailureKind.TIMEOUT, FailureKind.CONNECTION, FailureKind.GARBLED)
FINAL = (FailureKind.CONTEXT_TOO_LONG, FailureKind.CONTENT_FILTER, FailureKind.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What one attempt meets: a share of the largest possible reply (`failure` None) or a failure, after `latency`
    turns of the event loop."""

    failure: FailureKind | None
    share: float
    latency: int


ATTEMPTS = st.lists(
    st.builds(
        Attempt,
        failure=st.none() | st.sampled_from([*REFUSED, *LOST, *FINAL]),
        share=st.floats(0, 1),
        latency=st.integers(0, 8),
    ),
    min_size=1,
    max_size=30,
)
QUESTIONS = st.lists(
    st.builds(
        lambda number, size, limit: Request(
            messages=(Message(role="user", content=f"{number} " + "x" * size),), parameters={"max_tokens": limit}
        ),
        st.integers(0, 6),
        st.sampled_from([0, 0, 1, 200]),
        st.sampled_from([1, 1, 64, 400]),
    ),
    max_size=12,
)
SMALLEST = TARIFF.bound(Request(messages=(Message(role="user", content="0 "),), parameters={"max_tokens": 1}))
# Caps that are only just too small, or only just large enough, for some number of calls.
CAPS = st.builds(
    Caps,
    calls=st.integers(0, 20),
    tokens=st.none() | st.builds(lambda n, d: n * SMALLEST.tokens + d, st.integers(1, 12), st.integers(-3, 3)),
    usd=st.none() | st.builds(lambda n, d: n * SMALLEST.usd + d, st.integers(1, 12), st.floats(-1e-5, 1e-5)),
)


@dataclass(slots=True)
class Fickle:
    """Meets the attempts that were drawn, in the order in which requests reach it, over and over; before and after
    each it looks whether the budget could still be exceeded."""

    attempts: Sequence[Attempt]
    budget: Budget
    identity: ModelIdentity = field(default_factory=lambda: ModelIdentity(endpoint="here", model="m"))
    asked: int = 0
    billed: int = 0
    under_way: Amount = field(default_factory=Amount)

    async def complete(self, request: Request) -> Completion | Failure:
        attempt = self.attempts[self.asked % len(self.attempts)]
        bound = TARIFF.bound(request)
        self.asked += 1
        self.under_way += bound
        self.check()
        for _ in range(attempt.latency):
            await asyncio.sleep(0)
        self.check()
        self.under_way -= bound
        self.billed += attempt.failure not in REFUSED
        if attempt.failure is None:
            prompt_tokens = int((bound.tokens - limit_of(request)) * attempt.share)
            usage = TARIFF.usage(prompt_tokens, int(limit_of(request) * attempt.share))
            return Completion(text=f"reply {self.asked}", usage=usage)
        return Failure(kind=attempt.failure, detail="drawn", maybe_billed=attempt.failure in LOST)

    def check(self) -> None:
        """What was spent and the most that is under way fit into the caps together."""
        caps, most = self.budget.caps, self.budget.spent.amount + self.under_way
        assert most.calls <= caps.calls
        assert caps.tokens is None or most.tokens <= caps.tokens
        assert caps.usd is None or most.usd <= caps.usd + 1e-8

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


def limit_of(request: Request) -> int:
    limit = request.parameters["max_tokens"]
    assert isinstance(limit, int)
    return limit


def connected(inner: LanguageModel, budget: Budget, ledger: MemoryLedger, concurrency: int) -> LanguageModel:
    return wrapped(
        inner,
        max_concurrency=concurrency,
        tariff=TARIFF,
        budget=budget,
        ledger=ledger,
        occasion=Occasion(),
        mark=0,
        patience=Patience(attempts=3, first_s=0.0, requests_at_first=None),
        rng=random.Random(0),
    )


@bounded
@given(attempts=ATTEMPTS, questions=QUESTIONS, caps=CAPS, concurrency=st.integers(1, 12))
def test_no_cap_is_ever_exceeded(
    attempts: list[Attempt], questions: list[Request], caps: Caps, concurrency: int
) -> None:
    async def main() -> None:
        budget = Budget(caps)
        inner = Fickle(attempts, budget)
        model = connected(inner, budget, MemoryLedger(), concurrency)
        await asyncio.wait_for(asyncio.gather(*(model.complete(question) for question in questions)), timeout=3600)
        inner.check()
        assert inner.under_way.calls == 0
        assert inner.billed == budget.spent.calls <= caps.calls
        assert budget.calls_left() == caps.calls - budget.spent.calls

    in_virtual_time(main())


@bounded
@given(attempts=ATTEMPTS, questions=QUESTIONS, caps=CAPS, concurrency=st.integers(1, 12), data=st.data())
def test_no_cap_is_ever_exceeded_when_callers_give_up(
    attempts: list[Attempt], questions: list[Request], caps: Caps, concurrency: int, data: st.DataObject
) -> None:
    turns = data.draw(st.integers(0, 40), label="turns before the callers give up")
    given_up = data.draw(st.sets(st.integers(0, 12)), label="callers that give up")

    async def main() -> None:
        budget, ledger = Budget(caps), MemoryLedger()
        inner = Fickle(attempts, budget)
        model = connected(inner, budget, ledger, concurrency)
        asking = [asyncio.create_task(model.complete(question)) for question in questions]
        for _ in range(turns):
            await asyncio.sleep(0)
        for number in given_up & set(range(len(asking))):
            asking[number].cancel()
        await asyncio.wait_for(model.withdraw(), timeout=3600)
        await asyncio.gather(*asking, return_exceptions=True)
        inner.check()
        asked = inner.asked
        assert inner.under_way.calls == 0
        assert inner.billed == budget.spent.calls <= caps.calls
        for _ in range(5):
            await asyncio.sleep(0)
        assert inner.asked == asked

    in_virtual_time(main())


@bounded
@given(attempts=ATTEMPTS, questions=QUESTIONS, concurrency=st.integers(1, 12), resumed=st.integers(1, 12))
def test_a_replay_is_charged_what_the_run_was(
    attempts: list[Attempt], questions: list[Request], concurrency: int, resumed: int
) -> None:
    async def main() -> None:
        ledger, live, replay = MemoryLedger(), Budget(Caps(calls=1000)), Budget(Caps(calls=1000))
        model = connected(Fickle(attempts, live), live, ledger, concurrency)
        replies = await asyncio.gather(*(model.complete(question) for question in questions))
        answered = any(isinstance(reply, Completion) for reply in replies)
        # An endpoint that rejects everything is not replayed: no block of it is ever used.
        assume(answered or not any(isinstance(r, Failure) and r.kind is FailureKind.REJECTED for r in replies))
        kept = [n for n, reply in enumerate(replies) if isinstance(reply, Completion) or not reply.kind.transient]
        nobody = Fickle([], replay)
        again = connected(nobody, replay, ledger, resumed)
        assert [replies[number] for number in kept] == await asyncio.gather(
            *(again.complete(questions[number]) for number in kept)
        )
        assert nobody.asked == 0
        for number, reply in enumerate(replies):
            if number not in kept:
                for _ in range(reply.lost_attempts):
                    replay.charge(TARIFF.lost(questions[number]))
        assert_equal(replay.spent, live.spent)

    in_virtual_time(main())


def assert_equal(one: Charge, other: Charge) -> None:
    assert (one.calls, one.ledger_hits) == (other.calls, other.ledger_hits)
    assert (one.prompt_tokens, one.completion_tokens) == (other.prompt_tokens, other.completion_tokens)
    assert one.cost_usd is not None
    assert other.cost_usd is not None
    assert abs(one.cost_usd - other.cost_usd) < 1e-9
