from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.budget import PROPOSER, Amount, Caps, Charge
from benchmarks.errors import BudgetError, EndpointDown, EndpointError
from benchmarks.evaluation.run import Assignment
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, ModelIdentity, Request, Usage
from optimizers.journal import MemoryJournal
from optimizers.proposers.author import PHASE, Author, Draft
from optimizers.proposers.lints import Refusal
from optimizers.proposers.operators import Commission
from tests.endpoints.jobs import Job, Killed, Respond, Respondent, labelled_rows, make_task
from tests.endpoints.proposer import Mode, ProposerModel, connect
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(40), split={"train": 0, "validation": 20, "test": 20})
ROWS = TASK.dataset.validation


@dataclass(slots=True, kw_only=True)
class Process:
    """What outlives a process that asks an author: ledger and journal. Each run is a process of its own, with a task
    model of unknown price that has answered `rows` rows before, and leaves `held` and `reserve_s` to the proof. Of the
    last run: `elapsed_s` is the time that the job has taken, `took_s` that of the author, `by_role` what was charged to
    whom."""

    caps: Caps = field(default_factory=lambda: Caps(calls=100))
    price: Price | None = None
    rows: int = 0
    held: Amount = field(default_factory=Amount)
    reserve_s: float = 0.0
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    elapsed_s: float = 0.0
    took_s: float = 0.0
    by_role: dict[str, Charge] = field(default_factory=dict)

    def run(
        self, model: LanguageModel, *rounds: Sequence[Commission], after_s: float = 0.0
    ) -> tuple[list[Draft | Refusal], Charge, bool]:
        """The drafts, what they were charged with, and whether the author is exhausted, if it is asked `after_s`
        seconds after the job began."""

        async def main() -> tuple[list[Draft | Refusal], Charge, bool]:
            job = Job(task=TASK, caps=self.caps, ledger=self.ledger, journal=self.journal)
            _, evaluator = job.connect(Respondent(respond=lambda _: "amber", latency_s=lambda _: 1.0))
            await evaluator.block([Assignment(prompt=TASK.baseline, example=e) for e in ROWS[: self.rows]])
            budget = evaluator.budget
            budget.hold(self.held)
            evaluator.reserve_s = self.reserve_s
            await asyncio.sleep(after_s)
            author = Author(connect(model, budget, self.ledger, price=self.price), self.journal, evaluator)
            drafts = [
                draft for n, orders in enumerate(rounds) for draft in await author.write(orders, f"round {n + 1}")
            ]
            self.elapsed_s, self.took_s, self.by_role = evaluator.elapsed_s, author.took_s, budget.by_role
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


def silent(first_s: float = 1000.0) -> Respondent:
    """Answers nobody but the first, after `first_s` seconds."""
    return good(latency_s=lambda request: first_s if "manner 0" in request.messages[-1].content else 1000.0)


def test_a_deadline_ends_the_round_and_what_it_has_cost_is_remembered() -> None:
    process = Process(caps=Caps(calls=100, seconds=60))
    first = process.run(silent(first_s=1.0), orders(3))
    assert first[0] == [Refusal.NO_REPLY] * 3
    assert (first[1].calls, first[1].lost_calls) == (3, 2)
    assert first[2]
    assert json.loads(json.dumps(process.journal.facts["round 1"]))["given_up"] == "out of time"
    second = good()
    assert process.run(second, orders(3)) == first
    assert second.asked == []


@pytest.mark.parametrize("cap_s", [20.0, 60.0, 1000.0])
def test_a_proposer_that_does_not_answer_leaves_most_of_the_time(cap_s: float) -> None:
    process = Process(caps=Caps(calls=100, seconds=cap_s))
    process.run(silent(), orders(3))
    assert process.elapsed_s == pytest.approx(0.15 * cap_s + min(5.0, cap_s / 10))


def test_what_the_search_has_left_is_counted_from_now_and_without_what_the_proof_needs() -> None:
    process = Process(caps=Caps(calls=100, seconds=60), reserve_s=30.0)
    process.run(silent(), orders(3), after_s=21.0)
    assert process.elapsed_s == pytest.approx(60.0 - 30.0)

    model, process = good(), Process(caps=Caps(calls=100, seconds=60), reserve_s=30.0)
    drafts, charge, exhausted = process.run(model, orders(3), after_s=25.0)
    assert (drafts, charge, exhausted, model.asked) == ([Refusal.NO_REPLY] * 3, Charge(), True, [])


