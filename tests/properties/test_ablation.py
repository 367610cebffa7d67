"""Taking a winner apart never takes more calls than it may."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Caps
from benchmarks.evaluation.run import Assignment
from optimizers.ablation import ablate
from optimizers.parts import without_each_part
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, mixed_quality
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(
    labelled_rows(90),
    split={"train": 10, "validation": 60, "test": 20},
    search={"demonstrations": {"count": [0, 2], "selector": ["balanced"]}, "reasoning": ["off", "on"]},
)
ROWS = TASK.dataset.validation
PROBLEM = Job(task=TASK, caps=Caps(calls=100)).problem()
POINTS = list(PROBLEM.space.points())
BASELINE = Candidate(trial=0, prompt=TASK.baseline, choices=None)


@settings(max_examples=40, deadline=None)
@given(
    point=st.integers(0, len(POINTS) - 1),
    winners_rows=st.integers(0, 60),
    known=st.lists(st.integers(0, 60), max_size=6),
    calls=st.integers(0, 300),
    cap=st.integers(60, 500),
)
def test_calls_stay_within_the_allowance_and_the_cap(
    point: int, winners_rows: int, known: list[int], calls: int, cap: int
) -> None:
    winner = Candidate(trial=1, prompt=PROBLEM.space.prompt(POINTS[point]), choices=POINTS[point])
    variants = without_each_part(winner.prompt, TASK.baseline, PROBLEM.space)

    async def main() -> None:
        model = Respondent(respond=mixed_quality(TASK))
        _, evaluator = Job(task=TASK, caps=Caps(calls=cap)).connect(model)
        await evaluator.block([Assignment(prompt=winner.prompt, example=e) for e in ROWS[:winners_rows]])
        for variant, rows in zip(variants, known, strict=False):
            block = [Assignment(prompt=variant.prompt, example=e) for e in ROWS[:rows]]
            if evaluator.affords(block):
                await evaluator.block(block)
        before = len(model.asked)
        found = await ablate(winner, BASELINE, PROBLEM.space, ROWS, evaluator, calls=calls)
        assert len(model.asked) - before <= calls
        assert len(model.asked) <= cap
        assert {prompt for prompt, _, _ in model.asked[before:]} <= {v.prompt.digest for v in variants}
        assert all(0 < a.difference.n <= winners_rows for a in found)
        assert not found or winner.prompt.digest != TASK.baseline.digest

    in_virtual_time(main())
