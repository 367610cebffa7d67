from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.errors import BudgetError, EndpointDown, EndpointError, StorageError
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import Failure, FailureKind, Request
from benchmarks.models.retrying import Patience
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from optimizers.progress import Advanced
from tests.endpoints.jobs import (
    Job,
    Respond,
    Respondent,
    chance,
    labelled_rows,
    make_task,
    of_quality,
    truth,
)
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(100), split={"train": 0, "validation": 80, "test": 20})
ROWS = TASK.dataset.validation
ALL_RIGHT = of_quality(TASK, lambda _: 1.0)


def block(rows: int, prompt: Prompt = TASK.baseline, begin: int = 0) -> list[Assignment]:
    return [Assignment(prompt=prompt, example=example) for example in ROWS[begin:rows]]


def job(**fields: Any) -> Job:
    return Job(
        **{"task": TASK, "caps": Caps(calls=1000), "patience": Patience(attempts=2, requests_at_first=None), **fields}
    )


def evaluate(
    job: Job, model: Respondent, *blocks: list[Assignment], then: Callable[[Evaluator], Awaitable[None]] | None = None
) -> Evaluator:
    async def main() -> Evaluator:
        _, evaluator = job.connect(model)
        for assignments in blocks:
            await evaluator.block(assignments)
        if then is not None:
            await then(evaluator)
        return evaluator

    return in_virtual_time(main())


def failing(kind: FailureKind, share: float, otherwise: Respond = ALL_RIGHT, **fields: Any) -> Respond:
    """Fails on the first rows, `share` of all; the others are answered."""
    failed = {example.id for example in ROWS[: int(share * len(ROWS))]}

    def respond(request: Request) -> str | Failure:
        return (
            Failure(kind=kind, detail="the weather", **fields) if request.example_id in failed else otherwise(request)
        )

    return respond


def test_a_rollout_is_run_once_however_often_it_is_asked_for() -> None:
    model = Respondent(respond=ALL_RIGHT)
    evaluator = evaluate(job(), model, block(10), block(20), block(20) + block(20))
    assert len(model.asked) == len(evaluator.rollouts) == 20
    assert evaluator.scores(TASK.baseline, ROWS[:21]) == [1.0] * 20 + [None]
    assert evaluator.budget.spent.calls == 20


def test_repeats_are_rollouts_of_their_own() -> None:
    model = Respondent(respond=ALL_RIGHT)
    again = [Assignment(prompt=TASK.baseline, example=ROWS[0], repeat=repeat) for repeat in (1, 2)]
    evaluator = evaluate(job(), model, block(1), again)
    assert len(model.asked) == len(evaluator.rollouts) == 3


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.UNAFFORDABLE])
def test_a_row_without_a_reply_is_missing_and_a_refused_one_is_wrong(kind: FailureKind) -> None:
    evaluator = evaluate(job(), Respondent(respond=failing(kind, 0.1)), block(80))
    scores = evaluator.scores(TASK.baseline, ROWS)
    assert scores == [None if kind.transient else 0.0] * 8 + [1.0] * 72
    assert evaluator.problems() == {kind.value: 8}


def test_when_more_than_half_of_a_block_is_missing_the_endpoint_is_down_and_the_job_can_go_on_later() -> None:
    broken = job()
    first = Respondent(respond=failing(FailureKind.SERVER_ERROR, 0.6))
    with pytest.raises(EndpointDown, match=r"48 of 80 calls got no reply; the last one: the weather.*run the same"):
        evaluate(broken, first, block(80))
    second = Respondent(respond=ALL_RIGHT)
    evaluator = evaluate(broken, second, block(80))
    assert evaluator.scores(TASK.baseline, ROWS) == [1.0] * 80
    assert len(second.asked) == 48
    assert not set(second.asked) & (set(first.answered) - set(second.asked))


