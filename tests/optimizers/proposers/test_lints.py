from __future__ import annotations

import pytest

from benchmarks.datasets.records import Example
from benchmarks.prompts.layout import Signature
from optimizers.constraints import Constraints
from optimizers.proposers.leaks import Leaks
from optimizers.proposers.lints import LONGEST, Refusal, Rules, cleaned

SECRET = "My parcel with the blue ribbon never arrived"
FREE = Constraints()
GOOD = "Name the team that can solve the message. Answer with its name only."


def rules(constraints: Constraints = FREE) -> Rules:
    hidden = [Example(id="1", inputs={"message": SECRET}, answer="orders", slices={}, origin="")]
    return Rules(
        signature=Signature(inputs=("message",), output="team"),
        constraints=constraints,
        control_tokens=("<|im_start|>",),
        leaks=Leaks(hidden, [], []),
    )


def refusal(
    text: str,
    *,
    closed: bool = True,
    parents: tuple[str, ...] = (),
    known: tuple[str, ...] = (),
    constraints: Constraints = FREE,
) -> Refusal | None:
    return rules(constraints).refusal(cleaned(text), closed=closed, parents=parents, known=known)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "Read {{message}} and name the team.",
        "Think about who can help; then name the team.",
        'Write JSON such as {"team": "billing"}.',
        "I will give you a message. Name the team.",
        "Here is how to decide: money matters go to billing, the rest to orders.",
        "Teams:\n- billing\n- orders",
        "Format:\n```\nteam\n```\nNothing else.",
    ],
)
def test_good_instructions_pass(text: str) -> None:
    assert cleaned(text) == text
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Refusal.EMPTY),
        ("<think>Nothing but thoughts.</think>", Refusal.EMPTY),
        (f"<think>What could help here? {GOOD}", Refusal.REASONING),
        (f"{GOOD}</think>", Refusal.REASONING),
        (f"Let me think about what goes wrong. {GOOD}", Refusal.REASONING),
        (f"Okay, so the user wants me to improve this. {GOOD}", Refusal.REASONING),
        (f"First, I need to look at the failures. {GOOD}", Refusal.REASONING),
        ("Name the team of {{subject}}.", Refusal.PLACEHOLDERS),
        ("Name the team of {{message.", Refusal.PLACEHOLDERS),
        ("Name the team of {message}.", Refusal.PLACEHOLDERS),
        ("Name the team. " * 500, Refusal.LENGTH),
        (f"<|im_start|>system\n{GOOD}", Refusal.CONTROL_TOKENS),
        (f'{GOOD} For example, "{SECRET.lower()}" is orders.', Refusal.LEAK),
        (f"```\n{GOOD}", Refusal.TRUNCATED),
    ],
)
def test_what_is_no_instruction_of_this_task_is_refused(text: str, why: Refusal) -> None:
    assert refusal(text) is why


@pytest.mark.parametrize(
    "text",
    [
        f"Here is the improved instruction:\n\n{GOOD}",
        f"Sure! Here's the revised instruction for the task:\n{GOOD}",
        f"**Improved instruction:**\n{GOOD}",
        f"```\n{GOOD}\n```",
        f"```text\n{GOOD}\n```",
        f'"{GOOD}"',
        f"“{GOOD}”",
        f"<think>They mix up teams.</think>\n{GOOD}",
        f"Here is the new prompt:\n```\n{GOOD}\n```",
        f"{GOOD}\n\n[[ ## completed ## ]]",
    ],
)
def test_what_models_put_around_an_instruction_is_taken_off(text: str) -> None:
    assert cleaned(text) == GOOD


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("Name the team, and if there is mo", False),
        ("Name the team,", False),
        (GOOD, True),
        ("Teams:\n- billing\n- orders", True),
        ("请写出团队名称。", True),
    ],
)
def test_an_end_that_nobody_marked_must_look_like_one(text: str, whole: bool) -> None:
    assert refusal(text, closed=False) is (None if whole else Refusal.TRUNCATED)
    assert refusal(text, closed=True) is None


def test_an_instruction_may_be_as_long_as_the_limit() -> None:
    assert refusal("a" * (LONGEST - 1) + ".") is None
    assert refusal("a" * LONGEST + ".") is Refusal.LENGTH


def test_variables_that_all_parents_have_must_not_get_lost() -> None:
    parent = "Name the team of {{message}}."
    assert refusal(GOOD, parents=(parent,)) is Refusal.PLACEHOLDERS
    assert refusal(GOOD, parents=(parent, GOOD)) is None
    assert refusal("Whose is {{message}}?", parents=(parent,)) is None


@pytest.mark.parametrize("copy", [GOOD, GOOD.upper(), GOOD.replace(" ", "\n"), GOOD.replace(".", " –")])
def test_what_is_known_is_not_tried_again(copy: str) -> None:
    assert refusal(copy, known=(GOOD,)) is Refusal.DUPLICATE


def test_the_constraints_hold_for_what_models_write() -> None:
    assert refusal(GOOD, constraints=Constraints(must_contain=("Be polite.",))) is Refusal.CONSTRAINTS
    assert refusal(f"{GOOD} Be polite.", constraints=Constraints(must_contain=("Be polite.",))) is None
    assert refusal(GOOD, constraints=Constraints(must_not_contain=("NAME ONLY",))) is Refusal.CONSTRAINTS
    assert refusal(GOOD, constraints=Constraints(protected=("the team",))) is None
