"""Many rollouts at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import Rollout, judge, request_for
from benchmarks.metrics.protocol import Metric
from benchmarks.models.protocol import Completion, Failure, LanguageModel, Remembering, Request
from benchmarks.prompts.prompt import Prompt
from benchmarks.records import record

MOST_AT_ONCE = 512
"""Requests under way at once, if the caller does not say; how many of them leave at once is the model's to say."""

LOOK_AHEAD = 64
"""Requests that are looked up at once, and that wait, looked up, for their turn."""


@record
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
    at_once: int = MOST_AT_ONCE,
) -> list[Rollout]:
    """The rollouts of `assignments`, in their order, which is also the order in which they start.

    Rows of one prompt should stand together, so that a serving engine's prefix cache is hit. The first error ends
    the run and is raised. A run that ends early, by an error or a cancellation, lets go of what is under way: a
    remembering model sees it through and keeps the replies; requests to any other are cancelled.
    """
    return await _Run(assignments, model, metric, on_rollout, at_once).rollouts()


class _Run:
    """Looks requests up ahead in groups, and starts those that are not known as others arrive.

    Arrivals are callbacks rather than tasks that wait: the loop's turns are most of what a call costs.
    """

    def __init__(
        self,
        assignments: Sequence[Assignment],
        model: LanguageModel,
        metric: Metric,
        on_rollout: Callable[[Rollout], None],
        at_once: int,
    ) -> None:
        self._assignments = assignments
        self._model = model
        self._remembering = model if isinstance(model, Remembering) else None
        self._metric = metric
        self._on_rollout = on_rollout
        self._at_once = at_once
        self._results: list[Rollout | None] = [None] * len(assignments)
        self._waiting: deque[tuple[int, Request]] = deque()
        self._positions: dict[asyncio.Task[Completion | Failure], int] = {}
        self._error: BaseException | None = None
        self._goal: Callable[[], bool] = lambda: True
        self._reached: asyncio.Future[None] | None = None

    async def rollouts(self) -> list[Rollout]:
        try:
            for start in range(0, len(self._assignments), LOOK_AHEAD):
                await self._look_up(range(start, min(start + LOOK_AHEAD, len(self._assignments))))
                await self._until(lambda: not self._waiting)
            await self._until(lambda: not self._positions)
        finally:
            self._let_go()
        return [rollout for rollout in self._results if rollout is not None]

    async def _look_up(self, positions: range) -> None:
        asked = [
            request_for(assignment.prompt, assignment.example, assignment.repeat)
            for assignment in self._assignments[positions.start : positions.stop]
        ]
        known = await self._remembering.recall(asked) if self._remembering else [None] * len(asked)
        for position, request, reply in zip(positions, asked, known, strict=True):
            if reply is None:
                self._waiting.append((position, request))
            else:
                self._judge(position, reply)
        self._start()

    def _start(self) -> None:
        """Starts as many of those that wait as may be under way."""
        while self._waiting and len(self._positions) < self._at_once:
            position, request = self._waiting.popleft()
            if self._remembering is not None:
                task = self._remembering.start(request)
            else:
                task = asyncio.get_running_loop().create_task(self._model.complete(request))
            self._positions[task] = position
            task.add_done_callback(self._arrived)

    def _arrived(self, task: asyncio.Task[Completion | Failure]) -> None:
        position = self._positions.pop(task, None)
        if position is None:  # The run is over; the exception is marked as seen.
            if not task.cancelled():
                task.exception()
            return
        try:
            self._judge(position, task.result())
            if self._error is None:
                self._start()
        except BaseException as error:
            self._error = self._error or error
        if self._reached is not None and not self._reached.done() and (self._error is not None or self._goal()):
            self._reached.set_result(None)

    def _judge(self, position: int, reply: Completion | Failure) -> None:
        assignment = self._assignments[position]
        rollout = judge(assignment.prompt, assignment.example, reply, self._metric)
        self._results[position] = rollout
        self._on_rollout(rollout)

    async def _until(self, goal: Callable[[], bool]) -> None:
        """Waits until `goal` is true; raises the first error of an arrival."""
        if self._error is None and not goal():
            self._goal, self._reached = goal, asyncio.get_running_loop().create_future()
            await self._reached
        if self._error is not None:
            raise self._error

    def _let_go(self) -> None:
        left, self._positions = self._positions, {}
        self._waiting.clear()
        if self._remembering is None:
            for task in left:
                task.cancel()
