"""Rung sizes of a successive-halving race on common rows.

Source: Karnin, Koren and Somekh, "Almost Optimal Exploration in Multi-Armed Bandits" (2013), with shares per rung
fitted on real prompt landscapes: a fixed first block is too dear for small budgets and too small for large ones, and
a separate share for the finalists brings nothing over letting them be the last rung.
"""

from __future__ import annotations

from dataclasses import dataclass

FINALISTS = 2
STEP_EXPONENT = 0.75


@dataclass(frozen=True, slots=True)
class Rung:
    """How many candidates are still in, and up to which row (exclusive) all of them are scored."""

    candidates: int
    rows: int


def schedule(candidates: int, rows: int, calls: int) -> list[Rung]:
    """The rungs of a race between `candidates` on `rows` common rows for at most `calls` calls.

    Candidates halve down to two finalists. A rung with n candidates adds rows in proportion to n ** -0.75, so the
    calls of a rung shrink slowly (as n ** 0.25); all rungs are scaled by the largest common factor that `calls` pay
    for, and what rounding leaves goes to the last one. Rungs that would add no row are left out.

    Invariants: the cost never exceeds `calls`; rows strictly increase and end at `rows` or where the calls end;
    candidates strictly decrease. One row for each candidate may take at most half of the calls; where it would take
    more, only the first candidates in order enter.
    """
    if candidates < 1 or calls < 1 or rows < 1:
        return []
    alive = [min(candidates, max(1, calls // 2))]
    while alive[-1] > FINALISTS:
        alive.append(max(FINALISTS, (alive[-1] + 1) // 2))
    weights = [sum(n**-STEP_EXPONENT for n in alive[: i + 1]) for i in range(len(alive))]

    def at(scale: float) -> list[Rung]:
        return [Rung(n, min(rows, max(1, int(scale * weight)))) for n, weight in zip(alive, weights, strict=True)]

    low, high = 0.0, float(rows * alive[0])
    for _ in range(50):
        middle = (low + high) / 2
        if cost(at(middle)) <= calls:
            low = middle
        else:
            high = middle
    plan = at(low)
    last = plan[-1]
    plan[-1] = Rung(last.candidates, min(rows, last.rows + (calls - cost(plan)) // last.candidates))
    rungs: list[Rung] = []
    for rung in plan:
        if rung.rows > (rungs[-1].rows if rungs else 0):
            rungs.append(rung)
    return rungs


def cost(rungs: list[Rung]) -> int:
    """The calls that `rungs` take when no row was scored before."""
    total = before = 0
    for rung in rungs:
        total += rung.candidates * (rung.rows - before)
        before = rung.rows
    return total
