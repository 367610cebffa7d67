"""Whole optimizations in process whose metric is a judge: one model plays both parts, and knows which by the schema or
the words that it is asked in."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.budget import JUDGE, TASK, Budget, Caps, Charge
from benchmarks.evaluation.judged import grading_for
from benchmarks.evidence.agreement import Agreement
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import wrapped
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import LanguageModel, Message, Request
from benchmarks.models.retrying import Patience
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from optimizers.journal import MemoryJournal
from optimizers.judged import JudgedEvaluator, JudgeModel
from optimizers.optimization import Outcome, optimize
from optimizers.plan import Plan
from optimizers.problem import make_problem
from tests.endpoints.jobs import MemoryLooks, Respond, chance, labelled_rows, wrong
from tests.endpoints.virtual_time import in_virtual_time

MODEL = {"name": "hosted_vllm/local", "api_base": "http://127.0.0.1:9/v1"}
RUBRIC = "A good reply names the colour that is expected, and no other."


def judged_task(rows: Sequence[Mapping[str, str]], metric: Mapping[str, Any] | None = None, **fields: Any) -> Task:
    """The task of naming the colour of `rows`, graded by a judge; `metric` are options of the judge."""
    content = {
        "name": "job", "description": "Name the colour.", "inputs": ["text"], "output": "label", "model": MODEL,
        "judge_model": MODEL, "metric": {"name": "judge", "rubric": RUBRIC, **(metric or {})}, **fields,
    }  # fmt: skip
    return load_task(parse_task({**content, "data": {"rows": [dict(row) for row in rows]}}), Path(), allow_code=False)


def human_labels(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """`count` replies, half of them wrong, as people who look closely grade them."""
    return [
        {**row, "reply": row["label"] if number % 2 else wrong(row["label"]), "score": number % 2}
        for number, row in enumerate(labelled_rows(count, seed=seed))
    ]


def verdict(grade: str | int, reason: str = "Because.") -> str:
    """What a judge answers."""
    return json.dumps({"reason": reason, "grade": grade})


def asked_as_judge(messages: Sequence[Message] | Sequence[Mapping[str, str]]) -> bool:
    """Whether these messages are for the judge."""
    return _content(messages[0]).startswith("You grade replies")


def part(messages: Sequence[Message] | Sequence[Mapping[str, str]], name: str) -> str:
    """What stands between the markers of `name` in what a judge is asked: the first ones with the word of all."""
    text = _content(messages[-1])
    fence = text[text.index(" ") + 1 : text.index(">")]
    begin = text.index(f"<{name} {fence}>\n") + len(f"<{name} {fence}>\n")
    return text[begin : text.index(f"\n</{name} {fence}>", begin)]


def _content(message: Message | Mapping[str, str]) -> str:
    return message.content if isinstance(message, Message) else message["content"]


def strict(request: Request) -> str:
    """Passes what is expected and nothing else."""
    right = part(request.messages, "reply").startswith(part(request.messages, "expected"))
    return verdict("pass" if right else "fail")


def both(answer: Respond, judge: Respond = strict) -> Respond:
    """Answers as the task model does, and grades as the judge does."""
    return lambda request: (judge if asked_as_judge(request.messages) else answer)(request)


def shades(task: Task, quality: Callable[[str], float]) -> Respond:
    """Right with the probability that `quality` gives to the prompt's digest, and in words of its own each time."""

    def respond(request: Request) -> str:
        row = next(line for line in reversed(request.messages) if line.role == "user").content
        answer = next(label for text, label in answers.items() if text in row)
        right = chance(request.prompt_digest, request.example_id, request.repeat) < quality(request.prompt_digest)
        return f"{answer if right else wrong(answer)}, {int(4 * chance('words', request.prompt_digest))} times"

    splits = (task.dataset.train, task.dataset.validation, task.dataset.test)
    answers = {example.inputs["text"]: example.answer for split in splits for example in split}
    return respond


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a job came to."""

    outcome: Outcome
    agreement: Agreement | None
    by_phase: dict[str, Charge]
    by_role: dict[str, Charge]
    elapsed_s: float = field(compare=False)

    @property
    def calls(self) -> int:
        return sum(charge.calls for charge in self.by_role.values())


@dataclass(slots=True, kw_only=True)
class JudgedJob:
    """One optimization of `task` whose judge is the task model itself, and what outlives its process."""

    task: Task
    caps: Caps
    plan: Plan
    prices: Mapping[str, Price | None] = field(default_factory=dict)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    looks: MemoryLooks = field(default_factory=MemoryLooks)

    def run(self, model: LanguageModel) -> Course:
        """Runs the job in a process of its own, so to speak."""
        return in_virtual_time(self._run(model))

    def connect(self, inner: LanguageModel) -> JudgedEvaluator:
        """An evaluator that asks `inner` in both roles; to be called in a running event loop."""
        budget = Budget(self.caps)
        models = {role: self._wrapped(inner, budget.of(role)) for role in (TASK, JUDGE)}
        grading = grading_for(self.task)
        assert grading is not None
        return JudgedEvaluator(
            judge=JudgeModel(
                grading=grading,
                model=models[JUDGE],
                tariff=self._tariff(JUDGE),
                human_labels=self.task.human_labels,
            ),
            model=models[TASK],
            metric=self.task.metric,
            budget=budget,
            tariff=self._tariff(TASK),
            journal=self.journal,
            clock=asyncio.get_running_loop().time,
        )

    def _tariff(self, role: str) -> Tariff:
        return Tariff(price=self.prices.get(role))

    def _wrapped(self, inner: LanguageModel, budget: Budget) -> LanguageModel:
        return wrapped(
            inner,
            max_concurrency=16,
            tariff=self._tariff(budget.role),
            budget=budget,
            ledger=self.ledger,
            occasion=Occasion(),
            mark=0,
            patience=Patience(attempts=2),
            rng=random.Random(0),
        )

    async def _run(self, inner: LanguageModel) -> Course:
        evaluator = self.connect(inner)
        problem, _ = make_problem(self.task, occasion="test", seed=0, allow_code=False)
        outcome = await optimize(
            problem,
            self.plan,
            evaluator=evaluator,
            tariff=self._tariff(TASK),
            journal=self.journal,
            looks=self.looks,
        )
        return Course(
            outcome=outcome,
            agreement=evaluator.agreement,
            by_phase=evaluator.budget.by_phase,
            by_role=evaluator.budget.by_role,
            elapsed_s=evaluator.elapsed_s,
        )
