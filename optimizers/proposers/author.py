"""Who writes: the proposer model, asked for instructions so that a job that is run again gets the same ones.

Its replies are in the ledger; which of them never came, and a deadline that was reached, are in the journal.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.budget import Amount, Budget, Charge
from benchmarks.digests import digest
from benchmarks.errors import BudgetError, EndpointError
from benchmarks.models.deadline import withdraw_within
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Failure, FailureKind, LanguageModel, ParameterValue, Request
from benchmarks.models.recorded import GRACE_S
from optimizers.journal import Journal
from optimizers.proposers.lints import Refusal
from optimizers.proposers.operators import Commission

PHASE = "propose"
"""What calls to the proposer model are charged to, among the phases of a job."""


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


class Author:
    """Asks a writer for what was commissioned. `exhausted` says that there is no point in asking for more: the budget
    had no room for a call that was due, time was up, or the endpoint has failed."""

    def __init__(self, writer: Writer, journal: Journal) -> None:
        self.exhausted = False
        self._writer = writer
        self._journal = journal
        self._asked: Counter[str] = Counter()
        self._asked_before = False

    def affordable(self, orders: Sequence[Commission]) -> list[Commission]:
        """The first of `orders`, as many as the budget pays for whatever the replies take."""
        total = Amount()
        for place, order in enumerate(orders):
            total += self._writer.tariff.bound(self._request(order))
            if not self._writer.budget.affords(total):
                self.exhausted = True
                return list(orders[:place])
        return list(orders)

    async def write(
        self, orders: Sequence[Commission], point: str, seconds_left: float | None
    ) -> list[Draft | Refusal]:
        """What came of `orders`, in their order, settled under the name `point`.

        Where `seconds_left` are over before all have come, or the endpoint fails, none is used, and what was spent
        until then is charged to the job also when it is run again. Raises EndpointError if the endpoint fails the first
        time that it is asked: then it is not what the user takes it for.
        """
        budget, phase = self._writer.budget, self._writer.budget.phase
        budget.phase = PHASE
        try:
            return await self._settled(orders, point, seconds_left)
        finally:
            budget.phase = phase

    async def _settled(
        self, orders: Sequence[Commission], point: str, seconds_left: float | None
    ) -> list[Draft | Refusal]:
        settled = self._journal.recall(point)
        if settled is not None and "given_up" in settled:
            self._writer.budget.charge(Charge(**settled["charge"]))
            self.exhausted = True
            return [Refusal.NO_REPLY] * len(orders)
        missing: dict[str, Sequence[Any]] = dict(settled["missing"]) if settled else {}
        for lost, (_, attempts) in missing.items():
            self._charge_lost(orders[int(lost)], attempts)
        repeats = [self._repeat(order) for order in orders]
        asked = [place for place in range(len(orders)) if str(place) not in missing]
        before = self._writer.budget.spent
        try:
            async with asyncio.timeout(seconds_left if settled is None else None):
                await asyncio.sleep(0)  # Where no time is left at all, nothing may leave.
                results = await asyncio.gather(
                    *(self._draft(orders[place], repeats[place]) for place in asked), return_exceptions=True
                )
        except TimeoutError:
            return await self._given_up(orders, point, "out of time", before)
        down = next((result for result in results if isinstance(result, EndpointError)), None)
        if down is not None and self._asked_before:
            return await self._given_up(orders, point, str(down), before)
        drafts: dict[int, Draft | Refusal] = {}
        for place, result in zip(asked, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            if isinstance(result, Failure):
                missing[str(place)] = [result.kind.value, result.lost_attempts]
            else:
                drafts[place] = result
        if settled is None:
            self._journal.record(point, {"missing": missing})
        self._asked_before = True
        self.exhausted = self.exhausted or any(kind == FailureKind.UNAFFORDABLE for kind, _ in missing.values())
        return [drafts.get(place, Refusal.NO_REPLY) for place in range(len(orders))]

    async def _given_up(
        self, orders: Sequence[Commission], point: str, why: str, before: Charge
    ) -> list[Draft | Refusal]:
        await withdraw_within(self._writer.model, GRACE_S)
        charge = asdict(self._writer.budget.spent - before)
        self._journal.record(point, {"given_up": why, "charge": charge})
        self.exhausted = True
        return [Refusal.NO_REPLY] * len(orders)

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

    def _charge_lost(self, order: Commission, lost_attempts: int) -> None:
        for _ in range(lost_attempts):
            self._writer.budget.charge(self._writer.tariff.lost(self._request(order)))

    def _request(self, order: Commission) -> Request:
        from optimizers.proposers import language  # noqa: PLC0415 - DSPy takes half a second
        from optimizers.proposers.programs import PROGRAMS  # noqa: PLC0415

        return language.request(
            language.messages_of(PROGRAMS[order.operator], order.inputs), self._writer.parameters, 0
        )
