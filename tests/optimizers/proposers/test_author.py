from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.budget import Budget, Caps, Charge
from benchmarks.errors import EndpointError
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Request, Usage
from optimizers.journal import MemoryJournal
from optimizers.proposers.author import PHASE, Author, Draft
from optimizers.proposers.lints import Refusal
from optimizers.proposers.operators import Commission
from tests.endpoints.jobs import Killed, Respond, Respondent
from tests.endpoints.proposer import Mode, ProposerModel, connect
from tests.endpoints.virtual_time import in_virtual_time


@dataclass(slots=True, kw_only=True)
class Process:
    """What outlives a process that asks an author: ledger and journal. Each run is a process of its own."""

    caps: Caps = field(default_factory=lambda: Caps(calls=100))
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    journal: MemoryJournal = field(default_factory=MemoryJournal)

    def run(
        self, model: Respondent, orders: Sequence[Commission], seconds_left: float | None = None
    ) -> tuple[list[Draft | Refusal], Charge, bool]:
        """The drafts, what they were charged with, and whether the author is exhausted."""

        async def main() -> tuple[list[Draft | Refusal], Charge, bool]:
            budget = Budget(self.caps)
            author = Author(connect(model, budget, self.ledger), self.journal)
            drafts = await author.write(author.affordable(orders), "round 1", seconds_left)
            return drafts, budget.by_phase.get(PHASE, Charge()), author.exhausted

        return in_virtual_time(main())


def orders(count: int) -> list[Commission]:
    inputs = {"instruction_so_far": "Sort it.", "requirements": "(none)"}
    return [
        Commission(operator="paraphrase", inputs={**inputs, "manner": f"manner {n}"}, hypothesis="Words matter.")
        for n in range(count)
    ]


def good(**fields: Any) -> Respondent:
    return Respondent(respond=ProposerModel().respond, **fields)


def texts(drafts: Sequence[Draft | Refusal]) -> list[str]:
    return [draft.instruction if isinstance(draft, Draft) else draft.name for draft in drafts]


def test_drafts_come_in_the_order_of_what_was_commissioned_and_are_charged_to_their_phase() -> None:
    waits = iter([0.4, 0.1, 0.3, 0.2])
    drafts, charge, exhausted = Process().run(good(latency_s=lambda _: next(waits)), orders(4))
    assert texts(drafts) == [f"Sort it.\n(Said manner {n}.)" for n in range(4)]
    assert charge.calls == 4
    assert not exhausted


def test_the_same_commission_again_is_another_draw() -> None:
    model = good()
    Process().run(model, [*orders(1), *orders(1)])
    assert [repeat for _, _, repeat in model.asked] == [0, 1]


def weather(respond: Respond, failing: Mapping[int, Failure]) -> Respond:
    """Answers as `respond`, but for the manners in `failing`."""

    def unreliable(request: Request) -> str | Failure:
        text = request.messages[-1].content
        return next((failure for n, failure in failing.items() if f"manner {n}" in text), None) or respond(request)

    return unreliable


@pytest.mark.parametrize("lost", [False, True])
def test_a_reply_that_never_came_stays_away_when_the_job_is_run_again(lost: bool) -> None:
    process = Process()
    failing = {1: Failure(kind=FailureKind.TIMEOUT, detail="slow", maybe_billed=lost)}
    first = process.run(Respondent(respond=weather(ProposerModel().respond, failing)), orders(3))
    assert texts(first[0]) == ["Sort it.\n(Said manner 0.)", "NO_REPLY", "Sort it.\n(Said manner 2.)"]
    assert first[1].lost_calls == (2 if lost else 0)
    second = good()
    assert process.run(second, orders(3)) == first
    assert second.asked == []


def test_a_refusal_for_good_is_no_reply_either() -> None:
    failing = {0: Failure(kind=FailureKind.CONTENT_FILTER, detail="filtered")}
    drafts, _, _ = Process().run(Respondent(respond=weather(ProposerModel().respond, failing)), orders(2))
    assert texts(drafts) == ["NO_REPLY", "Sort it.\n(Said manner 1.)"]


def test_a_reply_in_another_form_costs_its_call_and_no_more() -> None:
    model = Respondent(respond=ProposerModel(mode=Mode.BAD_FORMAT).respond)
    drafts, charge, _ = Process().run(model, orders(3))
    assert drafts == [Refusal.UNREADABLE] * 3
    assert charge.calls == 3


