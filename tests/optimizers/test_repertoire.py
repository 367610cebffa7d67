from __future__ import annotations

from typing import Any

import pytest

from benchmarks.errors import TaskError
from benchmarks.tasks.schema import ModelSection
from benchmarks.tasks.task import Task
from optimizers.constraints import make_constraints
from optimizers.problem import make_problem
from optimizers.proposers.operators import OPERATORS
from optimizers.repertoire import Repertoire, make_brief, make_repertoire, proposer_names, proposer_parameters
from tests.endpoints.jobs import labelled_rows, make_task

ROWS = labelled_rows(60)
MODEL = {"name": "hosted_vllm/writer", "api_base": "http://localhost:1/v1"}
GIVEN = {"instructions": ["Name it."]}


def task(**fields: Any) -> Task:
    return make_task(ROWS, **fields)


def repertoire(task: Task) -> Repertoire | None:
    constraints = make_constraints(task)
    return make_repertoire(task, proposer_names(task), make_brief(task, constraints), constraints, seed=0)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({}, ["grammar", "recombine"]),
        ({"candidates": GIVEN}, ["given"]),
        ({"proposer_model": MODEL}, ["grammar", *OPERATORS]),
        ({"candidates": GIVEN, "proposer_model": MODEL}, ["given", *OPERATORS]),
        ({"search": {"proposers": ["grammar"]}}, ["grammar"]),
        ({"search": {"proposers": ["fresh", "grammar"]}, "proposer_model": MODEL}, ["fresh", "grammar"]),
    ],
)
def test_who_writes_unless_the_task_says_otherwise(fields: dict[str, Any], names: list[str]) -> None:
    assert proposer_names(task(**fields)) == names


@pytest.mark.parametrize("name", ["grounded", "reflective", "paraphrase", "fresh"])
def test_what_a_model_writes_needs_a_model(name: str) -> None:
    with pytest.raises(TaskError, match=f"names '{name}', which a model writes, but there is no proposer_model. Add"):
        proposer_names(task(search={"proposers": ["grammar", name]}))


def test_recombining_without_a_model_needs_the_blocks_of_the_grammar() -> None:
    assert proposer_names(task(search={"proposers": ["grammar", "recombine"]}))
    with pytest.raises(TaskError, match="Beside 'grammar' it works without one"):
        proposer_names(task(candidates=GIVEN, search={"proposers": ["given", "recombine"]}))


def test_unknown_names_are_refused_with_the_nearest() -> None:
    unknown = task(search={"proposers": ["reflectiv"]}, proposer_model=MODEL)
    with pytest.raises(TaskError, match=r"unknown proposer 'reflectiv'; known: given, grammar, grounded.*'reflective'"):
        make_problem(unknown, occasion="test", seed=0, allow_code=False)


def test_who_writes_nothing_in_rounds_has_no_repertoire() -> None:
    assert repertoire(task(candidates=GIVEN)) is None
    found = repertoire(task())
    assert found is not None
    assert (found.operators, found.with_model) == (("recombine",), False)


def test_a_tenth_of_the_budget_is_the_proposers_at_most() -> None:
    found = repertoire(task(proposer_model=MODEL, budget={"calls": 456}))
    assert found is not None
    assert (found.calls, found.with_model) == (45, True)


def test_the_control_tokens_of_the_task_model_are_not_to_be_written() -> None:
    served = {"name": "hosted_vllm/Qwen3-8B", "api_base": "http://localhost:1/v1", "special_tokens": ["<|row|>"]}
    found = repertoire(task(model=served, proposer_model=MODEL))
    assert found is not None
    assert {"<|row|>", "<|im_end|>"} <= set(found.rules.control_tokens)


def test_proposers_are_told_train_rows_only_and_validation_rows_are_a_leak() -> None:
    made = task(proposer_model=MODEL)
    found = repertoire(made)
    assert found is not None
    assert found.brief.train == made.dataset.train
    assert found.rules.leaks.found_in(f"For example: {made.dataset.validation[0].inputs['text']}")
    assert not found.rules.leaks.found_in(f"For example: {made.dataset.train[0].inputs['text']}")


@pytest.mark.parametrize(
    ("parameters", "decoding"),
    [
        ({}, {"max_tokens": 4096}),
        ({"temperature": 1.0}, {"max_tokens": 4096, "temperature": 1.0}),
        ({"max_tokens": 900}, {"max_tokens": 900}),
        ({"max_completion_tokens": 900}, {"max_completion_tokens": 900}),
    ],
)
def test_replies_of_the_proposer_are_limited(parameters: dict[str, Any], decoding: dict[str, Any]) -> None:
    assert proposer_parameters(ModelSection(name="x", parameters=parameters)) == decoding


def test_where_only_a_model_writes_there_is_an_instruction_to_begin_with() -> None:
    messages = [{"role": "user", "content": "Colour of {{text}}?"}]
    own = task(prompt={"messages": messages}, search={"proposers": ["grounded"]}, proposer_model=MODEL)
    problem, _ = make_problem(own, occasion="test", seed=0, allow_code=False)
    assert [proposal.source for proposal in problem.space.instruction] == ["default"]
