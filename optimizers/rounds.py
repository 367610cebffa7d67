"""Rounds: between two cohorts, new instructions are written by what the job has learnt.

Which operators write is chosen by a bandit on what they have gained per call in this job; what a model wrote is linted
before it costs a call of the search. Given the seed and the replies a round proposes the same again: replies are in the
ledger, and which of them never came is in the journal.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.prompts.prompt import Prompt
from optimizers.board import Standing
from optimizers.evaluator import Evaluator
from optimizers.journal import Journal
from optimizers.progress import Notice, Observer, silent
from optimizers.proposers.author import Author, Draft, Writer, point_of
from optimizers.proposers.bandit import Trial, choose
from optimizers.proposers.exchange import Scored, exchanged
from optimizers.proposers.failures import MOST_ROWS, TrainFailure, failures_of
from optimizers.proposers.lints import Refusal, cleaned
from optimizers.proposers.operators import Commission, Effect, Situation, Tried, commission, possible
from optimizers.proposers.protocol import Proposal
from optimizers.repertoire import EXCHANGE, Repertoire
from optimizers.study import shrunk

PER_ROUND = 8
"""How many instructions a round writes, and how many calls to the proposer model it makes, at most."""

FAILURES_SHARE = 0.05
"""The share of the calls left that may be spent on the leader's failures on train rows."""

OPENING = ("grounded", "fresh")
"""Operators that can write before anything was tried."""

