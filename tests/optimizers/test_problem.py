from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import InputError, TaskError
from benchmarks.tasks.task import Task
from optimizers.problem import make_problem, make_proposer
from optimizers.proposers.given import Given
from optimizers.proposers.grammar import Grammar
from optimizers.search import Problem
from tests.endpoints.jobs import labelled_rows, make_task

ROWS = labelled_rows(60)
OWN = """
from optimizers.proposers.protocol import Proposal

class Shouting:
    def propose(self, brief, count, rng):
        return [Proposal(text=f"NAME IT {n}!", source="shouting") for n in range(count)][:2]

class Stranger:
    def propose(self, brief, count, rng):
        return [Proposal(text="Read {{subject}}.", source="stranger")]

class Silent:
    def propose(self, brief, count, rng):
        return []

number = 7
"""


def problem_of(task: Task, seed: int = 0, allow_code: bool = False) -> tuple[Problem, list[str]]:
    return make_problem(task, occasion="test", seed=seed, allow_code=allow_code)


def texts(problem: Problem) -> list[str]:
    return [proposal.text for proposal in problem.space.instruction]


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_proposers.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)


def test_absent_factors_have_their_default_choices() -> None:
    space = problem_of(make_task(ROWS))[0].space
    assert space.count == (0, 2, 4, 8)
    assert space.style == ("inline", "turns")
    assert space.selector == ("balanced", "nearest")
    assert [family.name for family in space.delimiters] == ["plain", "markdown", "xml", "brackets", "json"]
    assert space.placement == ("system", "user")
    assert space.answer_marker == (None, "Answer:")
    assert space.reasoning == (False,)
    assert len(space.instruction) == 17


def test_one_choice_fixes_a_factor_and_a_repeated_one_counts_once() -> None:
    search = {"delimiters": ["xml"], "placement": ["user", "user"], "answer_marker": ["none"], "reasoning": ["on"]}
    space = problem_of(make_task(ROWS, search={**search, "temperature": [0.0, 0.7]}))[0].space
    assert [family.name for family in space.delimiters] == ["xml"]
    assert (space.placement, space.answer_marker, space.reasoning) == (("user",), (None,), (True,))
    assert space.temperature == (0.0, 0.7)


def test_no_more_demonstrations_than_train_rows() -> None:
    few = make_task(ROWS, split={"train": 3, "validation": 0.4, "test": 0.4})
    assert problem_of(few)[0].space.count == (0, 2)
    asked = make_task(
        ROWS, split={"train": 3, "validation": 0.4, "test": 0.4}, search={"demonstrations": {"count": [2, 4]}}
    )
    problem, notices = problem_of(asked)
    assert problem.space.count == (2,)
    assert notices == ["There are 3 train rows, so no prompt shows more demonstrations than that."]


@pytest.mark.parametrize(
    ("text", "family"),
    [("a ### Input b", "markdown"), ("so <output> it", "xml"), ("[SEP] here", "brackets"), ('{"input": "x', "json")],
)
def test_delimiters_that_occur_in_the_data_are_left_out_with_a_notice(text: str, family: str) -> None:
    rows = [*ROWS, {"text": f"row 9999 {text}", "label": "amber"}]
    problem, notices = problem_of(make_task(rows))
    assert family not in [delimiters.name for delimiters in problem.space.delimiters]
    assert len(problem.space.delimiters) == 4
    assert len(notices) == 1
    assert notices[0].startswith(f"The delimiters '{family}' are left out: ")
    assert "occurs in the data" in notices[0]


def test_when_no_delimiters_are_left_the_task_is_refused() -> None:
    rows = [*ROWS, {"text": "row 9999 <input>", "label": "amber"}]
    with pytest.raises(TaskError, match=r"No delimiter family is left of xml.*'<input>' occurs in the data"):
        problem_of(make_task(rows, search={"delimiters": ["xml"]}))


def test_the_models_own_tokens_are_delimiters_only_where_the_task_names_them() -> None:
    assert "model" not in [family.name for family in problem_of(make_task(ROWS))[0].space.delimiters]
    model = {"name": "hosted_vllm/x", "api_base": "http://x/v1", "special_tokens": ["<|row|>"]}
    assert "model" in [family.name for family in problem_of(make_task(ROWS, model=model))[0].space.delimiters]


