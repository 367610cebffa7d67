from __future__ import annotations

from typing import Any

from benchmarks.budget import Caps
from benchmarks.models.protocol import Failure, FailureKind, Request
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task
from optimizers.proposers.failures import MOST_ROWS, TrainFailure, failures_of
from tests.endpoints.jobs import Job, Respond, Respondent, labelled_rows, make_task, of_quality, truth
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(120), split={"train": 40, "validation": 40, "test": 40})


def failures(
    respond: Respond, *, prompt: Prompt = TASK.baseline, rows: int = 12, calls: int = 1000, times: int = 1
) -> tuple[list[TrainFailure], Respondent]:
    model = Respondent(respond=respond)

    async def main() -> list[TrainFailure]:
        _, evaluator = Job(task=TASK, caps=Caps(calls=calls)).connect(model)
        found: list[TrainFailure] = []
        for _ in range(times):
            found = await failures_of(prompt, TASK.dataset.train, evaluator, rows=rows, seed=0)
        return found

    return in_virtual_time(main()), model


def answers(task: Task = TASK) -> dict[str, str]:
    return truth(task)


def test_only_train_rows_are_run_and_those_that_went_wrong_are_told_of() -> None:
    found, model = failures(of_quality(TASK, lambda _: 0.5))
    train = {example.id: example for example in TASK.dataset.train}
    assert len(model.asked) == 12
    assert {example_id for _, example_id, _ in model.asked} <= train.keys()
    assert 0 < len(found) < 12
    rows = {example.inputs["text"]: example.answer for example in train.values()}
    for failure in found:
        assert rows[failure.inputs["text"]] == failure.expected != failure.got


def test_a_prompt_that_is_right_has_no_failures() -> None:
    assert failures(lambda request: answers()[request.example_id])[0] == []


def test_rows_are_run_once_however_often_they_are_asked_for() -> None:
    found, model = failures(of_quality(TASK, lambda _: 0.5), times=3)
    assert len(model.asked) == 12
    assert found


def test_demonstrations_of_the_prompt_are_left_out() -> None:
    shown = [example.id for example in TASK.dataset.train[:35]]
    prompt = Prompt(
        messages=TASK.baseline.messages, parameters={}, factors={**TASK.baseline.factors, "demonstration_ids": shown}
    )
    _, model = failures(of_quality(TASK, lambda _: 0.0), prompt=prompt, rows=MOST_ROWS)
    assert len(model.asked) == 5
    assert set(shown).isdisjoint(example_id for _, example_id, _ in model.asked)


def test_no_more_rows_than_the_limit_and_none_that_the_budget_does_not_pay_for() -> None:
    assert len(failures(of_quality(TASK, lambda _: 0.5), rows=400)[1].asked) == MOST_ROWS
    assert failures(of_quality(TASK, lambda _: 0.5), rows=12, calls=11)[1].asked == []


def test_replies_without_an_answer_are_shown_as_they_are_and_missing_ones_not_at_all() -> None:
    first, second = sorted(example.id for example in TASK.dataset.train)[:2]

    def respond(request: Request) -> str | Failure:
        if request.example_id == first:
            return Failure(kind=FailureKind.TIMEOUT, detail="slow")
        if request.example_id == second:
            return Failure(kind=FailureKind.CONTENT_FILTER, detail="filtered")
        return "I cannot\nsay, really, which of these it is."

    found, _ = failures(respond, rows=40)
    told = [failure.got for failure in found]
    assert "(no usable answer in the reply) I cannot say, really, which of these it is." in told
    assert len(told) >= MOST_ROWS - 1


def test_the_worst_come_first() -> None:
    task = make_task(
        [{"text": f"row {n:04d} tells", "label": "one two three four"} for n in range(60)],
        metric="rouge_l",
        split={"train": 20, "validation": 20, "test": 20},
    )
    words: dict[str, Any] = {example.id: 1 + n % 3 for n, example in enumerate(task.dataset.train)}

    async def main() -> list[TrainFailure]:
        model = Respondent(respond=lambda request: " ".join(["one", "two", "three"][: words[request.example_id]]))
        _, evaluator = Job(task=task, caps=Caps(calls=100)).connect(model)
        return await failures_of(task.baseline, task.dataset.train, evaluator, rows=20, seed=0)

    scores = [failure.score for failure in in_virtual_time(main())]
    assert scores == sorted(scores)
    assert 0 < scores[0] < scores[-1] < 1
