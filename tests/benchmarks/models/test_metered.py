"""What is set aside before an attempt leaves, and what it is charged with."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.budget import Budget, Caps, Charge
from benchmarks.errors import AccessDenied
from benchmarks.models.metered import Metered
from benchmarks.models.protocol import Completion, Failure, FailureKind, Message
from benchmarks.models.scripted import Script, Scripted
from tests.benchmarks.models.parts import PRICED, Held, ask, echo, failure, in_turn, settle

BOUND = PRICED.bound(ask())


def metered(script: Script, caps: Caps | None = None) -> tuple[Metered, Budget, Scripted]:
    budget = Budget(caps or Caps(calls=10))
    inner = Scripted(script=script, tariff=PRICED)
    return Metered(inner=inner, budget=budget, tariff=PRICED), budget, inner


async def test_a_reply_is_charged_with_what_it_took() -> None:
    model, budget, _ = metered(echo)
    reply = await model.complete(ask())
    assert isinstance(reply, Completion)
    usage = reply.usage
    assert budget.spent == Charge(
        calls=1,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=usage.cost_usd,
    )
    assert budget.calls_left() == 9


@pytest.mark.parametrize("kind", [FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR, FailureKind.CONNECTION])
async def test_an_attempt_that_was_turned_away_costs_nothing(kind: FailureKind) -> None:
    model, budget, _ = metered(in_turn(failure(kind)))
    await model.complete(ask())
    assert budget.spent == Charge()
    assert budget.calls_left() == 10


@pytest.mark.parametrize("kind", [FailureKind.CONTEXT_TOO_LONG, FailureKind.REJECTED])
async def test_a_final_refusal_is_a_call_without_tokens(kind: FailureKind) -> None:
    model, budget, _ = metered(in_turn(failure(kind)))
    await model.complete(ask())
    assert budget.spent == Charge(calls=1)


@pytest.mark.parametrize(
    "lost",
    [
        failure(FailureKind.TIMEOUT, maybe_billed=True),
        failure(FailureKind.GARBLED, maybe_billed=True),
        failure(FailureKind.CONTENT_FILTER),
    ],
    ids=lambda lost: lost.kind,
)
async def test_what_may_have_been_billed_is_charged_at_its_most(lost: Failure) -> None:
    model, budget, _ = metered(in_turn(lost))
    await model.complete(ask())
    assert budget.spent.amount == BOUND


@pytest.mark.parametrize(
    "caps",
    [
        Caps(calls=0),
        Caps(calls=9, tokens=BOUND.tokens - 1),
        Caps(calls=9, usd=BOUND.usd - 1e-7),
    ],
)
async def test_a_call_that_might_exceed_a_cap_does_not_leave(caps: Caps) -> None:
    model, budget, inner = metered(echo, caps)
    reply = await model.complete(ask())
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.kind.transient) == (FailureKind.UNAFFORDABLE, True)
    assert inner.requests == []
    assert budget.spent == Charge()


async def test_caps_can_be_used_to_the_last_call() -> None:
    model, _, inner = metered(echo, Caps(calls=3))
    replies = await asyncio.gather(*(model.complete(ask(str(number))) for number in range(8)))
    assert sum(isinstance(reply, Completion) for reply in replies) == 3
    assert len(inner.requests) == 3


async def test_a_call_waits_for_what_others_give_back() -> None:
    budget = Budget(Caps(calls=9, tokens=BOUND.tokens + 20))
    inner = Held()
    model = Metered(inner=inner, budget=budget, tariff=PRICED)
    first, second = (asyncio.create_task(model.complete(ask())) for _ in range(2))
    await settle()
    assert len(inner.asked) == 1
    inner.release.set()
    assert isinstance(await first, Completion)
    assert isinstance(await second, Completion)


async def test_a_cancelled_attempt_is_charged_as_lost() -> None:
    budget = Budget(Caps(calls=9))
    model = Metered(inner=Held(), budget=budget, tariff=PRICED)
    asked = asyncio.create_task(model.complete(ask()))
    await settle()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert budget.spent.amount == BOUND
    assert budget.calls_left() == 8


async def test_a_refused_key_gives_the_reservation_back() -> None:
    def refuse(messages: tuple[Message, ...]) -> str:
        raise AccessDenied("no")

    model, budget, _ = metered(refuse)
    with pytest.raises(AccessDenied):
        await model.complete(ask())
    assert budget.spent == Charge()
    assert budget.calls_left() == 10


async def test_a_withdrawal_turns_away_those_who_wait_for_the_budget() -> None:
    budget = Budget(Caps(calls=9, tokens=BOUND.tokens + 20))
    inner = Held()
    model = Metered(inner=inner, budget=budget, tariff=PRICED)
    under_way, waiting = (asyncio.create_task(model.complete(ask())) for _ in range(2))
    await settle()
    await model.withdraw()
    inner.release.set()
    assert isinstance(await under_way, Completion)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(inner.asked) == 1
    assert budget.spent.calls == 1
    assert budget.calls_left() == 8
