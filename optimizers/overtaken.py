"""Why the prompt that led while the search ran is not the one that it ended with, in words.

Who leads is said after every block of rows; who is proved is decided by all rows in the end, by the user's bounds, and
against the user's own prompt, which wins ties.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.records import Example
from optimizers.evaluator import Evaluator
from optimizers.objective import Objective
from optimizers.optimization import Outcome
from optimizers.paired import arm, pairs
from optimizers.progress import Leading
from optimizers.search import describe

_FAIR = "rows that were drawn, not chosen, and by the estimate from all prompts"


def overtaken(
    led: Leading, outcome: Outcome, rows: Sequence[Example], evaluator: Evaluator, objective: Objective
) -> str | None:
    """Why `outcome` has another winner than the prompt that `led` last, by what both did on the validation `rows`; None
    if the winner is, or reads like, the one that led."""
    winner, baseline = outcome.winner, outcome.baseline
    alike = [s for s in outcome.standings if s.candidate is not winner and describe(s.candidate.prompt) == led.factors]
    if describe(winner.prompt) == led.factors or not alike:
        return None
    leader = max(alike, key=lambda standing: standing.expected).candidate
    chosen = "your prompt" if winner is baseline else "the winner"
    said = f"While the search ran, another prompt led ({led.factors}: {led.score.mean:.3f} on {_rows(led.score.n)})."
    beyond = objective.too_dear(leader.prompt, rows, evaluator)
    if beyond:
        return f"{said} It {beyond}, which objective.within allows, so {chosen} was taken."
    found = pairs(winner.prompt, leader.prompt, rows, evaluator)
    if not found:
        return f"{said} It and {chosen} ran no row in common; by the estimate from all prompts {chosen} is not behind."
    examples = [row for row, _, _ in found]
    ours, theirs = arm([one for _, one, _ in found]), arm([other for _, _, other in found])
    aggregate = evaluator.metric.aggregate
    own, other = aggregate(ours.answers, ours.scores, examples), aggregate(theirs.answers, theirs.scores, examples)
    scored = f"On the {_rows(len(found))} that both ran, {chosen} scores {own:.3f} and it {other:.3f}"
    if own > other:
        return f"{said} {scored}."
    if winner is baseline:
        return f"{said} {scored}: not enough to expect a gain by {_FAIR}, and your prompt wins ties."
    return f"{said} {scored}; but by {_FAIR} more is to be expected of {chosen}."


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"