def test_half_of_a_block_may_be_missing_and_stays_so_in_a_replay() -> None:
    shaky = job()
    evaluate(shaky, Respondent(respond=failing(FailureKind.SERVER_ERROR, 0.5)), block(80))
    again = Respondent(respond=ALL_RIGHT)
    evaluator = evaluate(shaky, again, block(80))
    assert again.asked == []
    assert evaluator.scores(TASK.baseline, ROWS) == [None] * 40 + [1.0] * 40


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if not kind.transient])
def test_an_endpoint_that_refuses_every_request_of_the_first_block_ends_the_job(kind: FailureKind) -> None:
    with pytest.raises(EndpointError, match=r"refuses every request. The last refusal: the weather"):
        evaluate(job(), Respondent(respond=failing(kind, 1.0)), block(80))


def test_refusals_of_a_later_block_are_the_prompts_doing() -> None:
    refused = {example.id for example in ROWS[10:30]}

    def respond(request: Request) -> str | Failure:
        refuse = request.example_id in refused
        return Failure(kind=FailureKind.REJECTED, detail="too odd") if refuse else ALL_RIGHT(request)

    evaluator = evaluate(job(), Respondent(respond=respond), block(10), block(30))
    assert evaluator.scores(TASK.baseline, ROWS[:30]) == [1.0] * 10 + [0.0] * 20


def test_lost_attempts_are_charged_again_in_a_replay() -> None:
    lossy = job()
    respond = failing(FailureKind.TIMEOUT, 0.2, maybe_billed=True)
    first = evaluate(lossy, Respondent(respond=respond), block(80))
    again = evaluate(lossy, Respondent(respond=respond), block(80))
    assert first.budget.spent == again.budget.spent
    assert first.budget.spent.calls == 64 + 2 * 16


def test_a_block_that_is_cut_off_by_the_clock_is_paid_for_but_not_used() -> None:
    slow = job(caps=Caps(calls=1000, seconds=3.5), concurrency=4)
    model = Respondent(respond=ALL_RIGHT, latency_s=lambda _: 1.0)
    evaluator = evaluate(slow, model, block(80))
    assert evaluator.out_of_time
    assert evaluator.rollouts == {}
    assert len(model.asked) == evaluator.budget.spent.calls == 16
    assert len(model.answered) == 12
    assert evaluator.elapsed_s == pytest.approx(3.5)  # What is under way by then is given up, and charged as lost.

    silent = Respondent(respond=ALL_RIGHT)
    again = evaluate(slow, silent, block(80))
    assert (again.out_of_time, again.rollouts, silent.asked) == (True, {}, [])
    assert again.budget.spent == evaluator.budget.spent
    assert again.elapsed_s == evaluator.elapsed_s


def test_nothing_leaves_when_the_time_is_up_already() -> None:
    slow = job(caps=Caps(calls=1000, seconds=2.5))
    model = Respondent(respond=ALL_RIGHT, latency_s=lambda _: 1.0)

    async def wait(evaluator: Evaluator) -> None:
        await asyncio.sleep(5)
        await evaluator.block(block(40))
        assert evaluator.out_of_time

    evaluator = evaluate(slow, model, block(16), then=wait)
    assert len(model.asked) == evaluator.budget.spent.calls == 16


def test_what_is_reserved_for_the_proof_is_not_searched_with() -> None:
    slow = job(caps=Caps(calls=1000, seconds=10.0), concurrency=1)
    model = Respondent(respond=ALL_RIGHT, latency_s=lambda _: 1.0)

    async def search(evaluator: Evaluator) -> None:
        evaluator.reserve_s = 6.5
        await evaluator.block(block(20))

    evaluator = evaluate(slow, model, then=search)
    assert evaluator.out_of_time
    assert evaluator.elapsed_s == pytest.approx(3.0)  # The call under way at 2.5 s is waited for, within the 3.5 s.


def test_a_job_that_decides_otherwise_than_its_journal_says_is_not_resumed() -> None:
    begun = job()
    evaluate(begun, Respondent(respond=ALL_RIGHT), block(10), block(20))
    with pytest.raises(StorageError, match=r"begun by another version of whet.*block 2.*--fresh"):
        evaluate(begun, Respondent(respond=ALL_RIGHT), block(10), block(30))


