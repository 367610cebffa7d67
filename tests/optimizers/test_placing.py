"""Where the user's prompt stands among prompts drawn at random."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.budget import Caps
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import Failure, FailureKind, Request
from optimizers.placing import FEWEST_ROWS, Placing, place
from optimizers.study import Candidate
from tests.endpoints.jobs import (
    Job,
    Respond,
    Respondent,
    labelled_rows,
    make_task,
    numbered,
    of_quality,
    right_on_first,
    truth,
)
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(60), split={"train": 0, "validation": 50, "test": 10})
ROWS = TASK.dataset.validation[:10]
ANSWERS = truth(TASK)
BASELINE = Candidate(trial=0, prompt=TASK.baseline, choices=None)
DRAWN = numbered(4)


def placed(respond: Respond, rows: int = len(ROWS)) -> Placing | None:
    async def main() -> Placing | None:
        _, evaluator = Job(task=TASK, caps=Caps(calls=100)).connect(Respondent(respond=respond))
        await evaluator.block([Assignment(prompt=c.prompt, example=e) for c in (BASELINE, *DRAWN) for e in ROWS])
        return place(BASELINE, DRAWN, TASK.dataset.validation[:rows], evaluator)

    return in_virtual_time(main())


def test_prompts_that_did_worse_and_as_well_are_counted() -> None:
    shares = dict(zip([c.prompt.digest for c in (BASELINE, *DRAWN)], (6, 9, 6, 2, 1), strict=True))
    assert placed(right_on_first(TASK, ROWS, shares)) == Placing(ahead=2, level=1, prompts=4, rows=10)


def test_prompts_that_lack_a_row_do_not_count() -> None:
    answer = right_on_first(TASK, ROWS, {c.prompt.digest: 5 for c in (BASELINE, *DRAWN)})

    def respond(request: Request) -> str | Failure:
        lost = request.prompt_digest == DRAWN[0].prompt.digest and request.example_id == ROWS[3].id
        return Failure(kind=FailureKind.SERVER_ERROR, detail="down") if lost else answer(request)

    assert placed(respond) == Placing(ahead=0, level=3, prompts=3, rows=10)


def test_a_few_rows_tell_nothing() -> None:
    placing = Placing(ahead=10, level=0, prompts=16, rows=FEWEST_ROWS)
    assert placing.tells
    assert not replace(placing, rows=FEWEST_ROWS - 1).tells


def test_without_common_rows_there_is_no_placing() -> None:
    assert placed(right_on_first(TASK, ROWS, {c.prompt.digest: 5 for c in (BASELINE, *DRAWN)}), rows=12) is None


def test_an_optimization_places_the_baseline_among_its_first_cohort() -> None:
    quality = of_quality(TASK, lambda digest: 0.9 if digest == TASK.baseline.digest else 0.1)
    placing = Job(task=TASK, caps=Caps(calls=300)).run(Respondent(respond=quality)).outcome.placing
    assert placing is not None
    assert placing.ahead > placing.prompts / 2
    assert placing.prompts >= 4
