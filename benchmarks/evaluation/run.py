"""Many rollouts at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import Rollout, roll_out
from benchmarks.metrics.protocol import Metric
from benchmarks.models.protocol import LanguageModel
from benchmarks.prompts.prompt import Prompt

MOST_AT_ONCE = 512
"""Rollouts under way at once; how many of their requests leave at once is the model's to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A prompt to try on an example, for the `repeat`-th time."""

    prompt: Prompt
    example: Example
    repeat: int = 0


async def run(
    assignments: Sequence[Assignment],
    *,
    model: LanguageModel,
    metric: Metric,
    on_rollout: Callable[[Rollout], None] = lambda _: None,
) -> list[Rollout]:
    """The rollouts of `assignments`, in their order, which is also the order in which they start.

    Rows of one prompt should stand together, so that a serving engine's prefix cache is hit. The first error ends
    the run and is raised; replies that were under way by then still reach the ledger.
    """
    results: list[Rollout | None] = [None] * len(assignments)
    places = asyncio.Semaphore(MOST_AT_ONCE)

    async def one(position: int, assignment: Assignment) -> None:
        try:
            rollout = await roll_out(
                assignment.prompt, assignment.example, model=model, metric=metric, repeat=assignment.repeat
            )
        finally:
            places.release()
        results[position] = rollout
        on_rollout(rollout)

    try:
        async with asyncio.TaskGroup() as group:
            for position, assignment in enumerate(assignments):
                await places.acquire()
                group.create_task(one(position, assignment))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [rollout for rollout in results if rollout is not None]