@pytest.mark.parametrize("latency_s", [2.0, 1000.0])
def test_a_job_that_is_run_again_has_taken_the_time_already(latency_s: float) -> None:
    process = Process(caps=Caps(calls=100, seconds=60), rows=5)
    first = process.run(good(latency_s=lambda _: latency_s), orders(3))
    elapsed_s, took_s = process.elapsed_s, process.took_s
    assert elapsed_s == pytest.approx(1.0 + took_s)
    assert took_s >= 2.0
    assert process.run(good(), orders(3)) == first
    assert (process.elapsed_s, process.took_s) == (elapsed_s, took_s)


def test_what_a_round_has_cost_is_known_whatever_the_price_of_others() -> None:
    price = Price(prompt_usd_per_million=1.0, completion_usd_per_million=2.0)
    process, model = Process(caps=Caps(calls=100, seconds=60), price=price, rows=5), silent(first_s=1.0)
    model.tariff = Tariff(price=price)
    process.run(model, orders(3))
    by_role = process.by_role
    assert by_role["task"].cost_usd is None
    assert by_role[PROPOSER].cost_usd
    process.run(good(), orders(3))
    assert process.by_role == by_role


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
    assert Process().run(CutShort(), orders(2))[0] == [Refusal.TRUNCATED] * 2


@dataclass(slots=True, kw_only=True)
class Unusable(CutShort):
    """An endpoint that refuses the key."""

    async def complete(self, request: Request) -> Completion | Failure:
        raise EndpointError("The key is wrong.")


def test_an_endpoint_that_fails_at_once_is_an_error() -> None:
    process = Process()
    with pytest.raises(EndpointError, match="The key is wrong"):
        process.run(Unusable(), orders(3))
    assert process.journal.facts == {}


def lossy() -> Respondent:
    """Takes every request and gives no reply."""
    return Respondent(respond=lambda _: Failure(kind=FailureKind.TIMEOUT, detail="no reply", maybe_billed=True))


def test_what_failed_starts_have_cost_is_charged_to_the_job() -> None:
    process, sent = Process(), 0
    for _ in range(3):
        first = lossy()
        with pytest.raises(EndpointDown):
            process.run(first, orders(8))
        sent += len(first.asked)
    model = good()
    came = process.run(model, orders(8))
    assert came[1].lost_calls == sent > 0
    assert came[1].calls == sent + 8
    again = good()
    assert process.run(again, orders(8)) == came
    assert again.asked == []


def test_replies_that_came_before_a_failed_start_are_charged_once() -> None:
    @dataclass(slots=True, kw_only=True)
    class Revoked(Respondent):
        async def complete(self, request: Request) -> Completion | Failure:
            if "manner 2" in request.messages[-1].content:
                await asyncio.sleep(1.0)
                raise EndpointError("The key was revoked.")
            return await Respondent.complete(self, request)

    process, first, second = Process(), Revoked(respond=ProposerModel().respond), good()
    with pytest.raises(EndpointError, match="revoked"):
        process.run(first, orders(4))
    charge = process.run(second, orders(4))[1]
    assert (len(first.asked), len(second.asked)) == (3, 1)
    assert (charge.calls, charge.lost_calls) == (4, 0)


def test_failed_starts_that_have_cost_the_proof_end_the_job() -> None:
    process = Process(caps=Caps(calls=20), held=Amount(calls=5))
    with pytest.raises(EndpointDown):
        process.run(lossy(), orders(8))
    model = good()
    with pytest.raises(BudgetError, match=r"lost 16 calls to a proposer model.*Raise the budget"):
        process.run(model, orders(8))
    assert model.asked == []


def test_an_endpoint_that_fails_later_ends_the_writing_and_not_the_job() -> None:
    @dataclass(slots=True, kw_only=True)
    class Revoked(Respondent):
        async def complete(self, request: Request) -> Completion | Failure:
            if len(self.asked) >= 4:
                raise EndpointError("The key was revoked.")
            return await Respondent.complete(self, request)

    process, first, second = Process(), Revoked(respond=ProposerModel().respond), good()
    came = process.run(first, orders(3), orders(6)[3:])
    drafts, charge, exhausted = came
    assert texts(drafts)[2:] == ["Sort it.\n(Said manner 2.)", *["NO_REPLY"] * 3]
    assert len(first.asked) == charge.calls == 4
    assert exhausted
    assert process.run(second, orders(3), orders(6)[3:]) == came
    assert second.asked == []
