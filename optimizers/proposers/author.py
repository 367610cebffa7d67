"""Who writes: the proposer model, asked for instructions so that a job that is run again gets the same ones.

Its replies are in the ledger; which of them never came, what was spent in vain, the time it took, and a deadline that
was reached, are in the journal.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.budget import Amount, Budget, Charge
from benchmarks.digests import digest
from benchmarks.errors import BudgetError, EndpointError
from benchmarks.models.deadline import grace_of, withdraw_within
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Failure, FailureKind, LanguageModel, ParameterValue, Remembering, Request
from benchmarks.models.recorded import GRACE_S
from optimizers.evaluator import Evaluator
from optimizers.journal import Journal, spent_in_vain
from optimizers.proposers.lints import Refusal
from optimizers.proposers.operators import Commission

PHASE = "propose"
"""What calls to the proposer model are charged to, among the phases of a job."""

LONGEST_SHARE = 0.15
"""The share of the seconds cap for which replies are asked for at one point: a proposer that does not answer must leave
time for the search and the proof."""

LONGEST_REASON = 140
"""Characters of a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The proposer model, connected: with its decoding parameters, what its calls cost, and the budget of its role."""

    model: LanguageModel
    parameters: Mapping[str, ParameterValue]
    tariff: Tariff
    budget: Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An instruction as it was written. `closed` says that the model marked the end of its reply."""

    instruction: str
    hypothesis: str
    closed: bool


def reasons(journal: Journal, rounds: int) -> Counter[str]:
    """Why replies never came in the first `rounds` rounds of a job, in a few words, and to how many calls."""
    found: Counter[str] = Counter()
    for number in range(1, rounds + 1):
        settled = journal.recall(point_of(number)) or {}
        found.update(kind.replace("_", " ") for kind, _ in settled.get("missing", {}).values())
        if "given_up" in settled:
            found[_in_brief(settled["given_up"])] += settled.get("asked", 1)
    return found


def point_of(number: int) -> str:
    """Under which name the journal has what came of the `number`-th round."""
    return f"round {number}"


def _in_brief(why: str) -> str:
    """What happened, without what the endpoint said of it."""
    return textwrap.shorten(why.partition(": ")[0].partition(". ")[0], LONGEST_REASON, placeholder=" …")


