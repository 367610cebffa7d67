"""The regret of whet beside that of textbook halving, in a minute, for whoever works on the search.

python -m tests.performance.search_quality.quick --arenas development --calls 300 600 1000 --seeds 5
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time

from tests.performance.search_quality.arenas import named
from tests.performance.search_quality.cells import SEARCHERS, Cell, run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.performance.search_quality.quick")
    parser.add_argument("--arenas", "--pairs", nargs="+", default=["development"], metavar="ARENAS")
    parser.add_argument("--searchers", nargs="+", default=["whet", "halving"], choices=list(SEARCHERS))
    parser.add_argument("--calls", nargs="+", type=int, default=[300, 600, 1000])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--each", action="store_true", help="a line for each arena, too")
    options = parser.parse_args()
    arenas = [name for selection in options.arenas for name in named(selection)]
    cells = [
        Cell(searcher=searcher, arena=arena, seed=seed, budget=budget)
        for searcher in options.searchers
        for budget in options.calls
        for arena in arenas
        for seed in range(options.first_seed, options.first_seed + options.seeds)
    ]
    begun = time.perf_counter()
    with multiprocessing.get_context("fork").Pool(options.processes) as pool:
        runs = pool.map(run, cells, chunksize=4)
    regrets = {done.cell: done.at(done.cell.budget) for done in runs}
    print(f"{len(arenas)} arenas, {options.seeds} seeds, {time.perf_counter() - begun:.0f} s")
    print(f"{'':44}" + "".join(f"{searcher:>{8 * len(options.calls)}}" for searcher in options.searchers))
    print(f"{'calls':44}" + "".join(f"{calls:8}" for calls in options.calls) * len(options.searchers))
    for arena in [*(arenas if options.each else ()), "mean"]:
        columns = [
            statistics.fmean(
                regret
                for cell, regret in regrets.items()
                if (cell.searcher, cell.budget) == (searcher, calls) and arena in (cell.arena, "mean")
            )
            for searcher in options.searchers
            for calls in options.calls
        ]
        print(f"{arena:44}" + "".join(f"{value:8.4f}" for value in columns))


if __name__ == "__main__":
    main()
