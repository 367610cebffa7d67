"""What the runs say, in tables."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tests.performance.search_quality.cells import OURS, PEERS, SEARCHERS, Cell, Run

CHECKPOINTS = (300, 600, 1000, 2000, 5000)
LEVELS = (0.02, 0.01)
STEP = 20

Runs = Mapping[Cell, Run]
Curve = list[tuple[int, float]]


def regrets(runs: Runs, searcher: str, calls: int, *, repeats_free: bool = False) -> dict[str, list[float]]:
    """The regret of each run of a searcher after so many calls, by arena; empty if it was not run with that budget.

    With `repeats_free`, calls that repeat an earlier one do not count, as where replies are kept.
    """
    found = defaultdict(list)
    for cell, run in runs.items():
        if cell.searcher == searcher and (SEARCHERS[searcher].anytime or cell.budget == calls):
            found[cell.arena].append(run.at(calls, repeats_free=repeats_free))
    return dict(found)


def mean(by_arena: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """The mean over arenas, each of the same weight, and its standard error over seeds (arenas are taken as given)."""
    means = [statistics.fmean(values) for values in by_arena.values()]
    variances = [statistics.variance(values) / len(values) for values in by_arena.values() if len(values) > 1]
    return statistics.fmean(means), float(np.sqrt(sum(variances)) / len(means))


def curve(runs: Runs, searcher: str, *, repeats_free: bool = False) -> Curve:
    """Mean regrets by calls: an anytime searcher's on a fine grid, the others' at the budgets they were run with."""
    budgets = sorted({cell.budget for cell in runs if cell.searcher == searcher})
    if budgets and SEARCHERS[searcher].anytime:
        budgets = list(range(STEP, budgets[-1] + 1, STEP))
    return [(calls, mean(regrets(runs, searcher, calls, repeats_free=repeats_free))[0]) for calls in budgets]


def calls_to_reach(points: Curve, level: float) -> float | None:
    """The calls after which the mean regret is at most `level`, interpolated between points; None if it never is."""
    before: tuple[int, float] | None = None
    for calls, regret in points:
        if regret <= level:
            if before is None or before[1] == regret:
                return float(calls)
            return before[0] + (before[1] - level) / (before[1] - regret) * (calls - before[0])
        before = (calls, regret)
    return None


def regret_table(runs: Runs, *, repeats_free: bool = False) -> Iterator[str]:
    """One line a searcher, as a Markdown table."""
    yield (
        "| | " + " | ".join(f"{calls:,}" for calls in CHECKPOINTS) + " | calls to ≤ 0.02 / ≤ 0.01 | repeats | ends at |"
    )
    yield "|---|" + "---:|" * (len(CHECKPOINTS) + 3)
    for searcher in _ran(runs):
        columns = []
        for calls in CHECKPOINTS:
            values = regrets(runs, searcher, calls, repeats_free=repeats_free)
            columns.append("{:.4f} ± {:.4f}".format(*mean(values)) if values else "–")
        points = curve(runs, searcher, repeats_free=repeats_free)
        reached = [calls_to_reach(points, level) for level in LEVELS]
        columns.append(" / ".join("never" if calls is None else f"{calls:,.0f}" for calls in reached))
        last = [run.moments[-1] for cell, run in runs.items() if cell.searcher == searcher]
        asked = sum(moment.calls for moment in last)
        columns.append(f"{sum(moment.repeats for moment in last) / asked:.0%}")
        ends = [moment.calls - (moment.repeats if repeats_free else 0) for moment in last]
        columns.append(f"{statistics.fmean(ends):,.0f}" if SEARCHERS[searcher].anytime else "")
        yield f"| {searcher} | " + " | ".join(columns) + " |"


def against_peers(runs: Runs, *, repeats_free: bool = False) -> Iterator[str]:
    """What whet needs for the regret that the best peer has with so many calls, in the runs that both made."""
    ours = OURS[0].name
    peers = [peer.name for peer in PEERS if any(cell.searcher == peer.name for cell in runs)]
    if not peers or not any(cell.searcher == ours for cell in runs):
        return
    yield "| calls | best peer | its regret | calls that whet needs for it | share |"
    yield "|---:|---|---:|---:|---:|"
    for calls in CHECKPOINTS:
        regret, peer = min((mean(regrets(runs, peer, calls, repeats_free=repeats_free))[0], peer) for peer in peers)
        where = {(cell.arena, cell.seed) for cell in runs if cell.searcher == peer}
        shared = {cell: run for cell, run in runs.items() if (cell.arena, cell.seed) in where}
        needed = calls_to_reach(curve(shared, ours), regret)
        share = "more" if needed is None else f"{needed / calls:.0%}"
        yield f"| {calls:,} | {peer} | {regret:.4f} | {'–' if needed is None else f'{needed:,.0f}'} | {share} |"


def decision_table(runs: Runs) -> Iterator[str]:
    """Searchers with a decision on test rows within the budget."""
    yield "| | calls | regret of the winner | regret in production | promoted | interval holds the true difference |"
    yield "|---|---:|---:|---:|---:|---:|"
    for searcher, budget in dict.fromkeys((cell.searcher, cell.budget) for cell in runs):
        moments = defaultdict(list)
        for cell, run in runs.items():
            if (cell.searcher, cell.budget) == (searcher, budget):
                moments[cell.arena].append(run.moments[-1])
        every = [moment for values in moments.values() for moment in values]
        winner = mean({arena: [m.regret for m in values] for arena, values in moments.items()})
        production = mean({arena: [m.production_regret or 0.0 for m in values] for arena, values in moments.items()})
        yield (
            f"| {searcher} | {budget:,} | {winner[0]:.4f} ± {winner[1]:.4f} "
            f"| {production[0]:.4f} ± {production[1]:.4f} "
            f"| {_share([bool(m.promoted) for m in every])} | {_share([bool(m.covered) for m in every if m.moved])} |"
        )


def chance_table(runs: Runs) -> Iterator[str]:
    """Where no instruction is better than another: who says that one is, and by how much."""
    yield "| | runs | another prompt is recommended | its score, or its gain where test rows decide, is off by |"
    yield "|---|---:|---:|---:|"
    for searcher in _ran(runs):
        last = [run.moments[-1] for cell, run in runs.items() if cell.searcher == searcher]
        recommended = [moment.moved if moment.promoted is None else moment.promoted for moment in last]
        errors = [moment.error for moment in last if moment.error is not None]
        off = "{:+.4f} ± {:.4f}".format(*mean({"": errors})) if errors else "–"
        yield f"| {searcher} | {len(last)} | {_share(recommended)} | {off} |"


def _share(of: Sequence[bool]) -> str:
    return f"{sum(of)} of {len(of)} ({sum(of) / len(of):.1%})" if of else "–"


def _ran(runs: Runs) -> list[str]:
    """The searchers that were run, in the order in which they are listed."""
    return [searcher for searcher in SEARCHERS if any(cell.searcher == searcher for cell in runs)]
