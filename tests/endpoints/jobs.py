"""Whole optimizations in process: a task of inline rows, a model that is a function, and what outlives a process that
was killed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.budget import Budget, Caps, Charge
from benchmarks.datasets.records import Example, Split
from benchmarks.digests import digest
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import wrapped
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import Completion, Failure, LanguageModel, Message, ModelIdentity, Request
from benchmarks.models.retrying import Patience
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from optimizers.earlier import Earlier
from optimizers.evaluator import Evaluator
from optimizers.journal import MemoryJournal
from optimizers.known_rows import known_rows
from optimizers.optimization import Outcome, optimize
from optimizers.plan import Plan
from optimizers.problem import make_problem, plan_for
from optimizers.progress import Event
from optimizers.search import Problem
from optimizers.study import Candidate
from tests.endpoints.proposer import connect as connect_proposer
from tests.endpoints.virtual_time import in_virtual_time

LABELS = ("amber", "cobalt", "olive")
WORDS = ("barrel", "candle", "feather", "ladder", "mirror", "needle", "pebble", "saddle", "tunnel", "violin")

Cell = tuple[str, str, int]
Respond = Callable[[Request], "str | Failure"]
"""From a request to a reply's text, or to the failure to report."""


class Killed(Exception):
    """What a process dies of."""


@dataclass(slots=True)
class DyingJournal(MemoryJournal):
    """Keeps facts as JSON; raises Killed right after its `dies_at`-th fact was written down."""

    dies_at: int = 0

    def record(self, point: str, fact: Mapping[str, Any]) -> None:
        MemoryJournal.record(self, point, json.loads(json.dumps(fact)))
        if len(self.facts) == self.dies_at:
            raise Killed


def chance(*parts: object) -> float:
    """A number in [0, 1) that follows from `parts` alone."""
    return int(digest([str(part) for part in parts])[:13], 16) / 16**13


def labelled_rows(count: int, seed: int = 0) -> list[dict[str, str]]:
    """`count` different rows {"text", "label"}."""
    rng = random.Random(seed)
    return [
        {"text": f"row {number:04d} {' '.join(rng.choices(WORDS, k=3))}", "label": rng.choice(LABELS)}
        for number in range(count)
    ]


def make_task(rows: Sequence[Mapping[str, str]], **fields: Any) -> Task:
    """The task of classifying `rows`; `fields` are those of the task file."""
    content = {"name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy", **fields}
    return load_task(parse_task({**content, "data": {"rows": [dict(row) for row in rows]}}), Path(), allow_code=False)


def truth(task: Task) -> dict[str, str]:
    """The expected answer of every row, by example id."""
    return {example.id: example.answer for split in Split for example in task.dataset.split(split)}


def wrong(answer: str) -> str:
    """Another label than `answer`."""
    return LABELS[(LABELS.index(answer) + 1) % len(LABELS)]


def of_quality(task: Task, quality: Callable[[str], float]) -> Respond:
    """Answers rows right with the probability that `quality` gives to the prompt's digest, the same way each time."""
    answers = truth(task)

    def respond(request: Request) -> str:
        answer = answers[request.example_id]
        right = chance(request.prompt_digest, request.example_id, request.repeat) < quality(request.prompt_digest)
        return answer if right else wrong(answer)

    return respond


def right_on_first(task: Task, rows: Sequence[Example], shares: Mapping[str, int]) -> Respond:
    """Right on the first of `rows` only, on as many as `shares` says by the prompt's digest."""
    answers = truth(task)
    position = {example.id: place for place, example in enumerate(rows)}

    def respond(request: Request) -> str:
        answer = answers[request.example_id]
        return answer if position[request.example_id] < shares[request.prompt_digest] else wrong(answer)

    return respond


def numbered(count: int) -> list[Candidate]:
    """`count` candidates that differ in a number."""
    return [
        Candidate(
            trial=n,
            prompt=Prompt(messages=(Message(role="user", content=f"{n} {{{{text}}}}"),), parameters={}),
            choices=None,
        )
        for n in range(1, count + 1)
    ]


def mixed_quality(task: Task) -> Respond:
    """The baseline is right on 3 rows of 10, the other prompts on 3 to 10, each on a share of its own."""
    return of_quality(task, lambda prompt: 0.3 if prompt == task.baseline.digest else 0.3 + 0.7 * chance(prompt))


