"""The search of whet beside textbook methods and its peers: same pool, same rows, same model, same budgets.

    scripts/bench search --results results.jsonl

A pool of 32 instructions, the first of which is the user's prompt, and 300 rows; a stand-in model whose true accuracy
with each instruction is known (`arenas`) answers everybody, and hands out the pool to those who propose. Prints the
mean regret (the best true accuracy in the pool less that of the prompt returned) by task calls, what is in use after a
decision on test rows within the budget, and what everybody recommends where no instruction is better than another.

Runs are kept in the file of results; those that are there are not run again. `--again whet whet-proven` runs these
searchers anew.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.performance.search_quality.arenas import FLAT, named
from tests.performance.search_quality.cells import (
    OURS,
    PEERS,
    PROVEN,
    SEARCHERS,
    TEXTBOOK,
    Cell,
    cells,
    complete,
    forget,
)
from tests.performance.search_quality.curves import drawing
from tests.performance.search_quality.report import (
    Runs,
    against_peers,
    chance_table,
    curve,
    decision_table,
    regret_table,
)
from tests.performance.search_quality.searcher import Searcher

BUDGETS = (60, 100, 150, 200, 300, 400, 500, 600, 800, 1000, 1300, 1600, 2000, 2500, 3000, 4000, 5000)
PROVEN_BUDGETS = (600, 1000, 2000)
BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"
DRAWN = "lmentry/"
EVERY = "all"
CHANCE_BUDGET = 1000
CHANCE_SEEDS = 10
"""In flat arenas there are so many times as many runs, to see how rare what should be rare is; of anytime searchers,
which do it most of the time, four times as many."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench search")
    parser.add_argument("--searchers", nargs="+", default=list(SEARCHERS), choices=list(SEARCHERS), metavar="NAME")
    parser.add_argument("--arenas", "--pairs", nargs="+", default=["held-out"], help="selections of `arenas.named`")
    parser.add_argument("--calls", nargs="+", type=int, default=list(BUDGETS), help="the budgets to run")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--peer-seeds", type=int, default=5, help="seeds of the peers themselves")
    parser.add_argument(
        "--fully", nargs="*", default=["gepa-60"], choices=list(SEARCHERS), metavar="NAME", help="peers with all seeds"
    )
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "whet-search-quality.jsonl")
    parser.add_argument("--again", nargs="+", default=[], choices=list(SEARCHERS), metavar="NAME")
    parser.add_argument("--svg", type=Path, help="where to draw the curves of the real landscapes")
    parser.add_argument("--into", type=Path, help=f"a document whose part between {BEGIN} and {END} is written anew")
    options = parser.parse_args()
    forget(options.results, options.again)
    arenas = [name for selection in options.arenas for name in named(selection)]
    wanted = _wanted(options, arenas)
    runs = complete([cell for part in wanted.values() for cell in part], options.results, options.processes)
    lines = [*_told(options, wanted, runs)]
    print(*lines, sep="\n")
    if options.into:
        before, _, rest = options.into.read_text().partition(BEGIN)
        options.into.write_text("\n".join([before + BEGIN, "", *lines, "", END + rest.partition(END)[2]]))
    if options.svg:
        part = {cell: run for cell, run in runs.items() if cell in wanted["search"] and cell.arena.startswith(DRAWN)}
        names = [name for name in SEARCHERS if any(cell.searcher == name for cell in part)]
        options.svg.write_text(drawing({name: curve(part, name) for name in names}))


def _told(options: argparse.Namespace, wanted: Mapping[str, Sequence[Cell]], runs: Runs) -> Iterator[str]:
    """Everything that is printed, as Markdown."""
    packages = ("whet", "numpy", "optuna", "dspy", "gepa", "promptolution")
    yield (
        f"{options.seeds} seeds, {options.peer_seeds} of the peers but {', '.join(options.fully)}, from "
        f"{options.first_seed}. Python "
        f"{platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in packages)}."
    )
    arenas = list(dict.fromkeys(cell.arena for cell in wanted["search"]))
    groups: dict[str, list[str]] = {}
    for name in arenas:
        groups.setdefault(name.split("/")[0], []).append(name)
    for group, inside in {EVERY: arenas, **groups}.items():
        part = {cell: runs[cell] for cell in wanted["search"] if cell.arena in inside}
        decided = {cell: runs[cell] for cell in wanted["decision"] if cell.arena in inside}
        listed = "All of the following" if group == EVERY else ", ".join(f"`{name}`" for name in inside)
        yield f"\n### {group}\n\n{listed}. Mean regret after so many task calls:\n"
        yield from regret_table(part)
        yield "\nThe calls that whet needs for the regret of the best peer:\n"
        yield from against_peers(part)
        yield "\nBoth where replies are kept, so that calls that repeat an earlier one are free:\n"
        yield from regret_table(part, repeats_free=True)
        yield ""
        yield from against_peers(part, repeats_free=True)
        yield "\nWith the decision on test rows inside the budget:\n"
        yield from decision_table(decided)
    yield "\n### flat\n"
    yield f"No instruction is better than another; {CHANCE_BUDGET:,} calls, anytime searchers until they end:\n"
    yield from chance_table({cell: runs[cell] for cell in wanted["chance"]})


def _wanted(options: argparse.Namespace, arenas: Sequence[str]) -> dict[str, list[Cell]]:
    """The cells of the three parts."""

    def chosen(*groups: Sequence[Searcher]) -> list[str]:
        names = [searcher.name for group in groups for searcher in group]
        return [name for name in names if name in options.searchers]

    def seeds(count: int) -> range:
        return range(options.first_seed, options.first_seed + count)

    peers = chosen(PEERS)
    few = seeds(options.peer_seeds)
    most = max(options.calls)
    anytime = [name for name in chosen(TEXTBOOK, PEERS) if SEARCHERS[name].anytime]
    others = [name for name in chosen(TEXTBOOK, PROVEN) if not SEARCHERS[name].anytime]
    return {
        "search": cells(chosen(OURS, TEXTBOOK), arenas, seeds(options.seeds), options.calls)
        + cells([name for name in peers if name not in options.fully], arenas, few, options.calls)
        + cells([name for name in peers if name in options.fully], arenas, seeds(options.seeds), options.calls),
        "decision": cells(chosen(PROVEN), arenas, seeds(options.seeds), PROVEN_BUDGETS),
        "chance": cells(others, FLAT, seeds(CHANCE_SEEDS * options.seeds), [CHANCE_BUDGET])
        + cells(anytime, FLAT, seeds(4 * options.peer_seeds), [most]),
    }


if __name__ == "__main__":
    main()
