"""How fast the bundled toy model answers.

    python -m tests.performance.toy_model.speed

One prompt with about 200 tokens a row, the rows of the bundled validation split, 16 requests at a time as a job sends
them. What the rows share is read once and kept, so most of the tokens come from the cache.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.evaluation.rollout import request_for
from benchmarks.models.protocol import Completion, Request
from benchmarks.models.tiny.lane import WEIGHTS, Tiny
from benchmarks.prompts.prompt import Prompt
from optimizers.problem import make_problem
from tests.performance.toy_model.configurations import FREE, example_task

CONCURRENCY = 16
TOKENS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Classifications a second, CPU time of one in milliseconds, tokens of a prompt, and how many were cached."""

    per_second: float
    cpu_ms: float
    prompt_tokens: float
    cached_tokens: float


async def answered(model: Tiny, requests: Sequence[Request]) -> list[Completion]:
    """The replies to `requests`, of which `CONCURRENCY` are under way at a time."""
    places = asyncio.Semaphore(CONCURRENCY)

    async def one(request: Request) -> Completion:
        async with places:
            reply = await model.complete(request)
        assert isinstance(reply, Completion)
        return reply

    return await asyncio.gather(*map(one, requests))


async def measure(rounds: int, folder: Path = WEIGHTS) -> Speed:
    """The speed over `rounds` of all validation rows."""
    task = example_task()
    model = Tiny(tariff=FREE, folder=folder)
    rows = task.dataset.validation
    space = make_problem(task, occasion="", seed=0, allow_code=False)[0].space
    prompts = [space.prompt(point) for point in space.covering(200, random.Random(0))]

    async def tokens(prompt: Prompt) -> float:
        replies = await answered(model, [request_for(prompt, row) for row in rows[:8]])
        return sum(reply.usage.prompt_tokens for reply in replies) / len(replies)

    lengths = [(abs(await tokens(prompt) - TOKENS), place) for place, prompt in enumerate(prompts[:60])]
    prompt = prompts[min(lengths)[1]]
    requests = [request_for(prompt, row) for row in rows]
    await answered(model, requests[:CONCURRENCY])
    begun, cpu = time.perf_counter(), time.process_time()
    replies = [reply for _ in range(rounds) for reply in await answered(model, requests)]
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - cpu
    await model.close()
    return Speed(
        per_second=len(replies) / seconds,
        cpu_ms=1000 * cpu_s / len(replies),
        prompt_tokens=sum(reply.usage.prompt_tokens for reply in replies) / len(replies),
        cached_tokens=sum(reply.usage.cached_tokens for reply in replies) / len(replies),
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="How fast the bundled toy model answers.")
    parser.add_argument("--rounds", type=int, default=3, help="of the validation rows")
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.rounds, arguments.folder))
    print(
        f"{found.per_second:.0f} classifications a second, {os.cpu_count()} cores, {found.cpu_ms:.1f} ms of CPU each\n"
        f"{found.prompt_tokens:.0f} tokens a prompt, {found.cached_tokens:.0f} of them cached"
    )


if __name__ == "__main__":
    main()
