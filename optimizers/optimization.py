"""The life of an optimization: headroom, search, finalists, proof, decision.

Given the seed and the replies it takes the same decisions again, in the same order; see `optimizers.evaluator` for
what makes that so. It sees the test split only through `prove`.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.budget import Amount
from benchmarks.datasets.records import Example
from benchmarks.errors import BudgetError
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED, request_for
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.intervals import mean_interval
from benchmarks.models.prices import Tariff
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from optimizers.headroom import Headroom, look
from optimizers.journal import Journal
from optimizers.placing import Placing, place
from optimizers.plan import Plan
from optimizers.progress import Leading, Notice, Observer, PhaseStarted, silent
from optimizers.proof import MOST_MISSING, Looks, Proof, prove
from optimizers.race import Standing, against, common_order, race, ranked, standing
from optimizers.schedule import FINALISTS, Rung, schedule
from optimizers.space import SearchSpace
from optimizers.study import Candidate, Study, shrunk

PROMOTE = "promote"
KEEP_BASELINE = "keep_baseline"

STYLE_WORDS = {"inline": "inline", "turns": "as chat turns"}

FINALISTS_SHARE = 0.2
"""The share of the search calls that is set aside for the finalists of several cohorts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What an optimization is about: the space to search, the prompt to beat, and the rows to do it on.

    `test` is read by the proof alone. `stratify` orders rows so that each answer is represented early. `occasion`
    names the model and epoch whose replies the proof looks at.
    """

    space: SearchSpace
    baseline: Prompt
    validation: Sequence[Example]
    test: Sequence[Example]
    test_digest: str
    stratify: bool
    occasion: str
    repeats: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. `winner` is the prompt that the proof judged, whatever the decision; it is the baseline when
    nothing did better on validation. `placing` compares the baseline with the first cohort. `standings` has
    every candidate tried."""

    decision: str
    why: str
    winner: Candidate
    baseline: Candidate
    proof: Proof | None
    headroom: Headroom | None
    placing: Placing | None
    standings: tuple[Standing, ...]
    trials: int


async def optimize(
    problem: Problem,
    plan: Plan,
    *,
    evaluator: Evaluator,
    tariff: Tariff,
    journal: Journal,
    looks: Looks,
    observer: Observer = silent,
) -> Outcome:
    """Searches, proves and decides.

    Raises BudgetError before anything is spent if the token or dollar cap cannot pay for a first comparison, and
    EndpointError if the endpoint fails; both leave everything that was paid for in the ledger.
    """
    search = _Search(problem, plan, evaluator, tariff, observer)
    search.hold_for_proof([problem.baseline])
    search.check_affordable()
    headroom = await search.headroom()
    if evaluator.out_of_time and not evaluator.rollouts:
        raise BudgetError("The seconds cap was reached before anything could be compared. Raise budget.seconds.")
    survivors = await search.cohorts()
    winner = await search.finalists(survivors)
    proof = await search.prove(winner, journal, looks)
    decision, why = _decide(winner is search.baseline, proof)
    return Outcome(
        decision=decision,
        why=why,
        winner=winner,
        baseline=search.baseline,
        proof=proof,
        headroom=headroom,
        placing=search.placing,
        standings=tuple(search.final_standings()),
        trials=len(search.tried),
    )


