from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.budget import Caps
from benchmarks.models.protocol import Failure, FailureKind, Request
from optimizers.headroom import Headroom, look
from optimizers.study import Candidate
from tests.endpoints.jobs import (
    Job,
    Respond,
    Respondent,
    labelled_rows,
    make_task,
    numbered,
    right_on_first,
    truth,
    wrong,
)
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(60), split={"train": 0, "validation": 50, "test": 10})
ROWS = TASK.dataset.validation[:8]
ANSWERS = truth(TASK)
BASELINE = Candidate(trial=0, prompt=TASK.baseline, choices=None)
PROBES = numbered(2)


def headroom_of(respond: Respond, repeats: int = 1, calls: int = 100) -> Headroom | None:
    async def main() -> Headroom | None:
        _, evaluator = Job(task=TASK, caps=Caps(calls=calls)).connect(Respondent(respond=respond))
        return await look(BASELINE, PROBES, ROWS, repeats, evaluator)

    return in_virtual_time(main())


def seen(respond: Respond, repeats: int = 1) -> Headroom:
    headroom = headroom_of(respond, repeats)
    assert headroom is not None
    return headroom


def test_the_baseline_is_measured_beside_the_best_probe() -> None:
    shares = {BASELINE.prompt.digest: 2, PROBES[0].prompt.digest: 6, PROBES[1].prompt.digest: 4}
    headroom = seen(right_on_first(TASK, ROWS, shares))
    assert (headroom.baseline.mean, headroom.baseline.n) == (0.25, 8)
    assert headroom.baseline.low < 0.25 < headroom.baseline.high
    assert headroom.best_probe == 0.75
    assert (headroom.format_failures, headroom.noise) == (0.0, None)


def test_replies_without_an_answer_are_format_failures() -> None:
    blank = {example.id for example in ROWS[:2]}
    headroom = seen(lambda r: "I would rather not say" if r.example_id in blank else ANSWERS[r.example_id])
    assert headroom.format_failures == 0.25
    assert headroom.baseline.mean == 0.75


def test_repeated_draws_show_the_noise() -> None:
    def fickle(request: Request) -> str:
        changes = request.repeat and request.example_id in {example.id for example in ROWS[:4]}
        answer = ANSWERS[request.example_id]
        return wrong(answer) if changes else answer

    assert seen(fickle, repeats=3).noise == 0.5
    assert seen(lambda r: ANSWERS[r.example_id], repeats=3).noise == 0.0


def test_only_the_baseline_is_repeated() -> None:
    asked: Counter[str] = Counter()

    def respond(request: Request) -> str:
        asked[request.prompt_digest] += 1
        return ANSWERS[request.example_id]

    seen(respond, repeats=3)
    assert asked == {BASELINE.prompt.digest: 24, PROBES[0].prompt.digest: 8, PROBES[1].prompt.digest: 8}


@pytest.mark.parametrize(("calls", "looked"), [(24, True), (23, False)])
def test_a_budget_that_does_not_pay_for_it_gets_no_look(calls: int, looked: bool) -> None:
    assert (headroom_of(lambda r: ANSWERS[r.example_id], calls=calls) is not None) == looked


def test_missing_rows_are_left_out() -> None:
    lost = {example.id for example in ROWS[:3]}

    def respond(request: Request) -> str | Failure:
        if request.example_id in lost and request.prompt_digest == BASELINE.prompt.digest:
            return Failure(kind=FailureKind.TIMEOUT, detail="slow")
        return ANSWERS[request.example_id]

    headroom = seen(respond, repeats=2)
    assert (headroom.baseline.n, headroom.baseline.mean, headroom.best_probe) == (5, 1.0, 1.0)
