"""What a warm start brings, and that it does not hurt: a second optimization with a quarter of the calls.

    python -m tests.performance.search_quality.warm --calls 1000 --seeds 3

The first optimization of an arena has all the calls. The second one, with another seed and the same ledger, has a
quarter of them; it starts once from the winner and the runners-up of the first, and once from nothing. Shown are the
mean regret of each, and how many calls the second ones paid for.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields

from benchmarks.budget import Caps
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.models.protocol import Request
from benchmarks.prompts.prompt import Prompt
from optimizers.earlier import MOST_EARLIER, Earlier
from optimizers.optimization import Outcome
from service.result import runners_up_json
from tests.endpoints.jobs import Job, Respondent
from tests.performance.search_quality.arena import Arena, StandIn
from tests.performance.search_quality.arenas import arena, named
from tests.performance.search_quality.whet import FEWEST_TEST_ROWS, make_task, template

HELD_OUT = [name for name in named("held-out") if name != "tiny"]
"""The toy model's pool holds whole prompts, whose parts another search cannot take over."""
SHARE = 4
"""The second optimization has this part of the first one's calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trio:
    """The regrets of a first optimization and of two second ones, with a warm start and without, and the calls that
    these paid for."""

    first: float
    warm: float
    cold: float
    warm_calls: float
    cold_calls: float


def trio(place: Arena, calls: int) -> Trio:
    """An arena, optimized with `calls` calls, and then twice with a `SHARE`-th of them."""
    ledger = MemoryLedger()
    first, outcome, _ = _optimized(place, ledger, calls, place.seed)
    warm, _, warm_calls = _optimized(place, _copy(ledger), calls // SHARE, place.seed + 1, lent(outcome))
    cold, _, cold_calls = _optimized(place, _copy(ledger), calls // SHARE, place.seed + 1)
    return Trio(first=first, warm=warm, cold=cold, warm_calls=warm_calls, cold_calls=cold_calls)


def lent(outcome: Outcome) -> tuple[Earlier, ...]:
    """What an optimization with this outcome lends to the next."""
    prompts = [outcome.winner.prompt, *(Prompt.from_json(one["prompt"]) for one in runners_up_json(outcome))]
    return tuple(
        Earlier(prompt=prompt, optimization="opt-first", place=place, similarity=1.0)
        for place, prompt in enumerate(prompts[:MOST_EARLIER])
    )


def trios(names: Sequence[str], seeds: Sequence[int], calls: int) -> Iterator[Trio]:
    """Those of all arenas of these names."""
    return (trio(arena(name, seed), calls) for name in names for seed in seeds)


def _copy(ledger: MemoryLedger) -> MemoryLedger:
    return MemoryLedger(entries=dict(ledger.entries))


def _optimized(
    place: Arena, ledger: MemoryLedger, calls: int, seed: int, earlier: Sequence[Earlier] = ()
) -> tuple[float, Outcome, int]:
    """The regret of an optimization with the arena's pool, what came of it, and the calls it paid for."""
    model, templates = StandIn(place), [template(instruction) for instruction in place.pool]

    def respond(request: Request) -> str:
        return model.reply([(message.role, message.content) for message in request.messages])

    test = place.rows[place.search_rows :][:FEWEST_TEST_ROWS]
    job = Job(
        task=make_task(place.rows[: place.search_rows], test, templates),
        caps=Caps(calls=calls + 2 * FEWEST_TEST_ROWS),
        seed=seed,
        ledger=ledger,
        mark=len(ledger.entries),
        earlier=earlier,
    )
    result = job.run(Respondent(respond=respond))
    choice = templates.index(str(result.outcome.winner.prompt.factors["instruction"]))
    return place.regret(choice), result.outcome, result.calls


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.performance.search_quality.warm")
    parser.add_argument("--arenas", nargs="+", default=HELD_OUT, metavar="ARENA")
    parser.add_argument("--calls", type=int, default=1000, help="calls of the first search")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'arena':40}" + "".join(f"{f.name:>12}" for f in fields(Trio)))
    everything = []
    for name in options.arenas:
        found = list(trios([name], range(options.seeds), options.calls))
        everything += found
        print(_row(name, found), flush=True)
    print(_row("all", everything))


def _row(name: str, found: Sequence[Trio]) -> str:
    columns = zip(*(astuple(one) for one in found), strict=True)
    return f"{name:40}" + "".join(f"{statistics.fmean(column):12.4f}" for column in columns)


if __name__ == "__main__":
    main()