_LONGEST_HYPOTHESIS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An instruction that a round proposed. `gain` is the estimated score of its best prompt above that of the leader
    it was to beat, over `rows` rows; None until it was tried."""

    round: int
    proposal: Proposal
    gain: float | None = None
    rows: int = 0


class Rounds:
    """Writes instructions for one run of a job, and learns which ways of writing them pay.

    `written` has every instruction proposed so far, in order; `refused` counts by reason those that were not worth a
    call; `calls` were made to the proposer model, or found in the ledger.
    """

    def __init__(
        self,
        repertoire: Repertoire,
        *,
        evaluator: Evaluator,
        journal: Journal,
        writer: Writer | None = None,
        observer: Observer = silent,
    ) -> None:
        self.written: list[Written] = []
        self.refused: Counter[Refusal] = Counter()
        self.calls = 0
        self._repertoire = repertoire
        self._evaluator = evaluator
        self._author = Author(writer, journal, evaluator) if writer else None
        self._observer = observer
        self._number = 0
        self._leader: str | None = None
        self._calls_by_operator: Counter[str] = Counter()
        self._turns: Counter[str] = Counter()
        self._trials: list[Trial] = []

    @property
    def opens(self) -> bool:
        """Whether it has something to write before anything was tried."""
        return self._repertoire.with_model and bool(self._opening())

    @property
    def took_s(self) -> float:
        """The seconds of the job's time that the proposer model took, which say nothing about those of rollouts."""
        return self._author.took_s if self._author else 0.0

    async def propose(
        self, standings: Sequence[Standing], known: Sequence[Proposal], count: int = PER_ROUND
    ) -> list[Proposal]:
        """At most `count` new instructions, in a fixed order; `known` are those of the search space.

        Without standings these are the first of the job. A budget without room, a deadline and a proposer model that
        answers badly make them fewer. Raises EndpointError if the proposer's endpoint cannot be used, and
        BudgetError if that has cost too much already.
        """
        self._number += 1
        self._calls_by_operator.clear()
        rng = random.Random(f"{self._repertoire.seed}/round {self._number}")
        leaders = _leaders(standings)
        self._leader = _instruction(leaders[0].standing) if leaders else None
        if not self._repertoire.with_model:
            proposals = self._exchanged(leaders, known, count, rng)
        elif self._author is not None and self._may_ask(self._author):
            situation = await self._situation(leaders, known)
            proposals = await self._write(self._commissions(situation, count, rng), known, self._author)
        else:
            proposals = []
        self.written += [Written(round=self._number, proposal=proposal) for proposal in proposals]
        return proposals

    def learn(self, standings: Sequence[Standing]) -> None:
        """Credits the operators of the latest round with what their best instruction gained, and charges them with the
        calls it took to write and to try theirs."""
        scores = {_instruction(one.standing): one.score for one in _leaders(standings)}
        rows: Counter[str] = Counter()
        for standing in standings:
            rows[_instruction(standing)] += standing.scored
        first = next((_instruction(s) for s in standings if s.candidate.trial == 0), "")
        to_beat = scores.get(self._leader or first)
        gains: dict[str, float] = {}
        cost = Counter(self._calls_by_operator)
        for place, one in enumerate(self.written):
            text, source = one.proposal.text, one.proposal.source
            if one.round != self._number or text not in scores or to_beat is None:
                continue
            gain = scores[text] - to_beat
            gains[source] = max(gain, gains.get(source, 0.0))
            cost[source] += rows[text]
            self.written[place] = replace(one, gain=gain, rows=rows[text])
        if self._leader is not None:  # The opening had no choice, and is compared with the user's prompt.
            self._trials += [
                Trial(round=self._number, arm=arm, gain=gains.get(arm, 0.0), cost=float(cost[arm]))
                for arm in sorted(cost)
                if cost[arm]
            ]
        self._calls_by_operator.clear()

    def _may_ask(self, author: Author) -> bool:
        return not author.exhausted and not self._evaluator.out_of_time and self.calls < self._repertoire.calls

    def _exchanged(
        self, leaders: Sequence[_Leader], known: Sequence[Proposal], count: int, rng: random.Random
    ) -> list[Proposal]:
        if EXCHANGE not in self._repertoire.operators:
            return []
        scores = {_instruction(one.standing): one.score for one in leaders}
        scored = [Scored(proposal=p, score=scores[p.text]) for p in known if p.text in scores]
        found = exchanged(self._repertoire.brief, scored, {p.text for p in known}, min(count, PER_ROUND), rng)
        constraints = self._repertoire.rules.constraints
        return [proposal for proposal in found if constraints.violation_of(proposal.text) is None]

    async def _situation(self, leaders: Sequence[_Leader], known: Sequence[Proposal]) -> Situation:
        brief = self._repertoire.brief
        tried = [Tried(text=_instruction(one.standing), score=one.score) for one in leaders]
        return Situation(
            brief=brief,
            constraints=self._repertoire.rules.constraints,
            tried=tried or [Tried(text=proposal.text) for proposal in known],
            failures=await self._failures(leaders[0].standing.candidate.prompt) if leaders else (),
            effects=[
                Effect(hypothesis=one.proposal.hypothesis, gain=one.gain)
                for one in self.written
                if one.gain is not None
            ],
        )

    async def _failures(self, leader: Prompt) -> Sequence[TrainFailure]:
        if "reflective" not in self._repertoire.operators:
            return ()
        rows = min(MOST_ROWS, int(FAILURES_SHARE * self._evaluator.budget.calls_left()))
        train, seed = self._repertoire.brief.train, self._repertoire.seed
        return await failures_of(leader, train, self._evaluator, rows=rows, seed=seed)

    def _commissions(self, situation: Situation, count: int, rng: random.Random) -> list[Commission]:
        """What is to be written in this round, as far as calls are left for it."""
        operators = self._opening() if self._leader is None else self._repertoire.operators
        arms = [operator for operator in operators if possible(operator, situation)]
        count = min(count, PER_ROUND, self._repertoire.calls - self.calls)
        chosen = Counter(choose(arms, self._trials, count, rng))
        commissions = []
        for operator in arms:
            for _ in range(chosen[operator]):
                commissions.append(commission(operator, situation, self._turns[operator], rng))
                self._turns[operator] += 1
        return commissions

    def _opening(self) -> Sequence[str]:
        return [operator for operator in OPENING if operator in self._repertoire.operators][:1]

    async def _write(
        self, commissions: Sequence[Commission], known: Sequence[Proposal], author: Author
    ) -> list[Proposal]:
        """What the model wrote, without what is refused."""
        drafts = await author.write(commissions, point_of(self._number))
        orders = commissions[: len(drafts)]
        self.calls += len(orders)
        self._calls_by_operator.update(order.operator for order in orders)
        proposals: list[Proposal] = []
        refused: Counter[Refusal] = Counter()
        for order, draft in zip(orders, drafts, strict=True):
            texts = [proposal.text for proposal in (*known, *proposals)]
            result = draft if isinstance(draft, Refusal) else self._judged(order, draft, texts)
            if isinstance(result, Refusal):
                refused[result] += 1
            else:
                proposals.append(result)
        self.refused += refused
        if refused:
            why = ", ".join(f"{number} {reason.value}" for reason, number in sorted(refused.items()))
            self._say(
                f"Of {len(orders)} instructions asked of the proposer model {len(proposals)} can be tried; {why}."
            )
        if len(orders) < len(commissions):
            self._say("The budget pays for no more calls to the proposer model; the search goes on without.")
        return proposals

    def _judged(self, order: Commission, draft: Draft, known: Sequence[str]) -> Proposal | Refusal:
        text = cleaned(draft.instruction)
        hypothesis = " ".join(draft.hypothesis.split())[:_LONGEST_HYPOTHESIS]
        refusal = self._repertoire.rules.refusal(text, closed=draft.closed, parents=order.parents, known=known)
        if not hypothesis:
            refusal = Refusal.UNREADABLE
        return refusal or Proposal(text=text, source=order.operator, parents=order.parents, hypothesis=hypothesis)

    def _say(self, message: str) -> None:
        self._observer(Notice(message=message))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leader:
    """An instruction by the best of its prompts: its mean, drawn towards that of all as far as its rows are few."""

    standing: Standing
    score: float


def _leaders(standings: Sequence[Standing]) -> list[_Leader]:
    """The instructions that were tried, the best first."""
    scored = [standing for standing in standings if standing.scored]
    total = sum(standing.scored for standing in scored)
    overall = sum(standing.mean * standing.scored for standing in scored) / total if total else 0.0
    rated = [_Leader(standing=s, score=shrunk(s.mean, s.scored, overall)) for s in scored]
    rated.sort(key=lambda one: (-one.score, one.standing.candidate.trial))
    return list({_instruction(one.standing): one for one in reversed(rated)}.values())[::-1]


def _instruction(standing: Standing) -> str:
    return str(standing.candidate.prompt.factors.get("instruction", ""))
