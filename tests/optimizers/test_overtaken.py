"""Why the prompt that led is not the one that was proved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.budget import Caps
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.records import Interval
from optimizers.board import Standing
from optimizers.objective import Objective
from optimizers.optimization import KEEP_BASELINE, Outcome
from optimizers.overtaken import overtaken
from optimizers.progress import Leading
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, numbered, right_on_first
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(60), split={"train": 0, "validation": 50, "test": 10})
ROWS = TASK.dataset.validation[:10]
BASELINE = Candidate(trial=0, prompt=TASK.baseline, choices=None)
ONE, OTHER = (
    replace(c, prompt=replace(c.prompt, factors={"instruction_source": f"wording {c.trial}", "demonstrations": 0}))
    for c in numbered(2)
)
LED = Leading(
    score=Interval(mean=1.0, low=0.2, high=1.0, n=1), factors="wording 1, 0 demonstrations", candidates_alive=4
)


def why(
    winner: Candidate, right: tuple[int, int, int], led: Leading = LED, objective: Objective | None = None
) -> str | None:
    """What is said of `winner` where the baseline, the one and the other are right on the first so many rows."""
    candidates = [BASELINE, ONE, winner if winner is not BASELINE and winner is not ONE else OTHER]

    async def main() -> str | None:
        shares = {c.prompt.digest: count for c, count in zip(candidates, right, strict=True)}
        _, evaluator = Job(task=TASK, caps=Caps(calls=100)).connect(
            Respondent(respond=right_on_first(TASK, ROWS, shares))
        )
        await evaluator.block([Assignment(prompt=c.prompt, example=row) for c in candidates for row in ROWS])
        standings = tuple(
            Standing(candidate=c, mean=count / 10, rows=10, scored=10, expected=count / 10)
            for c, count in zip(candidates, right, strict=True)
        )
        outcome = Outcome(
            decision=KEEP_BASELINE, why="", winner=winner, baseline=BASELINE, proof=None, headroom=None, placing=None,
            standings=standings, trials=len(standings),
        )  # fmt: skip
        return overtaken(led, outcome, TASK.dataset.validation, evaluator, objective or Objective())

    return in_virtual_time(main())


def test_the_one_that_did_better_on_all_common_rows_is_told() -> None:
    assert why(OTHER, (4, 6, 8)) == (
        "While the search ran, another prompt led (wording 1, 0 demonstrations: 1.000 on 1 row). On the 10 rows that "
        "both ran, the winner scores 0.800 and it 0.600."
    )


@pytest.mark.parametrize(
    ("winner", "said"),
    [
        (BASELINE, "your prompt scores 0.600 and it 0.600: not enough to expect a gain by rows that were drawn"),
        (
            OTHER,
            "the winner scores 0.600 and it 0.600; but by rows that were drawn, not chosen, and by the estimate from",
        ),
    ],
)
def test_where_the_rows_do_not_decide_it_is_told_what_does(winner: Candidate, said: str) -> None:
    assert said in (why(winner, (6, 6, 6)) or "")


def test_a_leader_beyond_the_bounds_is_told_to_be_beyond_them() -> None:
    said = why(OTHER, (4, 9, 8), objective=Objective(prompt_tokens=1.0)) or ""
    assert "above 1, which objective.within allows, so the winner was taken." in said


def test_nothing_is_said_of_a_winner_that_led_or_reads_like_the_one_that_did() -> None:
    alike = replace(OTHER, prompt=replace(OTHER.prompt, factors=ONE.prompt.factors))
    assert why(ONE, (4, 6, 8)) is None
    assert why(alike, (4, 6, 8)) is None


def test_nothing_is_said_where_nobody_knows_who_led() -> None:
    assert why(OTHER, (4, 6, 8), led=replace(LED, factors="unheard of")) is None
