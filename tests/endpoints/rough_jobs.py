"""A whole optimization at an endpoint of any behaviour, connected as by the command: real HTTP, virtual time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.budget import Caps, Charge
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import Endpoint
from benchmarks.models.prices import Price
from optimizers.evaluator import Evaluator
from optimizers.journal import MemoryJournal
from optimizers.optimization import Outcome, optimize
from optimizers.plan import Plan
from optimizers.problem import make_problem
from service.connection import connected
from tests.endpoints.faults import Fault
from tests.endpoints.jobs import MemoryLooks, chance, labelled_rows, make_task, wrong
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.virtual_wire import in_virtual_time
from tests.endpoints.wire import Json, Reply

TIMEOUT_S = 20.0
PRICE = Price(prompt_usd_per_million=1.0, completion_usd_per_million=1.0)
"""A dollar for a million tokens of either kind, so that the endpoint's bill is its count of tokens."""

PLAN = Plan(proof_rows=24, search_calls=90, repeat_calls=0, headroom_rows=8, probes=2, cohorts=(6, 2))
PLENTY = Caps(calls=600)

TASK = make_task(
    labelled_rows(72),
    split={"train": 12, "validation": 36, "test": 24},
    search={"demonstrations": {"count": [0, 2]}},
    candidates={"instructions": ["Name the colour.", "Which colour is it?", "Colour:", "Say a colour."]},
)
ROWS = {row["text"]: row["label"] for row in labelled_rows(72)}
_ROW = re.compile(r"row \d{4}(?: [a-z]+){3}")


def question(messages: list[Json]) -> str:
    """The row that is asked about: demonstrations come before it."""
    found: list[str] = _ROW.findall(messages[-1]["content"])
    return found[-1]


def answer(messages: list[Json], body: Json) -> Reply:
    """Right as often as the prompt is good, which its text decides."""
    asked = question(messages)
    prompt = str(messages).replace(asked, "")
    right = chance(prompt, asked) < 0.3 + 0.7 * chance(prompt)
    return Reply(text=ROWS[asked] if right else wrong(ROWS[asked]))


Forecast = Callable[[int], Fault | None]
"""From a request's number to the fault that it meets."""


@dataclass(slots=True, kw_only=True)
class Kept:
    """What outlives a process."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    looks: MemoryLooks = field(default_factory=MemoryLooks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The course that a job took, its bill and what it said."""

    outcome: Outcome
    evaluator: Evaluator
    elapsed_s: float
    said: tuple[str, ...]

    @property
    def decisions(self) -> list[Any]:
        """Everything that was decided, and the answers it rests on."""
        outcome, proof = self.outcome, self.outcome.proof
        rollouts = {cell: (r.score, r.answer) for cell, r in self.evaluator.rollouts.items()}
        standings = [(s.candidate.prompt.digest, s.mean, s.rows) for s in outcome.standings]
        proved = proof and (proof.n, proof.winner, proof.baseline, proof.decisive)
        return [outcome.decision, outcome.why, outcome.winner.prompt.digest, standings, proved, rollouts]

    @property
    def spent(self) -> Charge:
        """The bill, but for what the endpoint has in its cache."""
        return replace(self.evaluator.budget.spent, cached_tokens=0)


async def run(endpoint: LocalEndpoint, kept: Kept, caps: Caps, *, hedge: bool) -> Course:
    """The job's course, at an endpoint that serves already."""
    said: list[str] = []
    problem, _ = make_problem(TASK, occasion="test", seed=0, allow_code=False)
    place = Endpoint(
        name="hosted_vllm/local",
        api_base=endpoint.url,
        identity="test",
        timeout_s=TIMEOUT_S,
        price=PRICE,
        hedge=hedge,
    )
    loop = asyncio.get_running_loop()
    async with connected(
        {"task": place}, caps=caps, ledger=kept.ledger, occasion=Occasion(), mark=0, seed=0, on_notice=said.append
    ) as models:
        connection = models.task
        evaluator = Evaluator(
            model=connection.model,
            metric=TASK.metric,
            budget=connection.budget,
            tariff=connection.tariff,
            journal=kept.journal,
            clock=loop.time,
        )
        outcome = await optimize(
            problem, PLAN, evaluator=evaluator, tariff=connection.tariff, journal=kept.journal, looks=kept.looks
        )
    return Course(outcome=outcome, evaluator=evaluator, elapsed_s=loop.time(), said=tuple(said))


def course_at(endpoint: LocalEndpoint, kept: Kept | None = None, caps: Caps = PLENTY, *, hedge: bool = False) -> Course:
    """The course of the job at `endpoint`, from its start, or from where `kept` stands."""

    async def main() -> Course:
        async with endpoint:
            return await run(endpoint, kept or Kept(), caps, hedge=hedge)

    return in_virtual_time(main())
