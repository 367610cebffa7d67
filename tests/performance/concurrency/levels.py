"""Concurrency that finds its level, beside the best fixed level, on simulated servers in virtual time.

    scripts/bench concurrency [--seeds 3]

Prints a Markdown table. Nothing is timed: the seconds are the simulation's, so the table is the same on every machine.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.models.pace import Pace
from benchmarks.models.paced import Paced
from benchmarks.models.protocol import Completion, LanguageModel, Message, Request
from benchmarks.models.retrying import Patience, Retrying
from benchmarks.models.throttled import Throttled
from tests.endpoints.virtual_time import in_virtual_time
from tests.performance.concurrency.servers import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A server made for each run by `server(seed)`, and how many calls are put to it, `ceiling` at once at most."""

    name: str
    server: Callable[[int], Server]
    calls: int
    ceiling: int
    fixed: Sequence[int]


@dataclass(slots=True)
class Run:
    """What a run came to. `levels` is the level when each answer came, in order of the answers."""

    seconds: float = 0.0
    answered: int = 0
    refused: int = 0
    levels: list[int] = field(default_factory=list)


def slow_for_a_while(_asked: int, now_s: float) -> float:
    """Three times as slow from the 60th to the 120th second."""
    return 3.0 if 60 <= now_s < 120 else 1.0


def longer_later(asked: int, _now_s: float) -> float:
    """Four times the work from the 2,000th request on."""
    return 4.0 if asked > 2000 else 1.0


SCENARIOS = (
    Scenario(
        name="24 slots", server=lambda seed: Server(slots=24, seed=seed), calls=4000, ceiling=256,
        fixed=(8, 16, 24, 32, 64, 256),
    ),
    Scenario(
        name="4 slots", server=lambda seed: Server(slots=4, seed=seed), calls=1500, ceiling=64, fixed=(2, 4, 8, 16, 64)
    ),
    Scenario(
        name="batching: latency 1 s + 10 ms · n", server=lambda seed: Server(crowding=0.01, seed=seed), calls=8000,
        ceiling=256, fixed=(16, 64, 128, 256),
    ),
    Scenario(
        name="429 above 32", server=lambda seed: Server(limit=32, seed=seed), calls=4000, ceiling=256,
        fixed=(16, 24, 32, 40, 64),
    ),
    Scenario(
        name="24 slots, 3 times slower for a minute",
        server=lambda seed: Server(slots=24, pace=slow_for_a_while, seed=seed), calls=4000, ceiling=256,
        fixed=(8, 16, 24, 32, 64, 256),
    ),
    Scenario(
        name="batching, prompts 4 times longer from half-way",
        server=lambda seed: Server(crowding=0.01, pace=longer_later, seed=seed), calls=4000, ceiling=64,
        fixed=(16, 32, 64),
    ),
    Scenario(
        name="24 slots, 100 calls only", server=lambda seed: Server(slots=24, seed=seed), calls=100, ceiling=64,
        fixed=(8, 16, 24, 32, 64),
    ),
)  # fmt: skip


def run(scenario: Scenario, seed: int, fixed: int | None = None) -> Run:
    """One run, in virtual time: at a `fixed` level, or at the one that is found."""

    async def main() -> Run:
        server, found = scenario.server(seed), Run()
        loop = asyncio.get_running_loop()
        pace = Pace(scenario.ceiling)
        inner: LanguageModel = server
        if fixed is None:
            inner = Paced(server, pace=pace, ceiling=scenario.ceiling)
        patience = Patience(attempts=100)
        model = Throttled(Retrying(inner, patience=patience, rng=random.Random(seed)), fixed or scenario.ceiling)

        async def call(number: int) -> None:
            reply = await model.complete(Request(messages=(Message(role="user", content=str(number)),)))
            found.answered += isinstance(reply, Completion)
            found.levels.append(fixed or pace.level.now)

        async with asyncio.TaskGroup() as group:
            for number in range(scenario.calls):
                group.create_task(call(number))
        found.seconds, found.refused = loop.time(), server.refused
        return found

    return in_virtual_time(main())


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    print("| server | calls | best fixed level | calls/s at it | calls/s found | share | level in the second half |")
    print("|---|---|---|---|---|---|---|")
    for scenario in SCENARIOS:
        rates = {
            level: statistics.mean(scenario.calls / run(scenario, seed, level).seconds for seed in seeds)
            for level in scenario.fixed
        }
        best = max(rates, key=lambda level: (round(rates[level], 1), -level))
        runs = [run(scenario, seed) for seed in seeds]
        rate = statistics.mean(scenario.calls / one.seconds for one in runs)
        late = sorted(level for one in runs for level in one.levels[scenario.calls // 2 :])
        low, middle, high = (late[int(share * (len(late) - 1))] for share in (0.1, 0.5, 0.9))
        share = rate / rates[best]
        cells = (scenario.name, scenario.calls, best, f"{rates[best]:.1f}", f"{rate:.1f}", f"{share:.0%}")
        print("|", *(f"{cell} |" for cell in cells), f"{middle} ({low} to {high}) |", flush=True)


if __name__ == "__main__":
    main()