@pytest.mark.parametrize("dies_at", [1, 2, 5, 8])
def test_a_process_killed_while_it_asked_asks_for_the_rest_alone(dies_at: int) -> None:
    whole, interrupted = Process(), Process()

    def slow(dies_at: int | None = None) -> Respondent:
        return good(latency_s=lambda request: 0.1 * len(request.messages[-1].content) % 0.7, dies_at=dies_at)

    uninterrupted = whole.run(slow(), orders(8))
    first, second = slow(dies_at), slow()
    with pytest.raises(Killed):
        interrupted.run(first, orders(8))
    assert interrupted.run(second, orders(8)) == uninterrupted
    assert len(first.answered) + len(second.answered) == 8


def test_what_the_budget_does_not_pay_for_is_not_asked() -> None:
    model = good()
    drafts, _, exhausted = Process(caps=Caps(calls=3)).run(model, orders(5))
    assert len(drafts) == len(model.asked) == 3
    assert exhausted


def test_tokens_are_reserved_for_the_longest_replies() -> None:
    model = good()
    drafts, charge, exhausted = Process(caps=Caps(calls=100, tokens=13_000)).run(model, orders(5))
    assert len(drafts) == len(model.asked) == 2
    assert exhausted
    assert charge.amount.tokens <= 13_000


def test_where_the_budget_has_no_room_after_all_the_search_goes_on_without() -> None:
    failing = {2: Failure(kind=FailureKind.UNAFFORDABLE, detail="no room")}
    process = Process()
    first = process.run(Respondent(respond=weather(ProposerModel().respond, failing)), orders(3))
    assert texts(first[0])[2] == "NO_REPLY"
    assert first[2]
    assert process.run(good(), orders(3)) == first


def test_a_deadline_ends_the_round_and_what_it_has_cost_is_remembered() -> None:
    process = Process(caps=Caps(calls=100, seconds=60))
    impatient = good(latency_s=lambda request: 1.0 if "manner 0" in request.messages[-1].content else 30.0)
    first = process.run(impatient, orders(3), seconds_left=10.0)
    assert first[0] == [Refusal.NO_REPLY] * 3
    assert first[1].calls == 3
    assert json.loads(json.dumps(process.journal.facts["round 1"]))["given_up"] == "out of time"
    second = good()
    assert process.run(second, orders(3)) == first
    assert second.asked == []


def test_where_no_time_is_left_nothing_leaves() -> None:
    model = good()
    Process().run(model, orders(3), seconds_left=0.0)
    assert model.asked == []


@dataclass(slots=True, kw_only=True)
class CutShort:
    """Answers everything as if it had been cut off at max_tokens."""

    identity: ModelIdentity = field(default_factory=lambda: ModelIdentity(endpoint="test", model="test"))

    async def complete(self, request: Request) -> Completion | Failure:
        return Completion(text="[[ ## instruction ## ]]\nSort.", usage=Usage(), truncated=True)

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


def test_what_was_cut_off_is_not_used_however_whole_it_looks() -> None:
    async def main() -> list[Draft | Refusal]:
        author = Author(connect(CutShort(), Budget(Caps(calls=10)), MemoryLedger()), MemoryJournal())
        return await author.write(orders(2), "round 1", None)

    assert asyncio.run(main()) == [Refusal.TRUNCATED] * 2


@dataclass(slots=True, kw_only=True)
class Unusable(CutShort):
    """An endpoint that refuses the key."""

    async def complete(self, request: Request) -> Completion | Failure:
        raise EndpointError("The key is wrong.")


def test_an_endpoint_that_fails_at_once_is_an_error() -> None:
    async def main() -> None:
        author = Author(connect(Unusable(), Budget(Caps(calls=10)), MemoryLedger()), MemoryJournal())
        await author.write(orders(3), "round 1", None)

    with pytest.raises(EndpointError, match="The key is wrong"):
        asyncio.run(main())


def test_an_endpoint_that_fails_later_ends_the_writing_and_not_the_job() -> None:
    @dataclass(slots=True, kw_only=True)
    class Revoked(Respondent):
        async def complete(self, request: Request) -> Completion | Failure:
            if len(self.asked) >= 4:
                raise EndpointError("The key was revoked.")
            return await Respondent.complete(self, request)

    ledger, journal = MemoryLedger(), MemoryJournal()

    def run() -> tuple[list[Draft | Refusal], Charge, int]:
        async def main() -> tuple[list[Draft | Refusal], Charge, int]:
            model = Revoked(respond=ProposerModel().respond)
            budget = Budget(Caps(calls=10))
            author = Author(connect(model, budget, ledger), journal)
            first = await author.write(orders(3), "round 1", None)
            second = await author.write(orders(6)[3:], "round 2", None)
            assert author.exhausted
            return first + second, budget.spent, len(model.asked)

        return in_virtual_time(main())

    drafts, charge, asked = run()
    assert texts(drafts)[2:] == ["Sort it.\n(Said manner 2.)", *["NO_REPLY"] * 3]
    assert asked == charge.calls == 4
    assert run() == (drafts, charge, 0)
