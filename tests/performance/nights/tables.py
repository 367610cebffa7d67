"""Simulated years of nights: false alarms, drops found, and what they were called.

    python -m tests.performance.nights.tables alarms drops names others

Without a name all tables are printed. Everything follows from the seed; docs/nights.md keeps the last tables.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.evidence.night_records import Policy
from tests.performance.nights import measures
from tests.performance.nights.endpoints import Endpoint, coins, drawn, repeated
from tests.performance.printing import Tables, print_tables

REPLIES = {
    "replies repeat, but for 1 % of rows": Endpoint(chances=repeated(0.01)),
    "replies repeat, but for 5 %": Endpoint(chances=repeated(0.05)),
    "drawn afresh, rows easy and hard": Endpoint(chances=drawn),
    "drawn afresh, every row a coin": Endpoint(chances=coins),
}
EXACT = {"replies repeat exactly": Endpoint(exact=True)}
WOBBLES = (0.0, 0.005, 0.01)


def alarms(runs: int) -> Iterator[str]:
    """Years without any change."""
    yield "False alarms per schedule and year; stated: at most 0.05"
    yield _cells("", [f"wobble {100 * wobble:g}" for wobble in (*WOBBLES, 0.02)])
    for name, endpoint in (EXACT | REPLIES).items():
        rates = [measures.false_alarms(replace(endpoint, wobble=wobble), runs=runs) for wobble in (*WOBBLES, 0.02)]
        yield _cells(name, [f"{rate:.3f}" for rate in rates])
    plain = Endpoint(chances=repeated(0.05), wobble=0.005)
    others = {
        "a wave of 1 point every 7 nights": replace(plain, weekly=0.01),
        "a wave of 2 points": replace(plain, weekly=0.02),
        "wobble of 1 point that lasts (correlation 0.5)": replace(plain, wobble=0.01, memory=0.5),
        "wobble of 1 point that lasts (correlation 0.9)": replace(plain, wobble=0.01, memory=0.9),
        "20 % of replies missing every night": replace(plain, missing=0.2),
        "50 rows": replace(plain, rows=50),
        "accuracy 0.97, coins": Endpoint(chances=coins, accuracy=0.97),
        "50 rows, accuracy 0.97, coins": Endpoint(chances=coins, accuracy=0.97, rows=50),
        "baseline of 20 epochs": replace(plain, epochs=20),
    }
    for name, endpoint in others.items():
        yield _cells(name, [f"{measures.false_alarms(endpoint, runs=runs):.3f}"])
    small = np.full(measures.NIGHTS, -0.01, dtype=np.float64)
    opened = [schedule.opened() is not None for schedule in measures.schedules(plain, small, runs=runs)]
    yield _cells("a real drop of 1 point, below min_drop: opened", [f"{sum(opened) / runs:.3f}"])
    better = np.concatenate([np.zeros(60), np.full(90, 0.03), np.zeros(215)])
    opened = [schedule.opened() is not None for schedule in measures.schedules(plain, better, runs=runs)]
    yield _cells("3 points better for 90 nights, then as before", [f"{sum(opened) / runs:.3f}"])


def drops(runs: int) -> Iterator[str]:
    """Drops that began on any night of the year, or on a given one."""
    yield "10 points found within 2 nights / 5 points within 7"
    yield _cells("", [*(f"any night, wobble {100 * wobble:g}" for wobble in WOBBLES)])
    for name, endpoint in REPLIES.items():
        yield _cells(name, [_found(replace(endpoint, wobble=wobble), runs) for wobble in WOBBLES])
    yield _cells("from the night on, wobble 0.5", ["1", "1 (20 epochs)", "8", "31", "101"])
    for name, endpoint in REPLIES.items():
        wobbly = replace(endpoint, wobble=0.005)
        cells = [_found(wobbly, runs, at=0), _found(replace(wobbly, epochs=20), runs, at=0)]
        yield _cells(name, [*cells, *(_found(wobbly, runs, at=at) for at in (7, 30, 100))])
    few = Endpoint(chances=drawn, wobble=0.005, rows=100)
    yield _cells("100 rows, drawn afresh", [_found(few, runs)])
    missing = replace(few, rows=300, missing=0.2)
    yield _cells("20 % of replies missing, drawn afresh", [_found(missing, runs)])
    careful = Policy(confirm_runs=1)
    yield _cells("confirm_runs 1, drawn afresh", [_found(replace(few, rows=300), runs, policy=careful)])


def names(runs: int) -> Iterator[str]:
    """What the first night of a regression called it."""
    yield "Called environment_drift, of the regressions found: at once / a week later (the drop begins on night 61)"
    cases = ((0.10, 0.10), (0.05, 0.05), (0.10, 0.05), (0.10, 0.03), (0.10, 0.0), (0.05, 0.0))
    yield _cells("prompt, anchor fall by", [f"{100 * ours:g}, {100 * theirs:g}" for ours, theirs in cases])
    for name, endpoint in REPLIES.items():
        cells = []
        for ours, theirs in cases:
            said = measures.named(replace(endpoint, wobble=0.005), ours, theirs, begins=60, runs=runs)
            told = said["environment_drift"] + said["regressed"]
            later = said["later environment_drift"] + said["later regressed"]
            cells.append(
                f"{said['environment_drift'] / max(1, told):.3f} / "
                f"{said['later environment_drift'] / max(1, later):.3f}"
            )
        yield _cells(name, cells)


def others(runs: int) -> Iterator[str]:
    """Rises, slow drifts, ends of regressions, quiet nights."""
    yield "Nights until it is said (median, 90 % quantile; never within the simulated nights counts as the last)"
    yield _cells("", ["+5 points", "-0.1 a night", "drop by then", "-10 ends", "-5 ends", "one night of -10"])
    for name, endpoint in REPLIES.items():
        wobbly = replace(endpoint, wobble=0.005)
        up = np.where(np.arange(100) < 60, 0.0, 0.05)
        rises = [schedule.rose() for schedule in measures.schedules(wobbly, up, runs=runs)]
        slow = np.linspace(-0.001, -0.15, 150)
        slides = [schedule.opened() for schedule in measures.schedules(wobbly, slow, runs=runs)]
        cells = [
            _spread([40 if night is None else night - 59 for night in rises]),
            _spread([150 if night is None else night + 1 for night in slides]),
            f"{statistics.median(0.1 * (150 if night is None else night + 1) for night in slides):.1f} points",
        ]
        for drop, lasts in ((0.1, 30), (0.05, 30), (0.1, 1)):
            ends = measures.resolved(wobbly, drop, lasts=lasts, runs=runs)
            cells.append(_spread(ends) + (f" ({len(ends) / runs:.2f})" if lasts == 1 else ""))
        yield _cells(name, cells)
    yield "Nights without a change: unchanged, after so many nights; and how often the 95 % interval holds the truth"
    yield _cells("", ["1", "7", "30", "100", "min_drop 0.03, 30", "20 epochs, 30", "held: 1", "held: 30"])
    for name, endpoint in REPLIES.items():
        wobbly = replace(endpoint, wobble=0.005)
        cells = [f"{said['unchanged'] / runs:.2f}" for said in measures.quiet_nights(wobbly, runs=runs).values()]
        for case, policy in ((wobbly, Policy(min_drop=0.03)), (replace(wobbly, epochs=20), Policy())):
            cells.append(f"{measures.quiet_nights(case, runs=runs, policy=policy)[30]['unchanged'] / runs:.2f}")
        cells += [f"{measures.covered(wobbly, nights=nights, runs=runs):.3f}" for nights in (1, 30)]
        yield _cells(name, cells)


TABLES: Tables = {"alarms": alarms, "drops": drops, "names": names, "others": others}


def _found(endpoint: Endpoint, runs: int, *, at: int | None = None, policy: Policy = measures.POLICY) -> str:
    large = measures.found(endpoint, 0.10, within=2, runs=runs, at=at, policy=policy)
    small = measures.found(endpoint, 0.05, within=7, runs=runs, at=at, policy=policy)
    return f"{large:.3f} / {small:.3f}"


def _spread(nights: list[int]) -> str:
    return f"{np.median(nights):.0f}, {np.quantile(nights, 0.9):.0f}" if nights else "-"


def _cells(head: str, cells: list[str]) -> str:
    return f"{head:48}" + "".join(f"{cell:>22}" for cell in cells)


def main() -> None:
    print_tables("python -m tests.performance.nights.tables", TABLES, runs=200, counted="simulated schedules of a cell")


if __name__ == "__main__":
    main()
