"""A race: candidates on common rows, in blocks; the worse half stops after each.

All candidates of a job walk the same seeded, stratified order of validation rows, so every comparison is paired. The
race decides who goes on, never who is promoted: that is the proof's business, on rows the race does not know.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from benchmarks.evaluation.run import Assignment
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from optimizers.schedule import Rung
from optimizers.study import Candidate, shrunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a candidate stands: its mean score over the first `rows` rows of the common order. Rows that are missing
    for it count for nothing. `scored` is the number of rows behind the mean."""

    candidate: Candidate
    mean: float
    rows: int
    scored: int


def common_order(examples: Sequence[Example], seed: int, *, stratify: bool) -> tuple[Example, ...]:
    """The order in which all candidates of a job walk `examples`: shuffled by `seed`, and, if `stratify`, such that
    each answer has about its share of every beginning."""
    rng = random.Random(f"{seed}/rows")
    shuffled = rng.sample(sorted(examples, key=lambda example: example.id), len(examples))
    if not stratify:
        return tuple(shuffled)
    strata: dict[str, list[Example]] = defaultdict(list)
    for example in shuffled:
        strata[example.answer].append(example)
    placed = [
        ((position + rng.random()) / len(stratum), example)
        for stratum in strata.values()
        for position, example in enumerate(stratum)
    ]
    return tuple(example for _, example in sorted(placed, key=lambda pair: pair[0]))


def standing(candidate: Candidate, order: Sequence[Example], rows: int, evaluator: Evaluator) -> Standing:
    """How `candidate` stands after the first `rows` rows."""
    scores = [score for score in evaluator.scores(candidate.prompt, order[:rows]) if score is not None]
    mean = sum(scores) / len(scores) if scores else 0.0
    return Standing(candidate=candidate, mean=mean, rows=rows, scored=len(scores))


def ranked(standings: Sequence[Standing]) -> list[Standing]:
    """The best first. A candidate for which rows are missing is not taken at its word: its mean is drawn towards that
    of all. The baseline wins ties; then the shorter prompt wins, then the earlier trial."""
    scored = sum(s.scored for s in standings)
    overall = sum(s.mean * s.scored for s in standings) / scored if scored else 0.0

    def place(s: Standing) -> tuple[float, bool, int, int]:
        value = shrunk(s.mean, s.scored, overall)
        return -value, s.candidate.trial != 0, _length(s.candidate.prompt), s.candidate.trial

    return sorted(standings, key=place)


def _length(prompt: Prompt) -> int:
    return sum(len(message.content) for message in prompt.messages)


async def race(
    entrants: Sequence[Candidate],
    *,
    order: Sequence[Example],
    rungs: Sequence[Rung],
    evaluator: Evaluator,
    on_rung: Callable[[Sequence[Standing]], None] = lambda _: None,
) -> list[Standing]:
    """Where the entrants stand when the race is over: those that ran furthest first, the best of them at the head.

    Rows that an entrant has run before are not run again. A rung that the budget cannot pay for in full ends the
    race, and so does the seconds cap: what was decided before that rung stands.
    """
    if not rungs:
        return []
    alive = list(entrants[: rungs[0].candidates])
    out: list[Standing] = []
    leaders: list[Standing] = []
    reached = 0
    for rung in rungs:
        if leaders:
            leaders, stopped = leaders[: rung.candidates], leaders[rung.candidates :]
            out = [*stopped, *out]
            alive = [s.candidate for s in leaders]
        block = [Assignment(prompt=c.prompt, example=e) for c in alive for e in order[reached : rung.rows]]
        if evaluator.out_of_time or not evaluator.affords(block):
            break
        await evaluator.block(block)
        if evaluator.out_of_time:
            break
        reached = rung.rows
        leaders = ranked([standing(candidate, order, reached, evaluator) for candidate in alive])
        on_rung(leaders)
    return [*leaders, *out]


def against(
    challenger: Candidate, incumbent: Candidate, order: Sequence[Example], evaluator: Evaluator
) -> float | None:
    """The challenger's mean paired difference to the incumbent over the rows that both have; None without such rows."""
    pairs = [
        (ours, theirs)
        for ours, theirs in zip(
            evaluator.scores(challenger.prompt, order), evaluator.scores(incumbent.prompt, order), strict=True
        )
        if ours is not None and theirs is not None
    ]
    return sum(ours - theirs for ours, theirs in pairs) / len(pairs) if pairs else None