class _Search:
    """The steps of one optimization, and what they share."""

    def __init__(self, problem: Problem, plan: Plan, evaluator: Evaluator, tariff: Tariff, observer: Observer) -> None:
        self.problem = problem
        self.plan = plan
        self.evaluator = evaluator
        self.budget = evaluator.budget
        self.tariff = tariff
        self.observer = observer
        self.study = Study(problem.space, problem.baseline, problem.seed)
        self.baseline = self.study.baseline
        self.order = common_order(problem.validation, problem.seed, stratify=problem.stratify)
        self.proof_rows = common_order(problem.test, problem.seed, stratify=problem.stratify)[: plan.proof_rows]
        self.newcomers = self.study.first_cohort(plan.cohorts[0])
        self.tried: dict[str, Candidate] = {}
        self.placing: Placing | None = None

    def hold_for_proof(self, prompts: Sequence[Prompt]) -> None:
        """Sets aside what the proof of one of `prompts` against the baseline takes, judged by the one that takes most
        on the first row, and by the validation rows: the search does not look at test."""
        first, baseline = self.order[0], self.problem.baseline
        challengers = [prompt for prompt in prompts if prompt.digest != baseline.digest] or [baseline]
        dearest = max(challengers, key=lambda prompt: self.tariff.bound(request_for(prompt, first)).tokens)
        rows = list(itertools.islice(itertools.cycle(self.order), self.plan.proof_rows))
        expected = self.evaluator.forecast(
            [Assignment(prompt=prompt, example=example) for prompt in (baseline, dearest) for example in rows]
        )
        self.budget.hold(expected)
        done = len(self.evaluator.rollouts)
        if self.budget.caps.seconds is not None and done:
            self.evaluator.reserve_s = 1.5 * self.plan.proof_calls * self.evaluator.elapsed_s / done

    def check_affordable(self) -> None:
        """Raises BudgetError if not even a first comparison can be paid for."""
        first = [self.baseline, *self.newcomers[:1]]
        rows = self.order[: self.plan.headroom_rows]
        if not self.evaluator.affords([Assignment(prompt=c.prompt, example=e) for c in first for e in rows]):
            raise BudgetError(
                "Once the proof is set aside, the token or dollar cap does not pay for comparing two prompts on "
                f"{len(rows)} rows. Nothing was spent. Raise budget.tokens or budget.usd, or lower budget.calls so "
                "that the proof takes fewer rows."
            )

    async def headroom(self) -> Headroom | None:
        """Baseline and a few very different prompts on the first rows."""
        probes = self.newcomers[: self.plan.probes]
        rows = self.order[: self.plan.headroom_rows]
        planned = len(rows) * (1 + len(probes)) + self.plan.repeat_calls
        self._enter("headroom", planned, later=self.plan.calls - planned)
        found = await look(self.baseline, probes, rows, self.problem.repeats, self.evaluator)
        self._note([self.baseline, *probes])
        if found is not None:
            self._comment(found)
        return found

    def _comment(self, headroom: Headroom) -> None:
        """Says what a person would want to know before the search goes on."""
        replies = [self.evaluator.rollout(self.baseline.prompt, e) for e in self.order[: self.plan.headroom_rows]]
        unusable = [r for r in replies if r is not None and r.problem in (FORMAT, TRUNCATED)]
        if unusable and len(unusable) == headroom.baseline.n:
            reply = " ".join((unusable[0].reply or "").split())
            why = "was cut off at max_tokens" if unusable[0].problem == TRUNCATED else "holds no answer for the metric"
            self.observer(Notice(message=f"None of the first replies to your prompt is usable: “{reply[:160]}” {why}."))
        elif headroom.baseline.mean == 1.0:
            self.observer(
                Notice(message=f"Your prompt is right on all of the first {headroom.baseline.n} rows: little to gain.")
            )

    async def cohorts(self) -> list[Candidate]:
        """Races one cohort after the other. The best survivors so far meet the newcomers of the next cohort; all
        survivors are returned, the best first."""
        self._enter("search", self._calls_left(), later=self.plan.proof_calls)
        survivors = [self.baseline]
        for number, size in enumerate(self.plan.cohorts):
            newcomers = self.newcomers if number == 0 else self.study.next_cohort(size)
            if not newcomers or self.evaluator.out_of_time:
                break
            entrants = [*survivors[:FINALISTS], *newcomers]
            rungs = self._rungs(len(entrants), cohorts_left=len(self.plan.cohorts) - number)
            standings = await race(
                entrants, order=self.order, rungs=rungs, evaluator=self.evaluator, on_rung=self._report
            )
            if number == 0 and rungs:
                self.placing = place(self.baseline, newcomers, self.order[: rungs[0].rows], self.evaluator)
            self.study.tell([(s.candidate, s.mean, s.scored) for s in standings if s.scored])
            survivors = self._best([*survivors, *(s.candidate for s in standings[:FINALISTS])])
        return survivors

    def _rungs(self, entrants: int, cohorts_left: int) -> list[Rung]:
        """The rungs of one cohort. A lone cohort leaves its last rung to the finalists; several cohorts share what is
        left once the finalists' calls are set aside."""
        if len(self.plan.cohorts) == 1:
            rungs = schedule(entrants, len(self.order), self._calls_left())
            return rungs[:-1] if len(rungs) > 1 and rungs[-1].candidates <= FINALISTS else rungs
        aside = min(FINALISTS * len(self.order), int(self.plan.search_calls * FINALISTS_SHARE))
        return schedule(entrants, len(self.order), max(0, self._calls_left() - aside) // cohorts_left)

    def _best(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates, each once, the best first: by their means over the rows they ran, drawn towards the mean of
        all as far as their rows are few."""
        pool = list({candidate.trial: candidate for candidate in candidates}.values())
        standings = {c.trial: standing(c, self.order, len(self.order), self.evaluator) for c in pool}
        scored = sum(s.scored for s in standings.values())
        overall = sum(s.mean * s.scored for s in standings.values()) / scored if scored else 0.0
        return sorted(
            pool, key=lambda c: (-shrunk(standings[c.trial].mean, standings[c.trial].scored, overall), c.trial)
        )

    async def finalists(self, survivors: Sequence[Candidate]) -> Candidate:
        """The best of the finalists, re-scored on as much of validation as the budget allows; the baseline if the
        best does not beat it on the rows that both have."""
        best = list(survivors[:FINALISTS])
        fresh = len(self.evaluator.new(self._block(best, len(self.order))))
        self._enter("finalists", min(fresh, self._calls_left()), later=self.plan.proof_calls)
        rows = bisect_left(range(1, len(self.order) + 1), True, key=lambda n: not self._payable(best, n))
        if rows and not self.evaluator.out_of_time:
            await self.evaluator.block(self._block(best, rows))
            if not self.evaluator.out_of_time:
                final = ranked([standing(c, self.order, rows, self.evaluator) for c in best])
                self._report(final)
                best = [s.candidate for s in final]
        ahead = against(best[0], self.baseline, self.order, self.evaluator)
        return best[0] if ahead is not None and ahead > 0 else self.baseline

    async def prove(self, winner: Candidate, journal: Journal, looks: Looks) -> Proof | None:
        """The proof, on the rows that were set aside for it."""
        if self.evaluator.out_of_time:
            self.observer(Notice(message="The seconds cap is near: the search ends here, the proof follows."))
        self.budget.hold(Amount())
        self.evaluator.reserve_s = 0.0
        self.evaluator.out_of_time = False
        self._enter("proof", len(self.proof_rows) * (1 if winner is self.baseline else 2), later=0)
        return await prove(
            winner,
            self.baseline,
            rows=self.proof_rows,
            test_digest=self.problem.test_digest,
            occasion=self.problem.occasion,
            looks=looks,
            journal=journal,
            evaluator=self.evaluator,
            seed=self.problem.seed,
        )

    def final_standings(self) -> list[Standing]:
        """Every candidate tried, by trial, over all the rows it ran."""
        found = []
        for candidate in self.tried.values():
            rows = [s for s in self.evaluator.scores(candidate.prompt, self.order) if s is not None]
            mean = sum(rows) / len(rows) if rows else 0.0
            found.append(Standing(candidate=candidate, mean=mean, rows=len(rows), scored=len(rows)))
        return sorted(found, key=lambda s: s.candidate.trial)

    def _calls_left(self) -> int:
        """Calls of the plan that the search has not made yet. Replies from the ledger count as calls here, so that a
        warm ledger makes a search cheaper, and never longer."""
        return max(0, self.plan.search_calls + self.plan.repeat_calls - len(self.evaluator.rollouts))

    def _block(self, candidates: Sequence[Candidate], rows: int) -> list[Assignment]:
        return [Assignment(prompt=c.prompt, example=e) for c in candidates for e in self.order[:rows]]

    def _payable(self, candidates: Sequence[Candidate], rows: int) -> bool:
        block = self._block(candidates, rows)
        return len(self.evaluator.new(block)) <= self._calls_left() and self.evaluator.affords(block)

    def _enter(self, phase: str, calls_planned: int, *, later: int) -> None:
        """Begins a phase of at most `calls_planned` calls, after which at most `later` follow."""
        self.budget.phase = phase
        self.observer(PhaseStarted(phase=phase, calls_planned=calls_planned))
        self.evaluator.tally.expect(calls_planned + later)

    def _note(self, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            self.tried.setdefault(candidate.prompt.digest, candidate)

    def _report(self, standings: Sequence[Standing]) -> None:
        self._note([s.candidate for s in standings])
        leader = standings[0]
        self.hold_for_proof([s.candidate.prompt for s in standings])
        scores = [s for s in self.evaluator.scores(leader.candidate.prompt, self.order[: leader.rows]) if s is not None]
        if scores:
            self.observer(
                Leading(
                    score=mean_interval(scores, binary=self.evaluator.metric.binary),
                    factors=describe(leader.candidate.prompt),
                    candidates_alive=len(standings),
                )
            )


def describe(prompt: Prompt) -> str:
    """A prompt in a few words, by its factors."""
    factors = prompt.factors
    shown = factors.get("demonstrations", 0)
    words = [
        str(factors.get("instruction_source", "own")),
        f"{shown} demonstrations" + (f" {STYLE_WORDS[factors['demonstration_style']]}" if shown else ""),
        str(factors.get("delimiters", "")),
        str(factors.get("placement", "")),
    ]
    if factors.get("answer_marker"):
        words.append(str(factors["answer_marker"]))
    return ", ".join(word for word in words if word)


def _decide(baseline_won: bool, proof: Proof | None) -> tuple[str, str]:
    """The decision and why, in words."""
    if proof is None:
        return KEEP_BASELINE, (
            "The proof could not be finished within the caps, so nothing is proven and your prompt stays. Run again "
            "with a larger budget."
        )
    if baseline_won:
        return KEEP_BASELINE, (
            "No candidate beat your prompt on the validation rows, so it stays. The score shown is your prompt's, on "
            f"{proof.n} test rows."
        )
    if proof.missing > MOST_MISSING:
        return KEEP_BASELINE, (
            f"{proof.missing:.1%} of the test rows got no reply, more than the {MOST_MISSING:.0%} that a proof allows; "
            "your prompt stays. Run again when the endpoint is reliable."
        )
    decisive = proof.decisive
    if decisive is None:
        raise AssertionError("a winner other than the baseline was compared with it")
    nth = f"look {proof.look} at this test split, " if proof.look and proof.look > 1 else ""
    bar = (
        f"{nth}deciding {decisive.level:.1%} interval {decisive.low:+.3f} to {decisive.high:+.3f}, p = {decisive.p:.2g}"
    )
    if proof.proven:
        return PROMOTE, (
            f"On {proof.n} test rows that the search never saw, the winner scores {decisive.mean:+.3f} against your "
            f"prompt ({bar}). The lower bound is above 0."
        )
    return KEEP_BASELINE, (
        f"The best candidate's difference on {proof.n} test rows is {decisive.mean:+.3f} ({bar}). The lower bound is "
        "not above 0, so a gain is not proven and your prompt stays."
    )
