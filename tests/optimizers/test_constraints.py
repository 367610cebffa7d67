from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.errors import TaskError
from benchmarks.models.protocol import Message
from benchmarks.models.tokens import TokenCounter
from benchmarks.prompts.prompt import Prompt
from optimizers.constraints import Constraints, make_constraints
from optimizers.problem import make_problem
from tests.endpoints.jobs import labelled_rows, make_task

ROWS = labelled_rows(60)
WORDS = TokenCounter(of_text=lambda text: len(text.split()), per_message=1, per_prompt=1)
INSTRUCTION = "Name the colour. Answer in one word."


def prompt(instruction: str = INSTRUCTION, user: str = "Input: {{text}}\nOutput:") -> Prompt:
    messages = (Message(role="system", content=instruction), Message(role="user", content=user))
    return Prompt(messages=messages, parameters={}, factors={"instruction": instruction})


def constrained(**constraints: Any) -> Any:
    return make_task(ROWS, prompt={"instruction": INSTRUCTION}, constraints=constraints)


def test_without_constraints_every_prompt_will_do() -> None:
    assert Constraints().violation(prompt("")) is None
    assert Constraints().violation_of("") is None


@pytest.mark.parametrize(
    ("constraints", "violation"),
    [
        (Constraints(must_contain=("one word", "{{text}}")), None),
        (Constraints(must_contain=("One word",)), "it does not contain 'One word', which constraints.must_contain"),
        (Constraints(must_not_contain=("two words",)), None),
        (Constraints(must_not_contain=("ONE WORD",)), "it contains 'ONE WORD', against constraints.must_not_contain"),
        (Constraints(must_not_contain=("output:",)), "it contains 'output:'"),
        (Constraints(protected=("Name the colour.",)), None),
        (Constraints(protected=("Output:",)), "its instruction does not keep 'Output:' of constraints.protected"),
        (Constraints(max_prompt_tokens=12, counter=WORDS), None),
        (
            Constraints(max_prompt_tokens=11, counter=WORDS),
            "it takes 12 tokens without the row;.*max_prompt_tokens: 11",
        ),
    ],
)
def test_a_violation_is_told_in_words(constraints: Constraints, violation: str | None) -> None:
    found = constraints.violation(prompt())
    if violation is None:
        assert found is None
    else:
        with pytest.raises(AssertionError, match=violation):
            raise AssertionError(found)


def test_the_row_takes_no_part_in_the_tokens_and_demonstrations_do() -> None:
    limit = Constraints(max_prompt_tokens=12, counter=WORDS)
    assert limit.violation(prompt()) is None
    assert limit.violation(prompt(user="Input: red\nOutput: red\n\nInput: {{text}}\nOutput:")) is not None


passages = st.lists(st.sampled_from(["Name", "colour", "WORD", "please", "Output"]), max_size=3).map(tuple)


@settings(max_examples=200, deadline=None)
@given(
    must=passages,
    never=passages,
    kept=passages,
    most=st.integers(1, 20),
    text=st.lists(st.sampled_from(["Name", "the", "colour", "word", "Please"]), max_size=8).map(" ".join),
)
def test_what_no_layout_can_mend_violates_in_every_layout(
    must: tuple[str, ...], never: tuple[str, ...], kept: tuple[str, ...], most: int, text: str
) -> None:
    constraints = Constraints(
        must_contain=must, must_not_contain=never, protected=kept, max_prompt_tokens=most, counter=WORDS
    )
    if constraints.violation_of(text) is not None:
        assert constraints.violation(prompt(text)) is not None
    if constraints.violation(prompt(text)) is None:
        whole = "\n".join(message.content for message in prompt(text).messages)
        assert all(passage in whole for passage in must)
        assert all(passage.lower() not in whole.lower() for passage in never)
        assert all(passage in text for passage in kept)


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        ({"protected": ["Be polite."]}, "'Be polite.' does not occur in the baseline's instruction.*letter for letter"),
        ({"must_contain": ["{{subject}}"]}, r"constraints.must_contain uses \{\{subject\}\}, which is no input"),
        ({"must_contain": ["colour"], "must_not_contain": ["COLOUR"]}, "must contain 'colour', in which 'COLOUR'"),
        ({"must_not_contain": ["input", "answer", "text"]}, "none of 256 prompts|no instruction keeps to them"),
        ({"max_prompt_tokens": 3}, "constraints.max_prompt_tokens: 3"),
        ({"must_contain": [""]}, "at least 1 character"),
        ({"must_contian": ["x"]}, "Did you mean 'must_contain'"),
    ],
)
def test_what_nothing_can_satisfy_is_refused_before_anything_is_spent(constraints: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        make_problem(constrained(**constraints), occasion="test", seed=0, allow_code=False)


def test_the_grammar_keeps_to_the_constraints_by_itself() -> None:
    task = constrained(must_contain=["Never explain."], protected=["Name the colour."])
    problem, notices = make_problem(task, occasion="test", seed=0, allow_code=False)
    written = [p.text for p in problem.space.instruction if p.source == "grammar"]
    assert len(written) == 16
    assert all("Never explain." in text and "Name the colour." in text for text in written)
    assert notices == [
        "Your prompt violates the constraints: it does not contain 'Never explain.', which constraints.must_contain "
        "demands. It stays the baseline; no candidate may do so."
    ]


def test_given_instructions_that_violate_them_are_left_out_with_a_notice() -> None:
    given = ["Name the colour, please.", "Name the hue. Answer in one word."]
    task = make_task(
        ROWS,
        prompt={"instruction": INSTRUCTION},
        candidates={"instructions": given},
        constraints={"protected": ["Name the colour"]},
    )
    problem, notices = make_problem(task, occasion="test", seed=0, allow_code=False)
    assert [p.text for p in problem.space.instruction] == [INSTRUCTION, given[0]]
    assert notices == [
        "An instruction of candidates.instructions is left out, 'Name the hue. Answer in one word.': its instruction "
        "does not keep 'Name the colour' of constraints.protected."
    ]


def test_tokens_are_counted_as_for_forecasts() -> None:
    limited = make_constraints(constrained(max_prompt_tokens=200))
    assert limited.counter is not None
    assert limited.counter.of_text("one two three") >= 3
    assert make_constraints(constrained()).counter is None
