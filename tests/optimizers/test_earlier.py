"""An earlier prompt enters as a point of the new search space: the same prompt wherever it can be, and never one that
the user has ruled out or that shows a row which candidates are judged on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task
from optimizers.earlier import Earlier, choices_of, fits
from optimizers.problem import make_problem
from optimizers.search import Problem
from tests.endpoints.jobs import labelled_rows, make_task

ROWS = labelled_rows(60)
OWN_MESSAGES = {"messages": [{"role": "user", "content": "Which colour? {{text}}"}]}


def problem_of(task: Task, earlier: Sequence[Earlier] = (), seed: int = 0) -> Problem:
    return make_problem(task, occasion="test", seed=seed, allow_code=False, earlier=earlier)[0]


def ended_with(prompt: Prompt, optimization: str = "opt-1", place: int = 0) -> Earlier:
    return Earlier(prompt=prompt, optimization=optimization, place=place, similarity=1.0)


def some_prompts(task: Task, count: int = 40, seed: int = 0) -> list[Prompt]:
    """Prompts that a search for `task` may end with."""
    space = problem_of(task, seed=seed).space
    return [space.prompt(point) for point in space.covering(count, random.Random(seed))]


TASK = make_task(ROWS)
PROMPTS = some_prompts(TASK)
SPACE = problem_of(TASK).space


def test_with_the_same_data_it_is_the_same_prompt_whatever_the_seed() -> None:
    for prompt in PROMPTS:
        problem = problem_of(TASK, [ended_with(prompt)], seed=7)
        assert [entrant.digest for entrant in problem.earlier] == [prompt.digest]


def test_it_says_where_it_comes_from_and_its_instruction_joins_the_search() -> None:
    prompt = PROMPTS[0]
    problem = problem_of(make_task(ROWS, prompt={"instruction": "Colour?"}), [ended_with(prompt)], seed=3)
    assert problem.earlier[0].factors["earlier"] == "opt-1"
    assert prompt.factors["instruction"] in {proposal.text for proposal in problem.space.instruction}


def test_each_enters_once_and_the_baseline_does_not() -> None:
    earlier = [ended_with(prompt) for prompt in (PROMPTS[0], PROMPTS[1], PROMPTS[0], TASK.baseline)]
    assert [entrant.digest for entrant in problem_of(TASK, earlier).earlier] == [p.digest for p in PROMPTS[:2]]


@pytest.mark.parametrize(
    "search",
    [
        {"demonstrations": {"count": [0]}},
        {"demonstrations": {"count": [2], "style": ["turns"], "selector": ["random"]}},
        {"delimiters": ["xml"], "placement": ["user_after"], "answer_marker": ["Result:"]},
        {"reasoning": ["on"], "temperature": [0.7], "max_tokens": [32]},
    ],
)
def test_what_the_user_has_ruled_out_does_not_enter(search: dict[str, Any]) -> None:
    problem = problem_of(make_task(ROWS, search=search), [ended_with(prompt) for prompt in PROMPTS])
    space = problem.space
    assert problem.earlier
    for prompt in problem.earlier:
        factors = prompt.factors
        assert factors["demonstrations"] in space.count
        assert factors["delimiters"] in {family.name for family in space.delimiters}
        assert factors["placement"] in space.placement
        assert factors["answer_marker"] in space.answer_marker
        assert prompt.parameters == space.prompt(space.covering(1, random.Random(0))[0]).parameters


def test_the_user_s_own_candidates_are_not_added_to() -> None:
    pool = ["Name the colour.", str(PROMPTS[0].factors["instruction"])]
    problem = problem_of(make_task(ROWS, candidates={"instructions": pool}), [ended_with(p) for p in PROMPTS])
    assert {proposal.text for proposal in problem.space.instruction} == {*pool, TASK.baseline.factors["instruction"]}
    assert {prompt.factors["instruction"] for prompt in problem.earlier} <= {
        proposal.text for proposal in problem.space.instruction
    }


def test_no_row_of_validation_or_test_is_shown() -> None:
    """Other data: what was a train row there may be any row here."""
    for seed in range(5):
        task = make_task(ROWS, split={"seed": seed})
        problem = problem_of(task, [ended_with(prompt) for prompt in some_prompts(TASK, seed=seed)])
        train = {row.id for row in task.dataset.train}
        for prompt in problem.earlier:
            assert set(prompt.factors["demonstration_ids"]) <= train
            texts = "\n".join(message.content for message in prompt.messages)
            assert not any(row.inputs["text"] in texts for row in (*task.dataset.validation, *task.dataset.test))


def test_columns_of_other_names_are_filled_in() -> None:
    renamed = make_task(
        [{"message": row["text"], "colour": row["label"]} for row in ROWS], inputs=["message"], output="colour"
    )
    entering = problem_of(renamed, [ended_with(prompt) for prompt in PROMPTS]).earlier
    assert entering
    assert {prompt.variables for prompt in entering} == {("message",)}


def test_an_instruction_about_other_inputs_does_not_fit() -> None:
    about = make_task(ROWS, prompt={"instruction": "What colour has {{text}}?"}).baseline
    other = make_task([{"message": r["text"], "label": r["label"]} for r in ROWS], inputs=["message"]).signature
    assert fits(about, TASK.signature)
    assert not fits(about, other)


def test_messages_of_a_user_s_own_do_not_fit() -> None:
    assert not fits(make_task(ROWS, prompt=OWN_MESSAGES).baseline, TASK.signature)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, SPACE.size - 1))
def test_a_prompt_of_the_space_is_found_there(seed: int) -> None:
    prompt = SPACE.prompt(SPACE.covering(1, random.Random(seed))[0])
    found = choices_of(prompt, SPACE)
    assert found is not None
    assert list(found) == [name for name in SPACE.factors if SPACE.applies(name, found)]
    assert SPACE.prompt(found).digest == prompt.digest


def test_a_prompt_of_elsewhere_is_not() -> None:
    """It shows what this seed does not draw, or it stands where this search puts none."""
    drawn = [p for p in some_prompts(TASK, seed=5) if p.factors["demonstration_selector"] == "balanced"]
    entering = problem_of(TASK, [ended_with(prompt) for prompt in drawn]).earlier
    assert len(entering) == len(drawn) > 0
    assert [choices_of(prompt, SPACE) for prompt in entering] == [None] * len(drawn)
    below = problem_of(make_task(ROWS, search={"placement": ["user_after"]})).space
    assert choices_of(below.prompt(next(below.points())), SPACE) is None


def test_it_can_be_written_down_and_read_back() -> None:
    for prompt in PROMPTS:
        earlier = ended_with(prompt, place=2)
        again = Earlier.from_json(earlier.to_json())
        assert again == earlier
        assert again.prompt.factors == prompt.factors
