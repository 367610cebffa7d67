from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.models.protocol import Failure, FailureKind, Request
from optimizers.headroom import Headroom, default_repeats, look
from optimizers.study import Candidate
from tests.endpoints.jobs import (
    Job,
    Respond,
    Respondent,
    chance,
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


LONG = make_task(labelled_rows(210), split={"train": 0, "validation": 200, "test": 10})
LONG_ANSWERS = truth(LONG)
ORDER = LONG.dataset.validation
LONG_BASELINE = Candidate(trial=0, prompt=LONG.baseline, choices=None)


def ended(
    respond: Respond,
    *,
    proof_rows: int | None = 100,
    most_calls: int = 400,
    model: Respondent | None = None,
    **job: Any,
) -> Headroom:
    async def main() -> Headroom | None:
        task = job.pop("task", LONG)
        _, evaluator = Job(task=task, caps=Caps(calls=2000), **job).connect(model or Respondent(respond=respond))
        return await look(
            LONG_BASELINE,
            PROBES,
            ORDER[:8],
            1,
            evaluator,
            further=ORDER[8:],
            most_calls=most_calls,
            proof_rows=proof_rows,
        )

    headroom = in_virtual_time(main())
    assert headroom is not None
    return headroom


def perfect(request: Request) -> str:
    """The baseline is always right, other prompts on some rows only."""
    answer = LONG_ANSWERS[request.example_id]
    own = request.prompt_digest == LONG_BASELINE.prompt.digest
    return answer if own or chance(request.example_id) < 0.5 else wrong(answer)


def deaf(request: Request) -> str:
    """Whatever the prompt, the same rows are right."""
    answer = LONG_ANSWERS[request.example_id]
    return answer if chance(request.example_id) < 0.5 else wrong(answer)


def test_a_prompt_that_is_always_right_leaves_little_to_gain() -> None:
    model = Respondent(respond=perfect)
    headroom = ended(perfect, model=model)
    assert headroom.little_to_gain
    assert "your prompt is right on all of the first 72 rows" in headroom.why
    assert "--search-anyway" in headroom.why
    assert headroom.baseline.n == 72
    assert len(model.asked) == 8 * 3 + 64


def test_that_a_few_prompts_change_nothing_ends_nothing() -> None:
    # Another prompt, that is not among the few, may be far better.
    headroom = ended(deaf)
    assert not headroom.little_to_gain
    assert headroom.spread == 0.0


def test_a_few_wrong_rows_take_more_rows_to_be_sure() -> None:
    failed = ORDER[20].id

    def respond(request: Request) -> str:
        return wrong(LONG_ANSWERS[request.example_id]) if request.example_id == failed else perfect(request)

    headroom = ended(respond)
    assert headroom.little_to_gain
    assert "right on all but 1 of the first 110 rows" in headroom.why


def test_where_something_can_be_gained_the_look_ends_with_its_first_rows() -> None:
    shares = {LONG_BASELINE.prompt.digest: 4, PROBES[0].prompt.digest: 0, PROBES[1].prompt.digest: 8}
    model = Respondent(respond=right_on_first(LONG, ORDER, shares))
    headroom = ended(model.respond, model=model)
    assert not headroom.little_to_gain
    assert len(model.asked) == 24


@pytest.mark.parametrize("limit", [{"proof_rows": None}, {"proof_rows": 1000}, {"most_calls": 60}])
def test_a_look_ends_nothing_that_it_may_not_or_cannot_be_sure_of(limit: dict[str, Any]) -> None:
    headroom = ended(perfect, **limit)
    assert not headroom.little_to_gain
    assert headroom.baseline.n <= 50


def test_a_few_rows_never_settle_a_metric_that_is_no_mean_of_rows() -> None:
    task = make_task(labelled_rows(210), split={"train": 0, "validation": 200, "test": 10}, metric="macro_f1")
    assert not ended(perfect, task=task).little_to_gain


def test_replies_without_an_answer_say_that_the_format_is_at_fault() -> None:
    headroom = ended(lambda request: "I would rather not say")
    assert not headroom.little_to_gain
    assert headroom.format_failures == 1.0
    assert headroom.why.startswith("None of the first replies to your prompt is usable: “I would rather not say”")


def test_noise_and_spread_are_told_side_by_side() -> None:
    def fickle(request: Request) -> str:
        answer = ANSWERS[request.example_id]
        drawn = chance(request.prompt_digest, request.example_id, request.repeat)
        return answer if drawn < 0.5 else wrong(answer)

    headroom = seen(fickle, repeats=4)
    assert headroom.noise is not None
    assert headroom.spread is not None
    assert f"Asked again, its scores move by {headroom.noise:.2f} a row" in headroom.why


def test_a_look_that_is_run_again_asks_nothing_and_decides_the_same() -> None:
    memory = Job(task=LONG, caps=Caps(calls=2000))
    outlives: dict[str, Any] = {"ledger": memory.ledger, "journal": memory.journal}
    first = ended(perfect, **outlives)
    model = Respondent(respond=perfect)
    assert ended(perfect, model=model, **outlives) == first
    assert model.asked == []


@pytest.mark.parametrize(("temperature", "calls", "repeats"), [(0.0, 5000, 1), (0.7, 5000, 2), (0.7, 100, 1)])
def test_sampled_replies_are_drawn_twice_where_the_cap_has_room(temperature: float, calls: int, repeats: int) -> None:
    assert default_repeats(temperature, calls) == repeats
