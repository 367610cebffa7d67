"""A rehearsal: the very search, against a stand-in that answers at random, to see what a run would spend.

Nothing is called, looked up or written. The stand-in's prompts are the run's own; how good they are is drawn, so a
rehearsal says how many calls and tokens a run takes, and nothing about what it would find.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.budget import JUDGE, Budget, Caps, Charge
from benchmarks.datasets.records import Example
from benchmarks.errors import BudgetError
from benchmarks.evaluation.judged import Grading
from benchmarks.evaluation.run import Assignment
from benchmarks.metrics.protocol import Extractor, ReplyFormat
from benchmarks.models.metered import Metered
from benchmarks.models.prices import Tariff, max_tokens
from benchmarks.models.protocol import Completion, Failure, Message, ModelIdentity, Request
from benchmarks.models.tokens import TokenCounter
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.human_labels import HumanLabel
from optimizers.evaluator import Evaluator
from optimizers.journal import MemoryJournal
from optimizers.judged import JudgedEvaluator, JudgeModel
from optimizers.optimization import optimize
from optimizers.plan import Plan
from optimizers.search import Problem
from optimizers.study import AT_RANDOM

TIMES = 11
"""How often a run is rehearsed: the one in the middle, by its tokens, is the forecast."""

MOST_CANDIDATES = 400
"""What all rehearsals together may try: the more candidates, the longer it takes to learn about them. A plan of many is
rehearsed less often, once at least."""

MOST_CALLS = 1000
"""A plan of more calls is rehearsed on a share of its rows."""

ROWS_COUNTED = 4
"""The tokens of a prompt are counted with so many rows; with others they are taken to grow with the bytes."""

ABILITY = 0.5
ABILITY_SPREAD = 0.25
COMMON = 0.5
"""A prompt is right on a row if its ability exceeds the row's difficulty, which it shares with other prompts, and luck:
all normal, with unit variance for difficulty and luck together, `COMMON` of it the row's. So 7 rows of 10 are
right on average, and the accuracies of prompts differ by 0.08. The baseline is an average prompt: where it wins, the
proof takes half the calls, and a forecast had better count on all."""

REASONING_SHARE = 0.5
"""The share of max_tokens that a reply with reasoning is taken to use."""

REASON = "The reply is polite and complete, but it leaves out what the rubric asks for first, so it is no good answer."
"""As long as a judge's reasons usually are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a run is expected to spend in each phase, and the tokens of the cheapest and the dearest rehearsal."""

    by_phase: Mapping[str, Charge]
    fewest_tokens: int
    most_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePart:
    """The judge's part in a run: how it is asked, what it costs, and what it grades to be compared with people."""

    grading: Grading
    tariff: Tariff
    counter: TokenCounter
    human_labels: Sequence[HumanLabel]


