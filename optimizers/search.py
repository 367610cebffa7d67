"""The search of an optimization: headroom, rounds of proposals and races, finalists, and what mattered.

Every step is a method of `Search`, in the order in which `optimizers.optimization` takes them. Given the seed and the
replies it decides the same again; see `optimizers.evaluator` for what makes that so. It never sees the test split.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.budget import Amount
from benchmarks.datasets.records import Example
from benchmarks.errors import BudgetError
from benchmarks.evaluation.rollout import request_for
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.intervals import mean_interval
from benchmarks.models.prices import Tariff
from benchmarks.prompts.prompt import Prompt
from optimizers.ablation import Ablation, ablate
from optimizers.board import Board, Standing
from optimizers.cheaper import look_for_cheaper
from optimizers.constraints import Constraints
from optimizers.earlier import choices_of
from optimizers.evaluator import Evaluator
from optimizers.headroom import Headroom, look
from optimizers.objective import Objective, finalists, winner_of
from optimizers.paired import block_of, reach
from optimizers.placing import Placing, place
from optimizers.plan import Plan
from optimizers.progress import Leading, Notice, Observer, PhaseStarted
from optimizers.proposers.protocol import Proposal
from optimizers.race import FINALISTS, Race, common_order
from optimizers.repertoire import Repertoire
from optimizers.rounds import Rounds
from optimizers.space import SearchSpace
from optimizers.study import POSTERIOR, Candidate, Study

STYLE_WORDS = {"inline": "inline", "turns": "as chat turns"}

ROWS_RECALLED = 20
"""On so many rows the baseline is compared with the best candidate before it is given up, if it was left behind."""

RECALL_SHARE = 0.05
"""The share of the search calls that a lone race leaves for that."""

FINAL_SHARE = 0.2
"""The share of the search calls that is set aside for the finalists of several rounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What an optimization is about: the space to search, the prompt to beat, and the rows to do it on.

    `test` is read by the proof alone. `stratify` orders rows so that each answer is represented early. `occasion`
    names the model and epoch whose replies the proof looks at. `earlier` are prompts that enter as first candidates;
    `known` are rollouts of theirs and of the baseline whose replies the ledger holds, so that they cost nothing.
    `repertoire` writes more instructions between rounds; None where there is nobody to. A look at the headroom may end
    the job only if `headroom_stops`.
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
    earlier: tuple[Prompt, ...] = ()
    known: tuple[Assignment, ...] = ()
    repertoire: Repertoire | None = None
    constraints: Constraints = field(default_factory=Constraints)
    objective: Objective = field(default_factory=Objective)
    headroom_stops: bool = False
    sequential: bool = False
    sampler: str = POSTERIOR


