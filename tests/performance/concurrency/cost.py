"""CPU per call of what decides when a request leaves, beside a fixed semaphore, with a model that answers at once.

    .venv/bin/python -m tests.performance.concurrency.cost

Prints microseconds per call, the median of several runs that alternate, with free places and with callers in line.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable

from benchmarks.budget import Budget, Caps
from benchmarks.models.hedged import Hedged
from benchmarks.models.pace import Pace
from benchmarks.models.paced import Paced
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, LanguageModel, Message, ModelIdentity, Request, Usage
from benchmarks.models.throttled import Throttled

PLACES = 16
CALLS = 20_000
RUNS = 7


class Prompt:
    """Answers in the next turn of the loop."""

    identity = ModelIdentity(endpoint="here", model="prompt")
    _reply = Completion(text="", usage=Usage(), latency_s=0.01)

    async def complete(self, request: Request) -> Completion | Failure:
        await asyncio.sleep(0)
        return self._reply

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


def hedged() -> LanguageModel:
    pace = Pace(PLACES)
    budget = Budget(Caps(calls=10**9))
    return Paced(Hedged(Prompt(), pace=pace, budget=budget, tariff=Tariff(price=None)), pace=pace, ceiling=PLACES)


MODELS: dict[str, Callable[[], LanguageModel]] = {
    "nothing": Prompt,
    "Throttled (a semaphore)": lambda: Throttled(Prompt(), PLACES),
    "Paced": lambda: Paced(Prompt(), pace=Pace(PLACES), ceiling=PLACES),
    "Throttled and Paced": lambda: Throttled(Paced(Prompt(), pace=Pace(PLACES), ceiling=PLACES), PLACES),
    "Paced and Hedged": hedged,
}


def cpu_us(model: Callable[[], LanguageModel], callers: int) -> float:
    """Microseconds of CPU per call, with `callers` that ask one after the other's reply."""
    request = Request(messages=(Message(role="user", content="?"),))

    async def main() -> float:
        asked = model()

        async def caller() -> None:
            for _ in range(CALLS // callers):
                await asked.complete(request)

        begun = time.process_time()
        await asyncio.gather(*(caller() for _ in range(callers)))
        return (time.process_time() - begun) / CALLS * 1e6

    return asyncio.run(main())


def main() -> None:
    """Prints the table."""
    print(f"| µs of CPU per call | {PLACES // 2} callers, {PLACES} places | {4 * PLACES} callers, {PLACES} places |")
    print("|---|---|---|")
    measured: dict[tuple[str, int], list[float]] = {}
    for _ in range(RUNS):
        for name, model in MODELS.items():
            for callers in (PLACES // 2, 4 * PLACES):
                measured.setdefault((name, callers), []).append(cpu_us(model, callers))
    for name in MODELS:
        cells = (statistics.median(measured[name, callers]) for callers in (PLACES // 2, 4 * PLACES))
        print(f"| {name} |", *(f"{cell:.1f} |" for cell in cells))


if __name__ == "__main__":
    main()