@dataclass(slots=True, kw_only=True)
class Respondent:
    """A model that answers by `respond`, `latency_s(request)` seconds after it is asked, and raises Killed instead of
    its `dies_at`-th answer. Every byte is a token. `asked` and `answered` keep what was, in order."""

    respond: Respond
    latency_s: Callable[[Request], float] = lambda _: 0.0
    dies_at: int | None = None
    tariff: Tariff = field(default_factory=lambda: Tariff(price=None))
    identity: ModelIdentity = field(default_factory=lambda: ModelIdentity(endpoint="test", model="test"))
    asked: list[Cell] = field(default_factory=list)
    answered: list[Cell] = field(default_factory=list)

    async def complete(self, request: Request) -> Completion | Failure:
        cell = (request.prompt_digest, request.example_id, request.repeat)
        self.asked.append(cell)
        latency = self.latency_s(request)
        await asyncio.sleep(latency)
        if self.dies_at is not None and len(self.answered) + 1 >= self.dies_at:
            raise Killed
        reply = self.respond(request)
        self.answered.append(cell)
        if isinstance(reply, Failure):
            return reply
        prompt_tokens = sum(len(message.content.encode()) for message in request.messages)
        return Completion(text=reply, usage=self.tariff.usage(prompt_tokens, len(reply.encode())), latency_s=latency)

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


@dataclass(slots=True)
class MemoryLooks:
    """Counts looks for as long as it lives."""

    looks: dict[str, list[str]] = field(default_factory=dict)

    def count(self, test_digest: str, look: str) -> int:
        seen = self.looks.setdefault(test_digest, [])
        if look not in seen:
            seen.append(look)
        return seen.index(look) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a job came to: its outcome, what it spent by phase and by role, and the seconds it took."""

    outcome: Outcome
    spent: dict[str, Charge]
    by_role: dict[str, Charge]
    elapsed_s: float

    @property
    def calls(self) -> int:
        return sum(charge.calls for charge in self.spent.values())


@dataclass(slots=True, kw_only=True)
class Job:
    """One optimization of `task`, and what outlives its process: ledger, journal and looks.

    `proposer` is the model that writes instructions, None if there is none.
    `plan` is made for `caps.calls` if it is not given. `mark` is the ledger's mark at the job's first start, `earlier`
    what it starts from.
    """

    task: Task
    caps: Caps
    plan: Plan | None = None
    proposer: LanguageModel | None = None
    seed: int = 0
    price: Price | None = None
    concurrency: int = 16
    patience: Patience = field(default_factory=lambda: Patience(attempts=2))
    mark: int = 0
    earlier: Sequence[Earlier] = ()
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    looks: MemoryLooks = field(default_factory=MemoryLooks)
    events: list[Event] = field(default_factory=list)

    def run(self, model: LanguageModel, cancel_after_s: float | None = None) -> Result:
        """Runs the job in a process of its own, so to speak; after `cancel_after_s` it is cancelled, as Ctrl-C does."""

        async def main() -> Result:
            async with asyncio.timeout(cancel_after_s):
                return await self._run(model)

        return in_virtual_time(main())

    def problem(self) -> Problem:
        """The job's problem; notices are dropped."""
        return make_problem(self.task, occasion="test", seed=self.seed, allow_code=False, earlier=self.earlier)[0]

    def connect(self, inner: LanguageModel) -> tuple[LanguageModel, Evaluator]:
        """`inner` behind all wrappers, and an evaluator that asks it; to be called in a running event loop."""
        tariff = Tariff(price=self.price)
        budget = Budget(self.caps)
        model = wrapped(
            inner,
            max_concurrency=self.concurrency,
            tariff=tariff,
            budget=budget,
            ledger=self.ledger,
            occasion=Occasion(),
            mark=self.mark,
            patience=self.patience,
            rng=random.Random(self.seed),
        )
        evaluator = Evaluator(
            model=model,
            metric=self.task.metric,
            budget=budget,
            tariff=tariff,
            journal=self.journal,
            observer=self.events.append,
            clock=asyncio.get_running_loop().time,
        )
        return model, evaluator

    async def _run(self, inner: LanguageModel) -> Result:
        problem = self.problem()
        model, evaluator = self.connect(inner)
        plan = self.plan or plan_for(problem, self.caps.calls)
        known = await known_rows(
            [problem.baseline, *problem.earlier] if problem.earlier else [],
            problem.validation,
            model=inner.identity,
            ledger=self.ledger,
            occasion=Occasion(),
            mark=self.mark,
            journal=self.journal,
        )
        writer = None
        if self.proposer is not None:
            writer = connect_proposer(self.proposer, evaluator.budget, self.ledger, mark=self.mark)
        try:
            outcome = await optimize(
                replace(problem, known=known),
                plan,
                evaluator=evaluator,
                tariff=Tariff(price=self.price),
                journal=self.journal,
                looks=self.looks,
                writer=writer,
                observer=self.events.append,
            )
        except asyncio.CancelledError:
            await model.withdraw()
            raise
        budget = evaluator.budget
        return Result(
            outcome=outcome,
            spent=dict(budget.by_phase),
            by_role=dict(budget.by_role),
            elapsed_s=evaluator.elapsed_s,
        )
