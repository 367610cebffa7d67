"""A seconds cap that leaves no time for the proof is foretold after the first rows, and told in the end."""

from __future__ import annotations

import pytest

from benchmarks.budget import Caps
from benchmarks.evaluation.run import Assignment
from optimizers.evaluator import Evaluator
from optimizers.optimization import KEEP_BASELINE, Outcome
from optimizers.plan import Plan, make_plan
from optimizers.progress import Event, Notice, PhaseStarted
from optimizers.study import Candidate
from service.course import Course
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, numbered, truth
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(120), split={"train": 20, "validation": 60, "test": 40})
ANSWERS = truth(TASK)
BASELINE, WINNER = Candidate(trial=0, prompt=TASK.baseline, choices=None), numbered(1)[0]
SEARCH, PROOF = PhaseStarted(phase="search", calls_planned=80), PhaseStarted(phase="proof", calls_planned=80)
PLAN: Plan = make_plan(calls=200, validation_rows=60, test_rows=40, space_size=100, instructions=8, repeats=1)
OUTCOME = Outcome(
    decision=KEEP_BASELINE, why="The proof could not be finished within the caps.", winner=WINNER, baseline=BASELINE,
    proof=None, headroom=None, placing=None, standings=(), trials=2,
)  # fmt: skip


async def asked(evaluator: Evaluator, candidate: Candidate, rows: int) -> None:
    examples = [*TASK.dataset.validation, *TASK.dataset.test][:rows]
    await evaluator.block([Assignment(prompt=candidate.prompt, example=example) for example in examples])


def told(seconds: float | None, *, known: int = 0) -> tuple[list[str], str]:
    """The notices, and the why, of a job whose search and proof take 3 s a call, 8 at a time."""
    events: list[Event] = []

    async def main() -> str:
        job = Job(task=TASK, caps=Caps(calls=200, seconds=seconds), concurrency=8)
        _, evaluator = job.connect(Respondent(respond=lambda r: ANSWERS[r.example_id], latency_s=lambda _: 3.0))
        course = Course(plan=PLAN, observer=events.append)
        course(SEARCH)  # Before anything is known, nothing is said.
        course.follow(evaluator, known=known)
        await asked(evaluator, BASELINE, 8 + known)
        course(SEARCH)
        evaluator.budget.phase = "proof"
        course(PROOF)
        await asked(evaluator, WINNER, 40)
        return course.explained(OUTCOME, Job(task=TASK, caps=Caps(calls=200)).problem()).why

    why = in_virtual_time(main())
    return [event.message for event in events if isinstance(event, Notice)], why


def test_it_is_foretold_and_explained() -> None:
    notices, why = told(20.0)
    (notice,) = notices
    assert "the first 8 calls took 3.0 s. At that pace the proof's 80 take 30 s, and budget.seconds leaves 17" in notice
    assert "Raise budget.seconds to 50 or more" in notice
    assert why.startswith("The 20 s of budget.seconds were over before the proof was: it began after 3 s, and ")
    assert "of its 80 calls were made. So nothing is proven and your prompt stays. Raise budget.seconds to" in why


@pytest.mark.parametrize("seconds", [None, 100.0])
def test_where_there_is_time_nothing_is_said(seconds: float | None) -> None:
    assert told(seconds) == ([], OUTCOME.why)


def test_rows_that_were_known_took_no_time() -> None:
    assert "the first 8 calls took" in told(20.0, known=8)[0][0]


def test_a_proof_that_was_done_is_left_as_it_is() -> None:
    course = Course(plan=PLAN, observer=lambda _: None)
    assert course.explained(OUTCOME, Job(task=TASK, caps=Caps(calls=200)).problem()) is OUTCOME
    assert course.overtaken(OUTCOME, Job(task=TASK, caps=Caps(calls=200)).problem()) is None