class Author:
    """Asks a writer for what was commissioned, within the time that `evaluator` keeps. `exhausted` says that there is
    no point in asking for more: the budget had no room for a call that was due, time was up, or the endpoint has
    failed. `took_s` are the seconds of the job's time that went by since the blocks before it was asked."""

    def __init__(self, writer: Writer, journal: Journal, evaluator: Evaluator) -> None:
        self.exhausted = False
        self.took_s = 0.0
        self._writer = writer
        self._journal = journal
        self._evaluator = evaluator
        self._asked: Counter[str] = Counter()
        self._asked_before = False

    async def write(self, orders: Sequence[Commission], point: str) -> list[Draft | Refusal]:
        """What came of the first of `orders`, as many as the budget pays for whatever the replies take, settled under
        the name `point`.

        Where time is up before all have come, or the endpoint fails, none is used, and what was spent until then is
        charged to the job also when it is run again. Raises EndpointError if the endpoint fails the first time that it
        is asked: then it is not what the user takes it for. Raises BudgetError if such failures have cost so much that
        the proof can no longer be paid.
        """
        budget, phase = self._writer.budget, self._writer.budget.phase
        budget.phase = PHASE
        try:
            in_vain, lost = self._charge_in_vain(point)
            if lost and self._journal.recall(point) is None and not budget.affords(Amount()):
                raise BudgetError(
                    f"Earlier runs of this job lost {lost} calls to a proposer model that took them and gave no reply, "
                    "and what is left of the budget does not pay for the proof. Raise the budget: what was answered "
                    "is kept."
                )
            affordable = self._affordable(orders)
            return await self._settled(affordable, point, in_vain) if affordable else []
        finally:
            budget.phase = phase

    def _affordable(self, orders: Sequence[Commission]) -> Sequence[Commission]:
        total = Amount()
        for place, order in enumerate(orders):
            total += self._writer.tariff.bound(self._request(order, 0))
            if not self._writer.budget.affords(total):
                self.exhausted = True
                return orders[:place]
        return orders

    async def _settled(self, orders: Sequence[Commission], point: str, in_vain: str) -> list[Draft | Refusal]:
        settled = self._journal.recall(point)
        if settled is not None and "given_up" in settled:
            self._charge(Charge(**settled["charge"]))
            self._restore_time(settled)
            self.exhausted = True
            return [Refusal.NO_REPLY] * len(orders)
        requests = [self._request(order, self._repeat(order)) for order in orders]
        missing: dict[str, Sequence[Any]] = dict(settled["missing"]) if settled else {}
        for lost, (_, attempts) in missing.items():
            for _ in range(attempts):
                self._charge(self._writer.tariff.lost(requests[int(lost)]))
        asked = [place for place in range(len(orders)) if str(place) not in missing]
        before, charges = self._spent, self._charges
        try:
            async with asyncio.timeout(self._seconds_left() if settled is None else None):
                await asyncio.sleep(0)  # Where no time is left at all, nothing may leave.
                results = await asyncio.gather(
                    *(self._draft(orders[place], requests[place].repeat) for place in asked), return_exceptions=True
                )
        except TimeoutError:
            return await self._given_up(orders, point, "out of time", before)
        down = next((result for result in results if isinstance(result, EndpointError)), None)
        if down is not None and self._asked_before:
            return await self._given_up(orders, point, str(down), before)
        if down is not None:
            await self._write_off(in_vain, requests, before, charges)
            raise down
        drafts: dict[int, Draft | Refusal] = {}
        for place, result in zip(asked, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            if isinstance(result, Failure):
                missing[str(place)] = [result.kind.value, result.lost_attempts]
            else:
                drafts[place] = result
        if settled is None:
            settled = {"missing": missing, "elapsed_s": self._evaluator.now_s()}
            self._journal.record(point, settled)
        self._restore_time(settled)
        self._asked_before = True
        self.exhausted = self.exhausted or any(kind == FailureKind.UNAFFORDABLE for kind, _ in missing.values())
        return [drafts.get(place, Refusal.NO_REPLY) for place in range(len(orders))]

    async def _given_up(
        self, orders: Sequence[Commission], point: str, why: str, before: Charge
    ) -> list[Draft | Refusal]:
        await withdraw_within(self._writer.model, self._grace_s())
        charge = asdict(self._spent - before)
        fact = {"given_up": why, "asked": len(orders), "charge": charge, "elapsed_s": self._evaluator.now_s()}
        self._journal.record(point, fact)
        self._restore_time(fact)
        self.exhausted = True
        return [Refusal.NO_REPLY] * len(orders)

    def _charge_in_vain(self, point: str) -> tuple[str, int]:
        """Charges what earlier runs spent in vain at `point`; returns where this run is to write down what it does, and
        how many calls it was."""
        charges, place = spent_in_vain(self._journal, point)
        for charge in charges:
            self._charge(charge)
        return place, sum(charge.calls for charge in charges)

    async def _write_off(self, place: str, requests: Sequence[Request], before: Charge, charges: int) -> None:
        """Writes down what `requests` have cost beyond the replies that are kept, which a later run is charged for.
        What was refused outright cost no tokens, and is not written off."""
        model = self._writer.model
        if not isinstance(model, Remembering):
            return
        await withdraw_within(model, self._grace_s())
        kept = await model.accounted(requests, since=charges)
        lost = self._spent - (before + kept)
        if lost.prompt_tokens > 0:
            self._journal.record(place, asdict(replace(lost, ledger_hits=0)))

    @property
    def _spent(self) -> Charge:
        """What was charged to the writer's role, the only one that is charged while it writes."""
        return self._writer.budget.by_role.get(self._writer.budget.role, Charge())

    @property
    def _charges(self) -> int:
        return self._writer.model.charges if isinstance(self._writer.model, Remembering) else 0

    def _charge(self, charge: Charge) -> None:
        if charge != Charge():
            self._writer.budget.charge(charge)

    def _restore_time(self, fact: Mapping[str, Any]) -> None:
        self.took_s += fact["elapsed_s"] - self._evaluator.elapsed_s
        self._evaluator.restore_time(fact)

    def _seconds_left(self) -> float | None:
        """How long replies may be asked for from now on; None without a seconds cap."""
        cap_s = self._writer.budget.caps.seconds
        if cap_s is None:
            return None
        return max(0.0, min(LONGEST_SHARE * cap_s, self._cap_s(cap_s) - grace_of(cap_s) - self._evaluator.now_s()))

    def _grace_s(self) -> float:
        """How long replies under way may be waited for from now on."""
        cap_s = self._writer.budget.caps.seconds
        return GRACE_S if cap_s is None else min(grace_of(cap_s), self._cap_s(cap_s) - self._evaluator.now_s())

    def _cap_s(self, cap_s: float) -> float:
        """What a cap of `cap_s` leaves to the search."""
        return cap_s - self._evaluator.reserve_s

    async def _draft(self, order: Commission, repeat: int) -> Draft | Refusal | Failure:
        """The draft; the failure of a request that would meet it no second time; else why there is none."""
        from optimizers.proposers import language  # noqa: PLC0415 - DSPy takes half a second
        from optimizers.proposers.programs import PROGRAMS  # noqa: PLC0415

        writer, program = self._writer, PROGRAMS[order.operator]
        try:
            reply = await language.answer(
                program, order.inputs, model=writer.model, parameters=writer.parameters, repeat=repeat
            )
        except language.NoReply as error:
            return error.failure if error.failure.kind.transient else Refusal.NO_REPLY
        except BudgetError as error:
            return Failure(kind=FailureKind.UNAFFORDABLE, detail=str(error))
        except language.CutOff:
            return Refusal.TRUNCATED
        except language.Unreadable:
            return Refusal.UNREADABLE
        hypothesis = order.hypothesis or reply.fields["hypothesis"]
        return Draft(instruction=reply.fields["instruction"], hypothesis=hypothesis, closed=reply.closed)

    def _repeat(self, order: Commission) -> int:
        """How often the same was asked for before in this job: the number of the draw."""
        asked = digest([order.operator, dict(order.inputs)])
        self._asked[asked] += 1
        return self._asked[asked] - 1

    def _request(self, order: Commission, repeat: int) -> Request:
        from optimizers.proposers import language  # noqa: PLC0415 - DSPy takes half a second
        from optimizers.proposers.programs import PROGRAMS  # noqa: PLC0415

        return language.request(
            language.messages_of(PROGRAMS[order.operator], order.inputs), self._writer.parameters, repeat
        )
