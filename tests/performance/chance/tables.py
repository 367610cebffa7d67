"""What chance does to proofs, beside what it may do.

    python -m tests.performance.chance.tables coverage proofs looks headroom jobs

Without a name all tables are printed. Everything follows from the seed; docs/proof.md keeps the last tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.evidence.detectable import chance_at_best
from benchmarks.evidence.looks import alpha_for_look
from tests.performance.chance import coverage, decisions, jobs, stops
from tests.performance.chance.coverage import Coverage, at_all_times, of_macro_f1, of_mcnemar, of_paired_t
from tests.performance.chance.worlds import World, binary_worlds, class_worlds, graded_worlds, right_or_wrong
from tests.performance.printing import Tables, print_tables

ROWS = (20, 50, 100, 400)
GAINS = (-0.05, 0.0, 0.03, 0.05, 0.1, 0.2)


def coverages(runs: int) -> Iterator[str]:
    """The lowest coverage over all worlds, and the mean."""
    yield f"Coverage of nominal {coverage.LEVEL:.0%} intervals: lowest of all worlds / mean"
    yield _cells("", [f"{rows} rows" for rows in ROWS])
    mcnemar = [partial(of_mcnemar, world, runs=20 * runs, seed=1) for world in binary_worlds()]
    paired = [partial(of_paired_t, world, runs=runs, seed=2) for world in graded_worlds()]
    f1 = [partial(of_macro_f1, world, runs=runs // 2, seed=3) for world in class_worlds()]
    kinds: dict[str, Sequence[Callable[[int], Coverage]]] = {"0/1 scores": mcnemar, "graded": paired, "macro-F1": f1}
    for name, worlds in kinds.items():
        shares = [[of(rows).covered for of in worlds] for rows in ROWS]
        yield _cells(
            f"{name} ({len(worlds)} worlds)", [f"{min(share):.3f} / {sum(share) / len(share):.3f}" for share in shares]
        )
    held = [at_all_times(world, 200, runs=runs, seed=4) for world in (*binary_worlds((0.5,)), *graded_worlds((0.5,)))]
    yield f"Confidence sequence, after each of 200 rows at once ({len(held)} worlds): {min(held):.3f} lowest"


def proofs(runs: int) -> Iterator[str]:
    """Promotions, rows and bias, by the true gain."""
    yield "Proofs against a baseline of accuracy 0.75, first look; rows of both prompts share their difficulty (0.5)"
    yield _cells("rows, true gain", ["fixed: promoted", "bias", "sequential: promoted", "bias", "rows used"])
    for rows in (100, 400):
        for gain in GAINS:
            world = World(name="", winner=right_or_wrong(0.75 + gain), baseline=right_or_wrong(0.75), correlation=0.5)
            fixed = decisions.fixed(world, rows, runs=4 * runs, seed=rows)
            early = decisions.sequential(world, rows, runs=4 * runs, seed=rows)
            yield _cells(
                f"{rows}, {gain:+.2f}",
                [
                    f"{fixed.promoted:.3f}",
                    f"{fixed.bias:+.4f} ± {2 * fixed.error:.4f}",
                    f"{early.promoted:.3f}",
                    f"{early.bias:+.4f} ± {2 * early.error:.4f}",
                    f"{early.rows:.0f}",
                ],
            )


def looks(runs: int) -> Iterator[str]:
    """Family-wise errors of 20 looks at one test split."""
    yield "At least one promotion in 20 looks at one test split, all prompts equally good"
    yield _cells("", ["fixed", "sequential", "0.05 every time"])
    for rows in (100, 400):
        found = [
            decisions.family_wise(rows, looks=20, runs=2 * runs, seed=3, in_sequence=in_sequence, spend=spend)
            for in_sequence, spend in ((False, True), (True, True), (False, False))
        ]
        yield _cells(f"{rows} rows", [f"{share:.3f}" for share in found])


def headroom(runs: int) -> Iterator[str]:
    """Stops, by what can be gained."""
    gains = (0.0, 0.02, 0.03, 0.05, 0.1)
    yield "Jobs that the look at the headroom ends, by the share of rows that can be gained"
    yield _cells("", [f"{gain:.0%}" for gain in gains])
    for calls, rows in ((1000, 100), (2000, 100), (2000, 200), (4000, 200)):
        for world in stops.WORLDS:
            shares = [
                stops.stopped(world, gain, calls=calls, proof_rows=rows, runs=max(1, runs // 10)) for gain in gains
            ]
            yield _cells(f"{calls} calls, {rows} test rows, {world}", [f"{share:.2f}" for share in shares])
        best = [chance_at_best(rows, gain, alpha=alpha_for_look(1)) for gain in gains]
        yield _cells(f"(proven at best with {rows} rows)", [f"{chance:.2f}" for chance in best])


def whole_jobs(runs: int) -> Iterator[str]:
    """Whole optimizations where nothing can be gained."""
    yield "Whole optimizations of equally good prompts, 400 calls, 100 test rows"
    yield _cells("", ["jobs", "promoted", "compared", "reported difference", "calls"])
    for sequential in (False, True):
        found = jobs.run(runs=runs // 2, calls=400, sequential=sequential)
        yield _cells(
            "sequential proof" if sequential else "fixed proof",
            [
                f"{found.runs}",
                f"{found.promoted}",
                f"{found.compared}",
                f"{found.difference:+.4f} ± {2 * found.error:.4f}",
                f"{found.calls:.0f}",
            ],
        )


TABLES: Tables = {
    "coverage": coverages,
    "proofs": proofs,
    "looks": looks,
    "headroom": headroom,
    "jobs": whole_jobs,
}


def _cells(head: str, cells: list[str]) -> str:
    return f"{head:44}" + "".join(f"{cell:>21}" for cell in cells)


def main() -> None:
    print_tables(
        "python -m tests.performance.chance.tables",
        TABLES,
        runs=1000,
        counted="runs of a cell; some tables make a multiple of it",
    )


if __name__ == "__main__":
    main()