class Search:
    """The steps of one search, and what they share: the board, the study, and what is left of the plan."""

    def __init__(
        self,
        problem: Problem,
        plan: Plan,
        *,
        evaluator: Evaluator,
        tariff: Tariff,
        rounds: Rounds | None,
        observer: Observer,
    ) -> None:
        self.problem = problem
        self.plan = plan
        self.evaluator = evaluator
        self.budget = evaluator.budget
        self.tariff = tariff
        self.rounds = rounds
        self.observer = observer
        self.order = common_order(problem.validation, problem.seed, stratify=problem.stratify)
        self.board = Board(self.order, evaluator)
        self.study = Study(
            problem.space,
            problem.baseline,
            problem.seed,
            sampler=problem.sampler,
            admits=self._admits,
            cost=self._cost,
        )
        self.baseline = self.study.baseline
        self.board.enter([self.baseline])
        entered = (self.study.enter(prompt, choices_of(prompt, problem.space)) for prompt in problem.earlier)
        self.earlier = [candidate for candidate in entered if candidate is not None]
        self.newcomers = [*self.earlier, *self.study.first_cohort(max(1, plan.cohorts[0] - len(self.earlier)))]
        self.stopped: set[int] = set()
        self.placing: Placing | None = None

    # What it costs

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
        done = len(self.evaluator.rollouts) - len(self.problem.known)
        if self.budget.caps.seconds is not None and done > 0:
            running_s = self.evaluator.elapsed_s - (self.rounds.took_s if self.rounds else 0.0)
            self.evaluator.reserve_s = 1.5 * self.plan.proof_calls * running_s / done

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

    def let_go(self) -> None:
        """Ends the search's claims on the budget: what was set aside is the proof's now."""
        if self.evaluator.out_of_time:
            self.observer(Notice(message="The seconds cap is near: the search ends here, the proof follows."))
        self.budget.hold(Amount())
        self.evaluator.reserve_s = 0.0
        self.evaluator.out_of_time = False

    def enter(self, phase: str, calls_planned: int, *, later: int) -> None:
        """Begins a phase of at most `calls_planned` calls, after which at most `later` follow."""
        self.budget.phase = phase
        self.observer(PhaseStarted(phase=phase, calls_planned=calls_planned))
        self.evaluator.tally.expect(calls_planned + later)

    # The steps

    async def headroom(self) -> Headroom | None:
        """Baseline and a few very different prompts on the first rows; on more, where that might end the job."""
        probes, first = self.newcomers[: self.plan.probes], self.plan.headroom_rows
        planned = first * (1 + len(probes)) + self.plan.repeat_calls
        self.enter("headroom", planned, later=self.plan.calls - planned)
        await self.evaluator.block(self.problem.known)
        self.board.enter(self.earlier)
        found = await look(
            self.baseline,
            probes,
            self.order[:first],
            self.problem.repeats,
            self.evaluator,
            further=self.order[first:],
            most_calls=self.plan.search_calls // 8,
            proof_rows=self.plan.proof_rows if self.problem.headroom_stops else None,
        )
        self.board.enter(probes)
        if found is not None and found.why:
            self.observer(Notice(message=found.why))
        return found

    async def races(self) -> list[Candidate]:
        """One round after the other: proposals, a cohort of candidates, a race. The best survivors so far meet the
        newcomers of the next round; all survivors are returned, the best first."""
        self.enter("search", self._calls_left(), later=self.plan.report_calls + self.plan.proof_calls)
        if self.rounds is not None and self.rounds.opens:
            written = await self._write([])
            kept = max(self.plan.probes, len(self.earlier), self.plan.cohorts[0] - len(written))
            self.newcomers[kept:] = written
        survivors = [self.baseline]
        for number, size in enumerate(self.plan.cohorts):
            newcomers = self.newcomers if number == 0 else await self._cohort(size, survivors)
            if not newcomers or self.evaluator.out_of_time:
                break
            entrants = [*survivors[:FINALISTS], *newcomers]
            survivors = await self._race(entrants, number, newcomers=len(newcomers))
            if self.rounds is not None:
                self.rounds.learn(self.standings())
        return survivors

    async def finalists(self, survivors: Sequence[Candidate]) -> Candidate:
        """The best of the survivors, re-scored on as much of validation as the budget allows, and of these the one to
        be proved. Rows that were chosen say nothing here."""
        objective = self.problem.objective
        best = finalists(survivors, self.baseline, self.order, self.evaluator, objective, count=2 * FINALISTS)
        if all(candidate is self.baseline for candidate in best):
            return self.baseline
        by_rows = self.evaluator.metric.mean_of_rows
        missing = int((~self.board.ran([*best, *([] if by_rows else [self.baseline])])).sum())
        self.enter("finalists", min(missing, self._calls_left()), later=self.plan.report_calls + self.plan.proof_calls)
        await self._recall_baseline(best)
        if best and not self.evaluator.out_of_time:
            await Race(best, board=self.board, evaluator=self.evaluator, calls=self._calls_left()).run(self._report)
        ranked = self.board.ranked(best, fair=True)
        if ranked and not by_rows and not self.evaluator.out_of_time:
            # A set function can only be compared on the same set.
            prompts = [self.baseline.prompt, *(standing.candidate.prompt for standing in ranked[:FINALISTS])]
            far = reach(prompts, self.order, self.evaluator, self._calls_left())
            await self.evaluator.block(block_of(prompts, self.order[:far]))
            ranked = self.board.ranked(best, fair=True)
        baseline, *_ = self.board.ranked([self.baseline], fair=True)
        enough = max((standing.scored for standing in ranked), default=0) / 2
        seen = [standing for standing in ranked if standing.scored >= enough]
        clear = self.board.clearly_ahead([standing.candidate for standing in seen], self.baseline)
        rows = [self.order[place] for place in self._fair_places([s.candidate for s in seen])]
        return winner_of(seen, baseline, rows, self.evaluator, objective, clear=clear)

    async def _recall_baseline(self, best: Sequence[Candidate]) -> None:
        """Runs the baseline on some more rows that the best candidate has run, if nothing is clear between the two."""
        first = next((candidate for candidate in best if candidate is not self.baseline), None)
        if first is None or self.evaluator.out_of_time or self.board.clearly_ahead([first], self.baseline):
            return
        rows = [self.order[place] for place in self._fair_places([first]) if self.board.ran([first])[0, place]]
        far = reach([self.baseline.prompt], rows[:ROWS_RECALLED], self.evaluator, self._calls_left())
        await self.evaluator.block(block_of([self.baseline.prompt], rows[:far]))

    async def look_around(self, winner: Candidate) -> tuple[Ablation, ...]:
        """What the winner's parts brought, and whether a cheaper prompt does as well, with the calls set aside for
        it."""
        calls = min(self.plan.report_calls, self._calls_left() + self.plan.report_calls)
        if calls:
            self.enter("report", calls, later=self.plan.proof_calls)
        (rows, others), before = self.fair_rows(winner), len(self.evaluator.rollouts)
        await look_for_cheaper(winner, others, rows, self.evaluator, self.problem.objective, calls=calls // 2)
        calls -= len(self.evaluator.rollouts) - before
        unfair = {c.prompt.digest for c in self.board.candidates.values() if c is not winner} - {
            c.prompt.digest for c in others
        }

        def fair(prompt: Prompt) -> bool:
            return self._allowed(prompt) and prompt.digest not in unfair

        return await ablate(winner, self.baseline, self.study.space, rows, self.evaluator, calls=calls, admits=fair)

    def standings(self) -> list[Standing]:
        """Every candidate tried, by trial, over all the rows it ran."""
        tried = [c for c in self.board.candidates.values() if self.board.ran([c]).any()]
        return sorted(self.board.ranked(tried), key=lambda standing: standing.candidate.trial)

    # Between the steps

    async def _race(self, entrants: Sequence[Candidate], number: int, *, newcomers: int) -> list[Candidate]:
        """The survivors of one race, the best first: with all calls left if it is a lone one, else with its share of
        them once the finalists' calls are set aside. The last `newcomers` of the entrants are new."""
        calls, every = self._calls_left(), len(self.order)
        aside = int(self.plan.search_calls * RECALL_SHARE)
        if len(self.plan.cohorts) > 1 or not self.evaluator.metric.mean_of_rows:
            aside = min(FINALISTS * every, int(self.plan.search_calls * FINAL_SHARE))
        calls = max(0, calls - min(aside, calls // 2)) // (len(self.plan.cohorts) - number)

        def on_block(standings: Sequence[Standing]) -> None:
            if number == 0 and self.placing is None:
                common = np.flatnonzero(self.board.ran([s.candidate for s in standings]).all(axis=0))
                rows = [self.order[place] for place in common]
                drawn = [candidate for candidate in entrants if candidate not in self.earlier]
                self.placing = place(self.baseline, drawn, rows, self.evaluator)
            self._report(standings)

        race = Race(
            entrants,
            board=self.board,
            evaluator=self.evaluator,
            calls=calls,
            start=number * every // len(self.plan.cohorts),
            rivals=entrants[: len(entrants) - newcomers] if number else (),
        )
        await race.run(on_block)
        self.study.tell([(s.candidate, s.mean, s.scored) for s in self.standings() if s.scored])
        self.stopped |= {candidate.trial for candidate in race.stopped}
        ranked = self.board.ranked(self.board.candidates.values())
        return [s.candidate for s in ranked if s.candidate.trial not in self.stopped]

    async def _cohort(self, size: int, survivors: Sequence[Candidate]) -> list[Candidate]:
        """The newcomers of a later round: first those with an instruction just written, then what the sampler
        suggests."""
        written = await self._write(survivors) if self.rounds is not None else []
        known = list(self.board.candidates.values())
        self.study.learn(known, self.board.posterior())
        return [*written, *self.study.next_cohort(max(0, size - len(written)))]

    async def _write(self, survivors: Sequence[Candidate]) -> list[Candidate]:
        """Candidates with the instructions that the round's proposers write, else like the best so far."""
        if self.rounds is None:
            return []
        self.hold_for_proof([candidate.prompt for candidate in survivors])
        space = self.study.space
        phase = self.budget.phase
        proposals: Sequence[Proposal] = await self.rounds.propose(
            self.standings() if survivors else [], space.instruction
        )
        self.budget.phase = phase
        if not proposals:
            return []
        self.study.grow(replace(space, instruction=(*space.instruction, *proposals)))
        parents = [c.choices for c in survivors if c.choices is not None][:FINALISTS]
        found = []
        for number in range(len(proposals)):
            parent = parents[number % len(parents)] if parents else self.study.draw()
            found.append(self.study.at({**parent, "instruction": len(space.instruction) + number}))
        return [candidate for candidate in found if candidate is not None]

    def _allowed(self, prompt: Prompt) -> bool:
        return self.problem.constraints.violation(prompt) is None

    def _admits(self, prompt: Prompt) -> bool:
        if not self._allowed(prompt):
            return False
        baseline = self.problem.baseline
        return self.problem.objective.rules_out(prompt, self.order, baseline, self.evaluator) is None

    def _cost(self, prompt: Prompt) -> float:
        """What a call with `prompt` costs beside others: its tokens at most, where tokens or dollars are capped."""
        caps = self.budget.caps
        if caps.tokens is None and caps.usd is None:
            return 1.0
        return float(self.tariff.bound(request_for(prompt, self.order[0])).tokens)

    def _calls_left(self) -> int:
        """Calls of the plan that the search has not made yet. Replies from the ledger count as calls here, so that a
        warm ledger makes a search cheaper, and never longer; but not those that were known from the start."""
        planned = self.plan.search_calls + self.plan.repeat_calls - self.plan.report_calls
        return max(0, planned + len(self.problem.known) - len(self.evaluator.rollouts))

    def fair_rows(self, winner: Candidate) -> tuple[list[Example], list[Candidate]]:
        """Rows on which `winner` can be compared, and the other candidates that it can be compared with there: all
        that ran no chosen rows, or else the third of the rows that is never chosen, and everybody."""
        others = [candidate for candidate in self.board.candidates.values() if candidate is not winner]
        rows = [self.order[place] for place in self._fair_places([winner])]
        return rows, [candidate for candidate in others if len(rows) < len(self.order) or self.board.fair(candidate)]

    def _fair_places(self, candidates: Sequence[Candidate]) -> Sequence[int]:
        """The places of rows on which all of `candidates` may be compared with the baseline."""
        every = all(self.board.fair(candidate) for candidate in (*candidates, self.baseline))
        return range(len(self.order)) if every else [int(place) for place in np.flatnonzero(self.board.drawn)]

    def _report(self, standings: Sequence[Standing]) -> None:
        leader = standings[0]
        self.hold_for_proof([s.candidate.prompt for s in standings])
        scores = [s for s in self.evaluator.scores(leader.candidate.prompt, self.order) if s is not None]
        if scores:
            self.observer(
                Leading(
                    score=mean_interval(scores, binary=self.evaluator.metric.binary),
                    factors=describe(leader.candidate.prompt),
                    candidates_alive=len(standings),
                    prompt=leader.candidate.prompt,
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
