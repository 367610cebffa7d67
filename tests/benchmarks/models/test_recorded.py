"""The ledger as a wrapper: what is sent, what is kept, and who is charged for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from benchmarks.budget import Budget, Caps, Charge
from benchmarks.errors import AccessDenied, StorageError
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Entry, Ledger, Occasion, ledger_key
from benchmarks.models.kept import Kept
from benchmarks.models.metered import Metered
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, Message, Request
from benchmarks.models.recorded import FRESH_S, Recorded
from benchmarks.models.retrying import Patience, Retrying
from benchmarks.models.scripted import Script, Scripted
from tests.benchmarks.models.parts import IDENTITY, PRICED, Held, ask, echo, failure, in_turn, settle
from tests.endpoints.virtual_time import in_virtual_time


def recorded(
    inner: LanguageModel, ledger: Ledger, budget: Budget | None = None, attempts: int = 1, **fields: Any
) -> Recorded:
    """`inner`, metered, tried `attempts` times without waiting, and recorded."""
    budget = budget or Budget(Caps(calls=100))
    patience = Patience(attempts=attempts, attempts_at_first=attempts, first_s=0.0)
    tried = Retrying(Metered(inner=inner, budget=budget, tariff=PRICED), patience=patience, rng=Random(0))
    settings = {"occasion": Occasion(), "mark": 0, **fields}
    kept = Kept(inner=tried, ledger=ledger, occasion=settings["occasion"])
    return Recorded(kept, ledger=ledger, budget=budget, tariff=PRICED, **settings)


def scripted(script: Script = echo) -> Scripted:
    return Scripted(script=script, tariff=PRICED, identity=IDENTITY)


async def test_the_same_question_is_sent_once() -> None:
    ledger, inner, budget = MemoryLedger(), scripted(), Budget(Caps(calls=100))
    model = recorded(inner, ledger, budget)
    first, again = await model.complete(ask()), await model.complete(ask())
    assert first == again
    assert len(inner.requests) == 1
    assert (budget.spent.calls, budget.spent.ledger_hits) == (1, 1)


async def test_another_job_finds_what_was_asked_before() -> None:
    ledger, inner = MemoryLedger(), scripted()
    reply = await recorded(scripted(), ledger).complete(ask())
    assert await recorded(inner, ledger).complete(ask(prompt_digest="another", example_id="another")) == reply
    assert inner.requests == []


@pytest.mark.parametrize(
    ("fields", "request_"),
    [
        ({"occasion": Occasion(epoch="2026-11-21")}, ask()),
        ({"occasion": Occasion(project="another")}, ask()),
        ({}, ask(repeat=1)),
        ({}, ask("Which other team?")),
        ({}, ask(parameters={"max_tokens": 17})),
    ],
)
async def test_another_question_is_sent(fields: dict[str, Any], request_: Request) -> None:
    ledger, inner = MemoryLedger(), scripted()
    await recorded(scripted(), ledger).complete(ask())
    await recorded(inner, ledger, **fields).complete(request_)
    assert len(inner.requests) == 1
    assert len(ledger.entries) == 2


async def test_a_twin_waits_for_the_reply_that_is_under_way() -> None:
    ledger, inner, budget = MemoryLedger(), Held(), Budget(Caps(calls=100))
    model = recorded(inner, ledger, budget)
    twins = [asyncio.create_task(model.complete(ask())) for _ in range(5)]
    await settle()
    inner.release.set()
    replies = await asyncio.gather(*twins)
    assert len(inner.asked) == 1
    assert replies == [replies[0]] * 5
    assert (budget.spent.calls, budget.spent.ledger_hits) == (1, 4)


async def test_a_twin_outlives_the_caller_who_asked_first() -> None:
    inner = Held()
    model = recorded(inner, MemoryLedger())
    first, twin = (asyncio.create_task(model.complete(ask())) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    inner.release.set()
    assert isinstance(await twin, Completion)
    assert len(inner.asked) == 1


async def test_a_reply_is_kept_before_it_is_used() -> None:
    class Watched(MemoryLedger):
        async def keep(self, entry: Entry) -> Entry:
            assert not asked.done()
            return await MemoryLedger.keep(self, entry)

    ledger = Watched()
    asked = asyncio.create_task(recorded(scripted(), ledger).complete(ask()))
    reply = await asked
    assert [entry.reply for entry in ledger.entries.values()] == [reply]


async def test_a_reply_that_cannot_be_kept_is_not_used() -> None:
    class Full(MemoryLedger):
        async def keep(self, entry: Entry) -> Entry:
            raise StorageError("no space left")

    with pytest.raises(StorageError):
        await recorded(scripted(), Full()).complete(ask())


async def test_an_entry_says_what_it_answers() -> None:
    ledger = MemoryLedger()
    request = ask(prompt_digest="p", example_id="e", repeat=3)
    reply = await recorded(scripted(), ledger, occasion=Occasion(project="a", epoch="b")).complete(request)
    (entry,) = ledger.entries.values()
    assert entry.key == ledger_key(Occasion(project="a", epoch="b"), IDENTITY, request)
    assert (entry.reply, entry.model, entry.occasion) == (reply, IDENTITY, Occasion(project="a", epoch="b"))
    assert (entry.prompt_digest, entry.example_id, entry.repeat) == ("p", "e", 3)


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind.transient])
async def test_a_passing_failure_is_asked_again(kind: FailureKind) -> None:
    ledger, inner = MemoryLedger(), scripted(in_turn(failure(kind), "billing"))
    model = recorded(inner, ledger)
    assert isinstance(await model.complete(ask()), Failure)
    assert ledger.entries == {}
    assert isinstance(await model.complete(ask()), Completion)


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if not kind.transient])
async def test_a_failure_that_would_be_met_again_is_kept(kind: FailureKind) -> None:
    ledger, inner = MemoryLedger(), scripted(in_turn("billing", failure(kind), "billing"))
    model = recorded(inner, ledger)
    await model.complete(replace(ask(), repeat=1))
    first = await model.complete(ask())
    assert await model.complete(ask()) == first == failure(kind)
    assert len(inner.requests) == 2


async def test_a_rejection_by_an_endpoint_that_never_answered_is_asked_again_once_it_is_configured() -> None:
    model = recorded(scripted(in_turn(failure(FailureKind.REJECTED), "billing")), MemoryLedger())
    assert await model.complete(ask()) == failure(FailureKind.REJECTED)
    assert isinstance(await model.complete(ask()), Completion)


async def test_a_twin_of_a_passing_failure_gets_it_too_at_no_cost() -> None:
    budget = Budget(Caps(calls=100))
    model = recorded(scripted(in_turn(failure(FailureKind.TIMEOUT, maybe_billed=True))), MemoryLedger(), budget)
    replies = await asyncio.gather(model.complete(ask()), model.complete(ask()))
    assert [isinstance(reply, Failure) and reply.kind for reply in replies] == [FailureKind.TIMEOUT] * 2
    assert [reply.lost_attempts for reply in replies] == [1, 0]
    assert (budget.spent.calls, budget.spent.ledger_hits) == (1, 0)


async def test_a_refused_key_reaches_every_twin_and_nothing_is_kept() -> None:
    def refuse(messages: tuple[Message, ...]) -> str:
        raise AccessDenied("no")

    ledger, inner = MemoryLedger(), scripted(refuse)
    model = recorded(inner, ledger)
    errors = await asyncio.gather(model.complete(ask()), model.complete(ask()), return_exceptions=True)
    assert [type(error) for error in errors] == [AccessDenied, AccessDenied]
    assert len(inner.requests) == 1
    assert ledger.entries == {}


async def test_hits_from_before_the_job_are_free_and_later_ones_cost_what_they_cost() -> None:
    ledger, live = MemoryLedger(), Budget(Caps(calls=100))
    await recorded(scripted(), ledger).complete(ask("old"))
    mark = await ledger.mark()
    lost = failure(FailureKind.TIMEOUT, maybe_billed=True)
    bad_stretch = scripted(in_turn(lost, failure(FailureKind.RATE_LIMITED), lost, "reply"))
    await recorded(bad_stretch, ledger, live, attempts=4, mark=mark).complete(ask("new"))
    assert live.spent.calls == 3

    inner, budget = scripted(), Budget(Caps(calls=100))
    resumed = recorded(inner, ledger, budget, mark=mark)
    await resumed.complete(ask("old"))
    assert budget.spent == Charge(ledger_hits=1)
    await resumed.complete(ask("new"))
    assert budget.spent == live.spent + Charge(ledger_hits=1)
    await resumed.complete(ask("new"))
    assert budget.spent == live.spent + Charge(ledger_hits=2)
    assert inner.requests == []


async def test_the_first_reply_kept_stands_for_all() -> None:
    ledger, inner = MemoryLedger(), Held()
    model = recorded(inner, ledger)
    asked = asyncio.create_task(model.complete(ask()))
    await settle()
    elsewhere = MemoryLedger(entries=ledger.entries)
    other = await recorded(scripted(in_turn("from another process")), elsewhere).complete(ask())
    inner.release.set()
    assert await asked == other


async def cancelled_while(model: Recorded, ready: Callable[[], bool]) -> None:
    asked = asyncio.create_task(model.complete(ask()))
    while not ready():
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_a_cancelled_caller_does_not_lose_the_reply_under_way() -> None:
    ledger, inner = MemoryLedger(), Held()
    model = recorded(inner, ledger)
    await cancelled_while(model, lambda: bool(inner.asked))
    withdrawing = asyncio.create_task(model.withdraw())
    await settle()
    assert not withdrawing.done()
    inner.release.set()
    await withdrawing
    assert len(ledger.entries) == 1
    assert isinstance(await model.complete(ask()), Completion)
    assert len(inner.asked) == 1


async def test_a_reply_that_does_not_come_in_time_is_given_up_and_charged() -> None:
    ledger, inner, budget = MemoryLedger(), Held(), Budget(Caps(calls=100))
    model = recorded(inner, ledger, budget, grace_s=0.02)
    await cancelled_while(model, lambda: bool(inner.asked))
    await model.withdraw()
    assert ledger.entries == {}
    assert budget.spent.amount == PRICED.bound(ask())


async def test_a_withdrawal_that_is_cancelled_gives_the_rest_up_at_once_and_charges_it() -> None:
    ledger, inner, budget = MemoryLedger(), Held(), Budget(Caps(calls=100))
    model = recorded(inner, ledger, budget, grace_s=1000.0)
    await cancelled_while(model, lambda: bool(inner.asked))
    withdrawing = asyncio.create_task(model.withdraw())
    await settle()
    withdrawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await withdrawing
    assert ledger.entries == {}
    assert budget.spent.amount == PRICED.bound(ask())


async def test_a_request_that_was_only_looked_up_does_not_leave_after_a_withdrawal() -> None:
    class Slow(MemoryLedger):
        async def find(self, key: bytes) -> Entry | None:
            await found.wait()
            return await MemoryLedger.find(self, key)

    found, inner = asyncio.Event(), scripted()
    model = recorded(inner, Slow())
    asked = asyncio.create_task(model.complete(ask()))
    await settle()
    withdrawing = asyncio.create_task(model.withdraw())
    await settle()
    found.set()
    await withdrawing
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert inner.requests == []
    assert isinstance(await model.complete(ask()), Completion)


async def test_many_are_recalled_at_once_and_charged_as_hits() -> None:
    ledger, inner, budget = MemoryLedger(), scripted(), Budget(Caps(calls=100))
    await recorded(scripted(), ledger).complete(ask("one"))
    await recorded(scripted(), ledger).complete(ask("three"))
    model = recorded(inner, ledger, budget, mark=await ledger.mark())
    replies = await model.recall([ask("one"), ask("two"), ask("three")])
    assert [reply.text if isinstance(reply, Completion) else reply for reply in replies] == ["one", None, "three"]
    assert (budget.spent.calls, budget.spent.ledger_hits) == (0, 2)
    assert inner.requests == []


def test_what_was_not_known_is_looked_up_again_if_it_leaves_much_later() -> None:
    async def at_leisure() -> None:
        ledger, inner = MemoryLedger(), scripted()
        model = recorded(inner, ledger)
        request = ask()
        assert await model.recall([request]) == [None]
        await asyncio.sleep(2 * FRESH_S)
        kept = await recorded(scripted(), MemoryLedger(entries=ledger.entries)).complete(ask())
        assert await model.complete(request) == kept
        assert inner.requests == []

    in_virtual_time(at_leisure())


async def test_jobs_that_share_a_ledger_wait_for_each_others_requests() -> None:
    ledger, inner, other = MemoryLedger(), Held(), scripted()
    budgets = Budget(Caps(calls=100)), Budget(Caps(calls=100))
    first = asyncio.create_task(recorded(inner, ledger, budgets[0]).complete(ask()))
    await settle()
    second = asyncio.create_task(recorded(other, ledger, budgets[1]).complete(ask()))
    await settle()
    assert not second.done()
    inner.release.set()
    assert await first == await second
    assert other.requests == []
    assert [budget.spent.calls for budget in budgets] == [1, 1], "each job pays for what it was not given before"
    assert ledger.under_way.tasks == {}


async def test_a_job_asks_itself_when_the_job_it_waited_for_got_no_reply() -> None:
    ledger, other = MemoryLedger(), scripted()

    class Fails(Held):
        async def complete(self, request: Request) -> Completion | Failure:
            await super().complete(request)
            return failure(FailureKind.TIMEOUT)

    inner = Fails()
    first = asyncio.create_task(recorded(inner, ledger).complete(ask()))
    await settle()
    second = asyncio.create_task(recorded(other, ledger).complete(ask()))
    await settle()
    inner.release.set()
    assert isinstance(await first, Failure)
    assert isinstance(await second, Completion)
    assert len(other.requests) == 1


async def test_what_another_job_was_answered_since_the_look_up_is_not_asked() -> None:
    ledger, inner = MemoryLedger(), Held()
    first = asyncio.create_task(recorded(inner, ledger).complete(ask()))
    await settle()
    other = scripted()
    second, request = recorded(other, ledger), ask()
    assert await second.recall([request]) == [None]
    inner.release.set()
    reply = await first
    assert await second.start(request) == reply
    assert other.requests == []


async def test_prompts_that_render_alike_are_asked_once() -> None:
    ledger, inner = MemoryLedger(), scripted()
    model = recorded(inner, ledger)
    one, other = ask(prompt_digest="one"), ask(prompt_digest="other")
    assert await model.recall([one, other]) == [None, None]
    assert await model.start(one) == await model.start(other)
    assert len(inner.requests) == 1


async def test_a_kept_reply_is_accounted_for_once_and_only_since_it_was_charged() -> None:
    ledger, budget = MemoryLedger(), Budget(Caps(calls=100))
    model = recorded(scripted(), ledger, budget)
    questions = [ask("one"), ask("two"), ask("two", prompt_digest="renders alike"), ask("never asked")]
    await model.complete(questions[0])
    since, before = model.charges, budget.spent
    await model.complete(questions[1])
    spent = budget.spent
    assert (await model.accounted(questions, since=0)).amount == spent.amount
    assert (before + await model.accounted(questions, since=since)).amount == spent.amount