@pytest.mark.parametrize(
    ("parameters", "room"), [({}, 512), ({"max_tokens": 16}, None), ({"max_completion_tokens": 16}, None)]
)
def test_reasoning_gets_room_unless_the_user_limits_the_reply(parameters: dict[str, int], room: int | None) -> None:
    model = {"name": "hosted_vllm/x", "api_base": "http://x/v1", "parameters": parameters}
    task = make_task(ROWS, model=model, search={"reasoning": ["off", "on"]})
    assert problem_of(task)[0].space.reasoning_tokens == room


def test_given_instructions_are_the_only_ones_beside_the_baselines() -> None:
    given = ["Which colour?", "Colour:", "Which colour?"]
    problem, _ = problem_of(make_task(ROWS, prompt={"instruction": "Name it."}, candidates={"instructions": given}))
    assert texts(problem) == ["Name it.", "Which colour?", "Colour:"]
    assert [proposal.source for proposal in problem.space.instruction] == ["baseline", "given", "given"]


def test_proposers_can_be_combined() -> None:
    task = make_task(ROWS, candidates={"instructions": ["Colour:"]}, search={"proposers": ["given", "grammar"]})
    sources = [proposal.source for proposal in problem_of(task)[0].space.instruction]
    assert (sources.count("baseline"), sources.count("given"), sources.count("grammar")) == (1, 1, 16)


def test_own_messages_are_no_instruction_to_lay_out_anew() -> None:
    messages = [{"role": "user", "content": "Colour of {{text}}?"}]
    problem, _ = problem_of(make_task(ROWS, prompt={"messages": messages}))
    assert problem.baseline.messages[0].content == "Colour of {{text}}?"
    assert all(proposal.source == "grammar" for proposal in problem.space.instruction)


def test_the_same_seed_makes_the_same_problem_and_another_seed_another() -> None:
    task = make_task(ROWS)
    assert texts(problem_of(task, 1)[0]) == texts(problem_of(task, 1)[0])
    assert texts(problem_of(task, 1)[0]) != texts(problem_of(task, 2)[0])


def test_the_search_is_given_no_row_of_the_test_split() -> None:
    problem, _ = problem_of(make_task(ROWS))
    test = {example.id for example in problem.test}
    assert test.isdisjoint(example.id for example in (*problem.validation, *problem.space.train))


def test_the_proposer_given_needs_something_to_hand_on() -> None:
    with pytest.raises(TaskError, match=r"names 'given', but there are no candidates.instructions"):
        problem_of(make_task(ROWS, search={"proposers": ["given"]}))


def test_built_in_proposers_are_known_by_name() -> None:
    assert isinstance(make_proposer("given", allow_code=False), Given)
    assert isinstance(make_proposer("grammar", allow_code=False), Grammar)


@pytest.mark.usefixtures("own_code")
@pytest.mark.parametrize("place", ["own_proposers", "own_proposers.py"])
def test_a_proposer_of_ones_own_is_named_by_module_and_class(place: str) -> None:
    task = make_task(ROWS, prompt={"instruction": "Name it."}, search={"proposers": [f"{place}:Shouting"]})
    assert texts(problem_of(task, allow_code=True)[0]) == ["Name it.", "NAME IT 0!", "NAME IT 1!"]


@pytest.mark.usefixtures("own_code")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own_proposers:Stranger", r"own_proposers:Stranger' uses \{\{subject\}\}, which is no input; inputs: text"),
        ("own_proposers:Shoutin", "did you mean|Shouting"),
        ("own_proposers:number", "is no class"),
        ("no_such_module:Thing", "no_such_module"),
    ],
)
def test_what_is_wrong_with_a_proposer_of_ones_own_is_said(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        problem_of(make_task(ROWS, search={"proposers": [name]}), allow_code=True)


@pytest.mark.usefixtures("own_code")
def test_proposers_that_propose_nothing_leave_the_baselines_wording_or_are_refused() -> None:
    search: dict[str, Any] = {"proposers": ["own_proposers:Silent"]}
    task = make_task(ROWS, prompt={"instruction": "Name it."}, search=search)
    assert texts(problem_of(task, allow_code=True)[0]) == ["Name it."]
    messages = [{"role": "user", "content": "Colour of {{text}}?"}]
    with pytest.raises(TaskError, match=r"proposed nothing; add candidates\.instructions"):
        problem_of(make_task(ROWS, prompt={"messages": messages}, search=search), allow_code=True)


@pytest.mark.usefixtures("own_code")
def test_code_of_ones_own_is_not_run_where_it_is_not_allowed() -> None:
    with pytest.raises(TaskError, match="unknown proposer 'own_proposers:Shouting'"):
        problem_of(make_task(ROWS, search={"proposers": ["own_proposers:Shouting"]}))
