"""The seconds cap holds, however slow the replies are, and what they may have cost is charged."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Caps
from benchmarks.errors import BudgetError
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import Assignment, run
from benchmarks.models.protocol import LanguageModel, Request
from optimizers.progress import Tally, silent
from service.scoring import run_within
from tests.endpoints.jobs import Job, Respondent, chance, labelled_rows, make_task, mixed_quality
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(80), split={"train": 0, "validation": 40, "test": 40})
ROWS = TASK.dataset.validation

seconds = st.floats(0.5, 120)
slowness_s = st.sampled_from([0.001, 0.05, 0.5, 3.0, 30.0, 400.0])
concurrency = st.sampled_from([1, 4, 64])


def slow(mean_s: float) -> Respondent:
    """A model whose latencies are exponential."""

    def latency_s(request: Request) -> float:
        return -mean_s * math.log(1 - chance("latency", request.prompt_digest, request.example_id))

    return Respondent(respond=mixed_quality(TASK), latency_s=latency_s)


@settings(max_examples=25, deadline=None)
@given(cap_s=seconds, mean_s=slowness_s, concurrency=concurrency)
def test_no_optimization_takes_longer_than_its_cap(cap_s: float, mean_s: float, concurrency: int) -> None:
    model, loops = slow(mean_s), set[asyncio.AbstractEventLoop]()

    def latency_s(request: Request) -> float:
        loops.add(asyncio.get_running_loop())
        return model.latency_s(request)

    job = Job(task=TASK, caps=Caps(calls=120, seconds=cap_s), concurrency=concurrency)
    try:
        result = job.run(replace(model, latency_s=latency_s))
    except BudgetError:
        return
    finally:
        assert [loop.time() <= cap_s + 1e-6 for loop in loops] == [True]
    assert result.calls == len(model.asked)
    again = job.run(model)
    assert (again.calls, again.elapsed_s) == (result.calls, result.elapsed_s)


@settings(max_examples=25, deadline=None)
@given(cap_s=seconds, mean_s=slowness_s, concurrency=concurrency)
def test_no_evaluation_takes_longer_than_its_cap(cap_s: float, mean_s: float, concurrency: int) -> None:
    respondent = slow(mean_s)
    job = Job(task=TASK, caps=Caps(calls=120, seconds=cap_s), concurrency=concurrency)
    assignments = [Assignment(prompt=TASK.baseline, example=example) for example in ROWS]

    async def main() -> tuple[list[Rollout] | None, float, int]:
        model, evaluator = job.connect(respondent)
        rollouts = await evaluated(model, Tally(evaluator.budget, silent))
        return rollouts, asyncio.get_running_loop().time(), evaluator.budget.spent.calls

    async def evaluated(model: LanguageModel, tally: Tally) -> list[Rollout] | None:
        try:
            running = run(assignments, model=model, metric=TASK.metric, on_rollout=tally.count)
            return await run_within(cap_s, running, [model], rows=len(assignments))
        except BudgetError:
            return None

    rollouts, ended_s, charged = in_virtual_time(main())
    assert ended_s <= cap_s + 1e-6
    assert charged == len(respondent.asked)
    assert rollouts is None or len(rollouts) == len(ROWS)


def test_replies_that_come_in_the_last_tenth_of_the_cap_are_kept() -> None:
    model = Respondent(respond=mixed_quality(TASK), latency_s=lambda _: 9.5)
    job = Job(task=TASK, caps=Caps(calls=120, seconds=10.0), concurrency=8)
    with pytest.raises(BudgetError, match="before anything could be compared"):
        job.run(model)
    assert len(model.answered) == len(job.ledger.entries) == 8
