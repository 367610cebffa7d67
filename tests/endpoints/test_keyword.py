from __future__ import annotations

import pytest

from benchmarks.prompts.delimiters import FAMILIES, Delimiters
from tests.endpoints.keyword import KeywordModel
from tests.endpoints.wire import Json

LABELS = ["billing", "card_arrival", "opening hours"]
MODEL = KeywordModel(labels=LABELS)
LISTED = "Decide what the message is about: billing, card_arrival or opening hours. Answer with the label only."
QUESTION = "My new plastic never came in the post"
SHOWN = [("The plastic never came by post", "card_arrival"), ("You charged me two times", "billing")]


def inline(instruction: str, family: Delimiters) -> list[Json]:
    def block(text: str) -> str:
        opening, closing = family.opening.replace("NAME", "input"), family.closing.replace("NAME", "input")
        return f"{opening}{text}{closing}\n{family.output_opening}"

    shown = [f"{block(text)}{family.gap}{label}{family.output_closing}" for text, label in SHOWN]
    user = "\n\n".join([*shown, block(QUESTION)])
    return [{"role": "system", "content": instruction}, {"role": "user", "content": user}]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_demonstrations_are_read_whatever_the_delimiters(family: Delimiters) -> None:
    assert MODEL.answer(inline("Decide.", family)) == "card_arrival"
    assert MODEL.answer(inline(LISTED, family)) == "card_arrival"


def test_demonstrations_are_read_as_chat_turns() -> None:
    turns = [
        {"role": role, "content": content}
        for text, label in SHOWN
        for role, content in [("user", text), ("assistant", label)]
    ]
    assert MODEL.answer([*turns, {"role": "user", "content": QUESTION}]) == "card_arrival"


def test_labels_the_prompt_does_not_name_are_not_known() -> None:
    assert MODEL.answer([{"role": "user", "content": QUESTION}]) == "I do not know which answers there are."


def test_listed_labels_are_chosen_by_their_names() -> None:
    question = {"role": "user", "content": "What are your opening hours on Sunday?"}
    assert MODEL.answer([{"role": "system", "content": LISTED}, question]) == "opening hours"


def test_a_bare_label_must_be_asked_for_or_shown() -> None:
    listed = {"role": "system", "content": "Decide: billing, card_arrival or opening hours."}
    reply = MODEL.answer([listed, {"role": "user", "content": "Is there a mistake in my billing details?"}])
    assert "billing" in reply
    assert reply != "billing"
