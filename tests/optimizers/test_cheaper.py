"""Cheaper prompts that may be as good as the winner run on, so that the front can tell."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from benchmarks.budget import Caps
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from optimizers.cheaper import look_for_cheaper
from optimizers.front import front
from optimizers.objective import Objective
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, right_on_first
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(120), split={"train": 0, "validation": 100, "test": 20})
ROWS = TASK.dataset.validation
LENGTHS = {1: 400, 2: 300, 3: 100, 4: 395, 5: 500, 6: 200}


def candidate(trial: int) -> Candidate:
    text = f"{trial} ".ljust(LENGTHS[trial], "x")
    prompt = Prompt(messages=(Message(role="user", content=text + "{{text}}"),), parameters={})
    return Candidate(trial=trial, prompt=prompt, choices=None)


EVERYBODY = [candidate(trial) for trial in LENGTHS]
WINNER = EVERYBODY[0]
RIGHT = {1: 95, 2: 90, 3: 30, 4: 95, 5: 95, 6: 92}


def ran(*, calls: int, objective: Objective | None = None, before: int = 40) -> tuple[dict[int, int], list[int]]:
    """The rows that each trial has run when the winner had run all and the others the first `before`, and then the
    trials of the front."""

    async def main() -> tuple[dict[int, int], list[int]]:
        right: Mapping[str, int] = {c.prompt.digest: RIGHT[c.trial] for c in EVERYBODY}
        _, evaluator = Job(task=TASK, caps=Caps(calls=1000)).connect(
            Respondent(respond=right_on_first(TASK, ROWS, right))
        )
        for c in EVERYBODY:
            rows = ROWS if c is WINNER else ROWS[:before]
            await evaluator.block([Assignment(prompt=c.prompt, example=e) for e in rows])
        seen, bounds = len(evaluator.rollouts), objective or Objective()
        await look_for_cheaper(WINNER, EVERYBODY, ROWS, evaluator, bounds, calls=calls)
        assert len(evaluator.rollouts) - seen <= calls
        rows_of = {c.trial: sum(evaluator.rollout(c.prompt, e) is not None for e in ROWS) for c in EVERYBODY}
        members = front(WINNER, EVERYBODY, ROWS, evaluator, bounds, seed=0)
        return rows_of, [member.candidate.trial for member in members]

    return in_virtual_time(main())


def test_clearly_cheaper_prompts_that_may_be_as_good_run_on_and_come_to_the_front() -> None:
    # 3 is shown to be worse, 4 takes hardly fewer tokens, 5 takes more.
    rows, members = ran(calls=120)
    assert rows == {1: 100, 2: 100, 3: 40, 4: 40, 5: 40, 6: 100}
    assert members == [1, 6]  # which is better than 2, and cheaper


@pytest.mark.parametrize(("calls", "two", "six"), [(0, 40, 40), (9, 40, 40), (10, 50, 40), (20, 50, 50), (30, 55, 55)])
def test_as_many_run_as_reach_half_of_the_winners_rows(calls: int, two: int, six: int) -> None:
    rows, _ = ran(calls=calls)
    assert (rows[2], rows[6]) == (two, six)


def test_what_is_beyond_a_bound_does_not_run_on() -> None:
    rows, members = ran(calls=120, objective=Objective(prompt_tokens=250))
    assert (rows[2], rows[6]) == (40, 100)
    assert members == [1, 6]
