"""The cells of the comparison: one run of one searcher each, kept in a file line by line, so that none is run twice."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.performance.search_quality.allocation import Halving, Hyperband, ProvenHalving, Uniform
from tests.performance.search_quality.arena import StandIn
from tests.performance.search_quality.arenas import arena
from tests.performance.search_quality.capo import Capo
from tests.performance.search_quality.dspy_peers import Gepa, Miprov2
from tests.performance.search_quality.minibatches import MinibatchTpe
from tests.performance.search_quality.searcher import Searcher
from tests.performance.search_quality.whet import ProvenWhet, Whet

OURS: tuple[Searcher, ...] = (Whet(),)
TEXTBOOK: tuple[Searcher, ...] = (Halving(), Uniform(), Hyperband(), MinibatchTpe())
PEERS: tuple[Searcher, ...] = (Miprov2(), Miprov2("light"), Miprov2("medium"), Gepa(60), Gepa(300), Capo())
PROVEN: tuple[Searcher, ...] = (ProvenWhet(), ProvenHalving())

SEARCHERS = {searcher.name: searcher for searcher in (*OURS, *TEXTBOOK, *PEERS, *PROVEN)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run: a searcher by name, an arena by name, a seed, and a budget in task calls."""

    searcher: str
    arena: str
    seed: int
    budget: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A `Point` with what is true of it.

    `regret` is that of the prompt returned, `production_regret` that of the prompt in use after the decision; `error`
    is what is claimed less what is true, of the score, or of the difference where there was a decision. `covered` says
    whether the interval of the difference holds the true one. `moved` says that another prompt than the user's is
    returned, and `promoted` that it was decided to use it.
    """

    calls: int
    repeats: int
    regret: float
    moved: bool
    error: float | None = None
    production_regret: float | None = None
    promoted: bool | None = None
    covered: bool | None = None
    test_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a cell. `start` is the regret of the user's own prompt."""

    cell: Cell
    start: float
    moments: Sequence[Moment]
    seconds: float

    def at(self, calls: int, *, repeats_free: bool = False) -> float:
        """The regret of what is returned after `calls` calls; with `repeats_free`, those count that were new."""
        regret = self.start
        for moment in self.moments:
            if moment.calls - (moment.repeats if repeats_free else 0) <= calls:
                regret = moment.regret
        return regret


def run(cell: Cell) -> Run:
    """Runs one cell."""
    ground = arena(cell.arena, cell.seed)
    model = StandIn(ground)
    begun = time.perf_counter()
    points = SEARCHERS[cell.searcher].run(model, cell.budget)
    if model.stranger is not None or not points:
        raise RuntimeError(f"{cell} went wrong: {model.stranger or 'it returned nothing'}") from model.stranger
    moments = []
    for p in points:
        error = None if p.claim is None else p.claim - float(ground.accuracy[p.choice])
        decision = p.decision
        if decision is None:
            moments.append(
                Moment(
                    calls=p.calls, repeats=p.repeats, regret=ground.regret(p.choice), moved=p.choice != 0, error=error
                )
            )
            continue
        true = float(ground.accuracy[p.choice] - ground.accuracy[0])
        moments.append(
            Moment(
                calls=p.calls,
                repeats=p.repeats,
                regret=ground.regret(p.choice),
                moved=p.choice != 0,
                error=decision.difference - true,
                production_regret=ground.regret(p.choice if decision.promoted else 0),
                promoted=decision.promoted,
                covered=decision.low <= true <= decision.high,
                test_calls=decision.calls,
            )
        )
    return Run(cell=cell, start=ground.regret(0), moments=moments, seconds=time.perf_counter() - begun)


def cells(searchers: Iterable[str], arenas: Sequence[str], seeds: Sequence[int], budgets: Sequence[int]) -> list[Cell]:
    """Every combination; an anytime searcher is run once, with the largest budget."""
    return [
        Cell(searcher=name, arena=where, seed=seed, budget=budget)
        for name in searchers
        for budget in ((max(budgets),) if SEARCHERS[name].anytime else budgets)
        for seed in seeds
        for where in arenas
    ]


def complete(wanted: Sequence[Cell], path: Path, processes: int) -> dict[Cell, Run]:
    """The runs of all `wanted` cells, those that are not in the file yet run by so many processes and added to it."""
    known = read(path)
    missing = [cell for cell in dict.fromkeys(wanted) if cell not in known]
    if missing:
        with path.open("a") as file, multiprocessing.get_context("fork").Pool(min(processes, len(missing))) as pool:
            for count, done in enumerate(pool.imap_unordered(run, missing), start=1):
                file.write(json.dumps(asdict(done)) + "\n")
                file.flush()
                known[done.cell] = done
                if count % (len(missing) // 50 + 1) == 0 or count == len(missing):
                    print(f"{count} of {len(missing)} runs", file=sys.stderr, flush=True)
    return {cell: known[cell] for cell in wanted}


def read(path: Path) -> dict[Cell, Run]:
    """The runs in a file of results; none if there is no file. Of two runs of one cell the later counts."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        entry = json.loads(line)
        cell = Cell(**entry.pop("cell"))
        found[cell] = Run(cell=cell, moments=[Moment(**moment) for moment in entry.pop("moments")], **entry)
    return found


def forget(path: Path, searchers: Sequence[str]) -> None:
    """Drops the runs of these searchers from a file of results."""
    kept = [run for cell, run in read(path).items() if cell.searcher not in searchers]
    path.write_text("".join(json.dumps(asdict(run)) + "\n" for run in kept))