def test_calls_are_afforded_exactly() -> None:
    async def check(evaluator: Evaluator) -> None:
        assert evaluator.affords(block(30))
        assert not evaluator.affords(block(31))
        await evaluator.block(block(20))
        assert evaluator.affords(block(30))
        assert not evaluator.affords(block(31))
        assert evaluator.affords(block(20) + block(20))

    evaluate(job(caps=Caps(calls=30)), Respondent(respond=ALL_RIGHT), then=check)


def test_tokens_are_forecast_from_what_calls_have_taken_so_far() -> None:
    async def check(evaluator: Evaluator) -> None:
        cautious = evaluator.forecast(block(80)).tokens
        await evaluator.block(block(10))
        informed = evaluator.forecast(block(80)).tokens
        await evaluator.block(block(80))
        taken = evaluator.budget.spent.amount.tokens
        assert taken <= informed < cautious

    evaluate(job(caps=Caps(calls=1000, tokens=10**6)), Respondent(respond=ALL_RIGHT), then=check)


def test_at_the_end_of_a_block_all_its_rollouts_are_reported() -> None:
    watched = job()
    evaluate(watched, Respondent(respond=failing(FailureKind.TIMEOUT, 0.1, lambda _: "no label")), block(80))
    reports = [event for event in watched.events if isinstance(event, Advanced)]
    assert reports[-1].calls_done == 80
    assert (reports[-1].missing, reports[-1].format_failures) == (8, 72)
    assert reports[-1].spent.calls == 72


def test_scores_come_from_the_replies() -> None:
    half = of_quality(TASK, lambda _: 0.5)
    evaluator = evaluate(job(), Respondent(respond=half), block(80))
    expected = truth(TASK)
    for example in ROWS:
        rollout = evaluator.rollout(TASK.baseline, example)
        assert rollout is not None
        assert rollout.score == (rollout.answer == expected[example.id])
        assert rollout.score == (chance(TASK.baseline.digest, example.id, 0) < 0.5)


def test_refusals_of_failed_runs_cost_the_next_one_nothing() -> None:
    """The endpoint was configured wrongly, eight times."""
    refused = job(caps=Caps(calls=100))
    for _ in range(8):
        with pytest.raises(EndpointError, match="refuses every request"):
            evaluate(refused, Respondent(respond=failing(FailureKind.REJECTED, 1.0)), block(40))
    evaluator = evaluate(refused, Respondent(respond=ALL_RIGHT), block(40))
    assert evaluator.budget.spent.calls == 40
    assert evaluator.scores(TASK.baseline, ROWS[:40]) == [1.0] * 40


def test_refusals_beside_a_missing_row_are_refusals_of_every_request() -> None:
    def respond(request: Request) -> Failure:
        kind = FailureKind.SERVER_ERROR if request.example_id == ROWS[3].id else FailureKind.REJECTED
        return Failure(kind=kind, detail="the weather")

    with pytest.raises(EndpointError, match="refuses every request"):
        evaluate(job(), Respondent(respond=respond), block(20))


def test_what_failed_runs_lost_is_charged_to_the_next_one_and_stops_it_when_nothing_is_left() -> None:
    taken = job(caps=Caps(calls=100))
    in_vain = failing(FailureKind.TIMEOUT, 1.0, maybe_billed=True)
    with pytest.raises(EndpointError):
        evaluate(taken, Respondent(respond=in_vain), block(20))
    evaluator = evaluate(taken, Respondent(respond=ALL_RIGHT), block(20))
    assert evaluator.budget.spent.calls == 20 + 2 * 20

    taken = job(caps=Caps(calls=95))
    for _ in range(2):
        with pytest.raises(EndpointError):
            evaluate(taken, Respondent(respond=in_vain), block(20))
    with pytest.raises(BudgetError, match="Earlier runs of this job lost 80 calls"):
        evaluate(taken, Respondent(respond=ALL_RIGHT), block(20))