async def rehearse(
    problem: Problem, plan: Plan, *, caps: Caps, tariff: Tariff, counter: TokenCounter, judge: JudgePart | None = None
) -> Rehearsed:
    """What solving `problem` by `plan` within `caps` would spend, the judge included; the seconds cap is left out of
    account.

    Raises BudgetError, as the run would, if the token or dollar cap does not pay for a first comparison.
    """
    share = math.ceil(plan.calls / MOST_CALLS)
    times = max(1, min(TIMES, MOST_CANDIDATES // max(1, sum(plan.cohorts))))

    async def spent(share: int, seed: int) -> dict[str, Charge]:
        stage, on_stage = _part(problem, plan, share)
        stand_in = _StandIn(
            problem=stage, prompts={}, tariff=tariff, counter=counter, seed=seed, whole=judge is not None
        )
        labels = judge and replace(judge, human_labels=judge.human_labels[::share])
        return await _run(stage, on_stage, _scaled(caps, share), stand_in, labels)

    try:
        runs = [await spent(share, seed) for seed in range(times)]
    except BudgetError:
        # A share of the caps may be too small for a first comparison where all of them are not.
        share, runs = 1, [await spent(1, seed=0)]
    runs.sort(key=_tokens)
    middle = runs[len(runs) // 2]
    return Rehearsed(
        by_phase={phase: _times(charge, share) for phase, charge in middle.items()},
        fewest_tokens=_tokens(runs[0]) * share,
        most_tokens=_tokens(runs[-1]) * share,
    )


def _part(problem: Problem, plan: Plan, share: int) -> tuple[Problem, Plan]:
    """`problem` on one row in `share`, and a plan for it. How good its prompts are is drawn, whatever they have in
    common: there is nothing that a sampler could learn."""
    part = replace(problem, validation=problem.validation[::share], test=problem.test[::share], sampler=AT_RANDOM)
    return part, replace(
        plan,
        proof_rows=max(1, plan.proof_rows // share),
        search_calls=plan.search_calls // share,
        repeat_calls=plan.repeat_calls // share,
        report_calls=plan.report_calls // share,
        proposer_calls=plan.proposer_calls // share,
        headroom_rows=min(plan.headroom_rows, len(part.validation)),
    )


def _scaled(caps: Caps, share: int) -> Caps:
    return Caps(
        calls=caps.calls,
        tokens=None if caps.tokens is None else caps.tokens // share,
        usd=None if caps.usd is None else caps.usd / share,
    )


async def _run(
    problem: Problem, plan: Plan, caps: Caps, stand_in: _StandIn, judge: JudgePart | None
) -> dict[str, Charge]:
    """What one rehearsal spends in each phase."""
    budget, journal, tariff = Budget(caps), MemoryJournal(), stand_in.tariff
    asked: dict[str, Any] = {
        "model": Metered(inner=stand_in, budget=budget, tariff=tariff),
        "metric": _RightOrWrong(),
        "budget": budget,
        "tariff": tariff,
        "journal": journal,
        "noted": stand_in.prompts,
    }
    evaluator: Evaluator = _Noting(**asked)
    if judge is not None:
        graded_by = Metered(inner=_JudgeStandIn(part=judge), budget=budget.of(JUDGE), tariff=judge.tariff)
        model = JudgeModel(grading=judge.grading, model=graded_by, tariff=judge.tariff, human_labels=judge.human_labels)
        evaluator = _NotingJudged(judge=model, **asked)
    await optimize(problem, plan, evaluator=evaluator, tariff=tariff, journal=journal, looks=_FirstLook())
    return dict(budget.by_phase)


def _tokens(by_phase: Mapping[str, Charge]) -> int:
    return sum(charge.amount.tokens for charge in by_phase.values())


def _times(charge: Charge, share: int) -> Charge:
    return Charge(
        calls=charge.calls * share,
        prompt_tokens=charge.prompt_tokens * share,
        completion_tokens=charge.completion_tokens * share,
        cost_usd=None if charge.cost_usd is None else charge.cost_usd * share,
    )


class _Noting(Evaluator):
    """An evaluator that notes the prompts it runs, by their digests."""

    def __init__(self, *, noted: dict[str, Prompt], **fields: Any) -> None:
        super().__init__(**fields)
        self._noted = noted

    async def block(self, assignments: Sequence[Assignment]) -> None:
        """Runs the assignments."""
        self._noted.update({assignment.prompt.digest: assignment.prompt for assignment in assignments})
        await super().block(assignments)


class _NotingJudged(_Noting, JudgedEvaluator):
    """One whose scores come from a judge."""


RIGHT, WRONG = "right", "wrong"


@dataclass(slots=True, kw_only=True)
class _StandIn:
    """Answers right as often as a quality says that is drawn for each prompt; its replies are as long as the rows'
    answers in the form that the prompt asks for. `whole` replies hold an answer of that length, different for every
    prompt, for a judge to read."""

    problem: Problem
    prompts: dict[str, Prompt]
    tariff: Tariff
    counter: TokenCounter
    seed: int
    whole: bool = False
    identity: ModelIdentity = field(default_factory=lambda: ModelIdentity(endpoint="rehearsal", model="stand-in"))
    _answers: dict[str, str] = field(default_factory=dict)
    _texts: dict[str, int] = field(default_factory=dict)
    _sizes: dict[str, _Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = (*self.problem.space.train, *self.problem.validation, *self.problem.test)
        self._answers = {row.id: row.answer for row in rows}

    async def complete(self, request: Request) -> Completion | Failure:
        """The reply to `request`."""
        prompt, row = request.prompt_digest, request.example_id
        known = prompt == self.problem.baseline.digest
        ability = ABILITY if known else ABILITY + ABILITY_SPREAD * self._drawn(prompt)
        luck = self._drawn(f"{prompt}/{row}/{request.repeat}")
        size = self._sizes.setdefault(prompt, _Size())
        answer = RIGHT if ability > COMMON**0.5 * self._drawn(row) + (1 - COMMON) ** 0.5 * luck else WRONG
        return Completion(
            text=f"{answer} {prompt[:8]} {self._answers[row]}" if self.whole else answer,
            usage=self.tariff.usage(size.prompt_tokens(request.messages, self.counter), self._reply_tokens(request)),
        )

    def _drawn(self, what: str) -> float:
        """A standard normal number of `what`, always the same."""
        return random.Random(f"{self.seed}/{what}").gauss(0.0, 1.0)

    def _reply_tokens(self, request: Request) -> int:
        """The answer in the form that the prompt asks for, its end, and the reasoning before it."""
        prompt = self.prompts[request.prompt_digest]
        most = max_tokens(request.parameters)
        form, factors = prompt.reply_format, prompt.factors
        reasoning = factors.get("reasoning") == "on"
        marked = reasoning or factors.get("demonstration_style") == "turns"
        before = form.marker if marked else None  # Elsewhere the prompt itself ends with what comes before the answer.
        text = f"{before or ''} {self._answers[request.example_id]}{form.closing or ''}"
        if text not in self._texts:
            self._texts[text] = self.counter.of_text(text)
        return min(most, self._texts[text] + 1 + (round(REASONING_SHARE * most) if reasoning else 0))

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


@dataclass(slots=True, kw_only=True)
class _JudgeStandIn:
    """Grades whole replies of the stand-in by how they begin."""

    part: JudgePart
    identity: ModelIdentity = field(default_factory=lambda: ModelIdentity(endpoint="rehearsal", model="judge"))
    _texts: dict[str, int] = field(default_factory=dict)
    _sizes: dict[str, _Size] = field(default_factory=dict)

    async def complete(self, request: Request) -> Completion | Failure:
        """The verdict."""
        grades, counter = self.part.grading.judge.scale.grades, self.part.counter
        right = f"\n{RIGHT} " in request.messages[-1].content
        text = json.dumps({"reason": REASON, "grade": grades[-1] if right else grades[0]})
        if text not in self._texts:
            self._texts[text] = counter.of_text(text) + 1
        size = self._sizes.setdefault(request.prompt_digest, _Size())
        usage = self.part.tariff.usage(size.prompt_tokens(request.messages, counter), self._texts[text])
        return Completion(text=text, usage=usage)

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


@dataclass(slots=True)
class _Size:
    """The size of one prompt's requests."""

    counted: int = 0
    tokens: int = 0
    bytes: int = 0

    def prompt_tokens(self, messages: Sequence[Message], counter: TokenCounter) -> int:
        size = sum(len(message.content.encode()) for message in messages)
        if self.counted >= ROWS_COUNTED:
            return round(self.tokens * size / self.bytes)
        tokens = counter.of_messages(messages)
        self.counted, self.tokens, self.bytes = self.counted + 1, self.tokens + tokens, self.bytes + size
        return tokens


@dataclass(frozen=True, slots=True)
class _RightOrWrong:
    """Scores the stand-in's replies."""

    name: str = "rehearsal"
    binary: bool = True
    mean_of_rows: bool = True

    @property
    def extractor(self) -> Extractor:
        """Takes replies as they are."""
        return self

    def extract(self, reply: str, reply_format: ReplyFormat) -> str | None:
        """The reply itself."""
        return reply

    def score(self, answer: str, example: Example) -> float:
        """1 for a right answer."""
        return float(answer == RIGHT)

    def aggregate(self, answers: Sequence[str | None], scores: Sequence[float], examples: Sequence[Example]) -> float:
        """The share of right answers."""
        return sum(scores) / len(scores)


class _FirstLook:
    """Counts no looks."""

    def count(self, test_digest: str, look: str) -> int:
        """Every look is the first."""
        return 1
