"""Many rollouts at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set

import pytest

from benchmarks.budget import Charge
from benchmarks.datasets.records import Example
from benchmarks.errors import AccessDenied, MetricError
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import MOST_AT_ONCE, Assignment, run
from benchmarks.metrics.registry import make_metric
from benchmarks.models.protocol import Completion, Failure, FailureKind, Message, ModelIdentity, Request, Usage
from benchmarks.models.scripted import Scripted
from benchmarks.prompts.prompt import Prompt

METRIC = make_metric("exact_match", {}, ())
PROMPT = Prompt(messages=(Message(role="user", content="{{text}}"),), parameters={})


def assignments(count: int) -> list[Assignment]:
    return [
        Assignment(
            prompt=PROMPT,
            example=Example(
                id=str(number), inputs={"text": f"row {number}"}, answer=f"row {number}", slices={}, origin="rows.csv"
            ),
            repeat=number % 2,
        )
        for number in range(count)
    ]


class Backwards:
    """Answers the later the earlier it was asked."""

    identity = ModelIdentity(endpoint="here", model="m")

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.under_way = 0
        self.most_under_way = 0

    async def complete(self, request: Request) -> Completion | Failure:
        self.asked.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        for _ in range(max(0, 50 - len(self.asked))):
            await asyncio.sleep(0)
        self.under_way -= 1
        return Completion(text=request.messages[-1].content, usage=Usage())

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


async def test_rollouts_come_in_the_order_of_assignments_and_are_told_as_they_come() -> None:
    model, told = Backwards(), list[Rollout]()
    rollouts = await run(assignments(20), model=model, metric=METRIC, on_rollout=told.append)
    assert [rollout.example_id for rollout in rollouts] == [str(number) for number in range(20)]
    assert all(rollout.score == 1.0 for rollout in rollouts)
    assert [rollout.example_id for rollout in told] == [str(number) for number in reversed(range(20))]
    assert [request.example_id for request in model.asked] == [str(number) for number in range(20)]
    assert [request.repeat for request in model.asked] == [0, 1] * 10


async def test_thousands_of_assignments_are_under_way_in_bounded_numbers() -> None:
    model = Backwards()
    rollouts = await run(assignments(2 * MOST_AT_ONCE), model=model, metric=METRIC)
    assert len(rollouts) == 2 * MOST_AT_ONCE
    assert model.most_under_way <= MOST_AT_ONCE


async def test_no_assignments_are_no_rollouts() -> None:
    assert await run([], model=Backwards(), metric=METRIC) == []


async def test_a_missing_row_does_not_stop_the_others() -> None:
    def script(messages: tuple[Message, ...]) -> str | Failure:
        text = messages[-1].content
        return Failure(kind=FailureKind.TIMEOUT, detail="late") if text == "row 3" else text

    rollouts = await run(assignments(6), model=Scripted(script=script), metric=METRIC)
    assert [rollout.score for rollout in rollouts] == [1.0, 1.0, 1.0, None, 1.0, 1.0]


async def test_a_refused_key_ends_the_run() -> None:
    def script(messages: tuple[Message, ...]) -> str:
        if messages[-1].content == "row 3":
            raise AccessDenied("wrong key")
        return "a"

    model = Scripted(script=script, latency_s=0.001)
    with pytest.raises(AccessDenied, match="wrong key"):
        await run(assignments(2 * MOST_AT_ONCE), model=model, metric=METRIC)
    sent = len(model.requests)
    assert sent <= MOST_AT_ONCE + 3, "the rows that were answered before row 3 made room for as many"
    await asyncio.sleep(0.02)
    assert len(model.requests) == sent


async def test_a_metric_that_raises_ends_the_run_and_names_the_row() -> None:
    class Broken:
        name, binary, mean_of_rows, extractor = "broken", True, True, METRIC.extractor
        aggregate = staticmethod(METRIC.aggregate)

        def score(self, answer: str, example: Example) -> float:
            if answer == "row 3":
                raise ZeroDivisionError("division by zero")
            return 1.0

    with pytest.raises(MetricError, match=r"rows\.csv"):
        await run(assignments(6), model=Backwards(), metric=Broken())


async def test_a_cancelled_run_cancels_what_is_under_way() -> None:
    model = Scripted(script=lambda messages: "a", latency_s=60)
    running = asyncio.create_task(run(assignments(3), model=model, metric=METRIC))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(model.requests) == 3


class Remembers(Backwards):
    """Knows the replies to `known`, and sees through what was started until `release` is set."""

    def __init__(self, known: Set[str] = frozenset()) -> None:
        super().__init__()
        self.known = known
        self.looked_up: list[int] = []
        self.release = asyncio.Event()
        self.finished: list[str] = []

    async def recall(self, requests: Sequence[Request]) -> Sequence[Completion | Failure | None]:
        self.looked_up.append(len(requests))
        return [
            Completion(text=r.messages[-1].content, usage=Usage()) if r.example_id in self.known else None
            for r in requests
        ]

    charges = 0

    async def accounted(self, requests: Sequence[Request], since: int) -> Charge:
        return Charge()

    def start(self, request: Request) -> asyncio.Task[Completion | Failure]:
        return asyncio.get_running_loop().create_task(self._see_through(request))

    async def _see_through(self, request: Request) -> Completion | Failure:
        self.asked.append(request)
        await self.release.wait()
        self.finished.append(request.example_id)
        return Completion(text=request.messages[-1].content, usage=Usage())


async def test_what_is_remembered_is_not_asked_and_looked_up_in_groups() -> None:
    model = Remembers({str(number) for number in range(200) if number % 10})
    model.release.set()
    rollouts = await run(assignments(200), model=model, metric=METRIC)
    assert [request.example_id for request in model.asked] == [str(number) for number in range(0, 200, 10)]
    assert [rollout.example_id for rollout in rollouts] == [str(number) for number in range(200)]
    assert all(rollout.score == 1.0 for rollout in rollouts)
    assert sum(model.looked_up) == 200
    assert len(model.looked_up) <= 4


async def test_a_cancelled_run_lets_go_of_what_is_under_way_and_starts_nothing_more() -> None:
    model, told = Remembers(), list[Rollout]()
    running = asyncio.create_task(run(assignments(20), model=model, metric=METRIC, on_rollout=told.append, at_once=4))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    model.release.set()
    await asyncio.sleep(0.01)
    assert model.finished == ["0", "1", "2", "3"]
    assert len(model.asked) == 4
    assert told == []


async def test_rows_of_one_prompt_stand_together_and_few_prompts_are_under_way_at_once() -> None:
    prompts = [
        Prompt(messages=(Message(role="user", content=f"{number} {{{{text}}}}"),), parameters={}) for number in range(8)
    ]
    rows = [assignment.example for assignment in assignments(6)]
    under_way: list[set[str]] = []

    class Watched(Remembers):
        async def _see_through(self, request: Request) -> Completion | Failure:
            open_requests.append(request.prompt_digest)
            under_way.append(set(open_requests))
            await asyncio.sleep(0)
            open_requests.remove(request.prompt_digest)
            return Completion(text="a", usage=Usage())

    open_requests: list[str] = []
    await run(
        [Assignment(prompt=prompt, example=row) for prompt in prompts for row in rows],
        model=Watched(),
        metric=METRIC,
        at_once=9,
    )
    assert max(len(prompts_at_once) for prompts_at_once in under_way) <= 1 + -(-9 // 6)
