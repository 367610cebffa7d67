"""The life of an optimization: headroom, search, finalists, what mattered, proof, decision.

Given the seed and the replies it takes the same decisions again, in the same order; see `optimizers.evaluator` for
what makes that so. It sees the test split only through `prove`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.errors import BudgetError
from benchmarks.models.prices import Tariff
from optimizers.ablation import Ablation
from optimizers.board import Standing
from optimizers.decision import decide
from optimizers.evaluator import Evaluator
from optimizers.front import Member, front
from optimizers.headroom import Headroom
from optimizers.journal import Journal
from optimizers.placing import Placing
from optimizers.plan import Plan
from optimizers.progress import Observer, silent
from optimizers.proof import Looks, Proof, prove
from optimizers.proposers.author import Writer
from optimizers.race import common_order
from optimizers.rounds import Rounds, Written
from optimizers.search import Problem, Search
from optimizers.study import Candidate

PROMOTE = "promote"
KEEP_BASELINE = "keep_baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. `winner` is the prompt that the proof judged, whatever the decision; it is the baseline when
    nothing did better on validation. `placing` compares the baseline with the first cohort. `standings` has
    every candidate tried; `front` those that take less than the winner in something; `parts` what each part of
    the winner brought; `written` what the rounds proposed, `refused` why not more."""

    decision: str
    why: str
    winner: Candidate
    baseline: Candidate
    proof: Proof | None
    headroom: Headroom | None
    placing: Placing | None
    standings: tuple[Standing, ...]
    trials: int
    front: tuple[Member, ...] = ()
    parts: tuple[Ablation, ...] = ()
    written: tuple[Written, ...] = ()
    refused: Mapping[str, int] = field(default_factory=dict)


async def optimize(
    problem: Problem,
    plan: Plan,
    *,
    evaluator: Evaluator,
    tariff: Tariff,
    journal: Journal,
    looks: Looks,
    writer: Writer | None = None,
    observer: Observer = silent,
) -> Outcome:
    """Searches, proves and decides.

    Raises BudgetError before anything is spent if the token or dollar cap cannot pay for a first comparison, and
    EndpointError if an endpoint fails; both leave everything that was paid for in the ledger.
    """
    rounds = None
    if problem.repertoire is not None:
        rounds = Rounds(problem.repertoire, evaluator=evaluator, journal=journal, writer=writer, observer=observer)
    search = Search(problem, plan, evaluator=evaluator, tariff=tariff, rounds=rounds, observer=observer)
    baseline, objective = search.baseline, problem.objective
    search.hold_for_proof([problem.baseline])
    search.check_affordable()
    headroom = await search.headroom()
    if evaluator.out_of_time and not evaluator.rollouts:
        raise BudgetError("The seconds cap was reached before anything could be compared. Raise budget.seconds.")
    if headroom is not None and headroom.little_to_gain:
        search.let_go()
        return _outcome(search, headroom, decision=KEEP_BASELINE, why=headroom.why, winner=baseline)
    winner = await search.finalists(await search.races())
    parts = await search.look_around(winner)
    rows, others = search.fair_rows(winner)
    members = front(winner, others, rows, evaluator, objective, seed=problem.seed)
    search.let_go()
    proof_rows = common_order(problem.test, problem.seed, stratify=problem.stratify)[: plan.proof_rows]
    search.enter("proof", len(proof_rows) * (1 if winner is baseline else 2), later=0)
    proof = await prove(
        winner,
        baseline,
        rows=proof_rows,
        test_digest=problem.test_digest,
        occasion=problem.occasion,
        looks=looks,
        journal=journal,
        evaluator=evaluator,
        seed=problem.seed,
        sequential=problem.sequential,
        margin=objective.non_inferiority or 0.0,
    )
    promoted, why = decide(proof, objective, baseline_won=winner is baseline)
    return _outcome(
        search,
        headroom,
        decision=PROMOTE if promoted else KEEP_BASELINE,
        why=why,
        winner=winner,
        proof=proof,
        front=members,
        parts=parts,
    )


def _outcome(
    search: Search,
    headroom: Headroom | None,
    *,
    decision: str,
    why: str,
    winner: Candidate,
    proof: Proof | None = None,
    front: tuple[Member, ...] = (),
    parts: tuple[Ablation, ...] = (),
) -> Outcome:
    """The outcome, with what the search knows in any case."""
    standings, rounds = tuple(search.standings()), search.rounds
    return Outcome(
        decision=decision,
        why=why,
        winner=winner,
        baseline=search.baseline,
        proof=proof,
        headroom=headroom,
        placing=search.placing,
        standings=standings,
        trials=len(standings),
        front=front,
        parts=parts,
        written=tuple(rounds.written) if rounds else (),
        refused={reason.value: number for reason, number in sorted(rounds.refused.items())} if rounds else {},
    )
