"""From the factors of a prompt to its messages."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from benchmarks.datasets.records import Example
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.registry import make_metric
from benchmarks.prompts.delimiters import FAMILIES, model_family
from benchmarks.prompts.layout import PLACEMENTS, STYLES, Layout, Signature, lay_out
from benchmarks.prompts.prompt import Prompt
from benchmarks.prompts.template import TemplateError

ONE = Signature(inputs=("text",), output="team")
TWO = Signature(inputs=("subject", "text"), output="team")
ROW = {"text": "Where is it?"}
SHOWN = tuple(
    Example(id=str(number), inputs={"text": text}, answer=answer, slices={}, origin="")
    for number, (text, answer) in enumerate([("Two charges!", "billing"), ("It broke.", "repairs")])
)
LAYOUT = Layout(instruction="Name the team.", instruction_source="given", delimiters=FAMILIES["plain"])
ALL_FAMILIES = [*FAMILIES.values(), model_family(["<|q|>", "<|a|>"])]


def rendered(layout: Layout, signature: Signature = ONE, row: dict[str, str] | None = None) -> list[tuple[str, str]]:
    prompt = lay_out(layout, signature, {"max_tokens": 8})
    return [(message.role, message.content) for message in prompt.render_row(row or ROW)]


def test_the_plain_layout() -> None:
    assert rendered(LAYOUT) == [("system", "Name the team."), ("user", "Input: Where is it?\nOutput:")]


def test_the_instruction_stands_where_it_is_placed() -> None:
    assert rendered(replace(LAYOUT, placement="user")) == [("user", "Name the team.\n\nInput: Where is it?\nOutput:")]
    assert rendered(replace(LAYOUT, placement="user_after")) == [
        ("user", "Input: Where is it?\n\nName the team.\n\nOutput:")
    ]


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_no_instruction_leaves_no_trace(placement: str) -> None:
    assert rendered(replace(LAYOUT, instruction="", placement=placement)) == [("user", "Input: Where is it?\nOutput:")]


def test_demonstrations_stand_before_the_row() -> None:
    assert rendered(replace(LAYOUT, demonstrations=SHOWN))[1:] == [
        (
            "user",
            "Input: Two charges!\nOutput: billing\n\nInput: It broke.\nOutput: repairs\n\nInput: Where is it?\nOutput:",
        )
    ]


def test_demonstrations_may_be_turns_of_a_chat() -> None:
    layout = replace(LAYOUT, demonstrations=SHOWN, style="turns")
    turns = [
        ("user", "Input: Two charges!"),
        ("assistant", "billing"),
        ("user", "Input: It broke."),
        ("assistant", "repairs"),
        ("user", "Input: Where is it?"),
    ]
    assert rendered(layout) == [("system", "Name the team."), *turns]
    assert rendered(replace(layout, placement="user")) == [
        ("user", "Name the team.\n\nInput: Two charges!"),
        *turns[1:],
    ]
    assert rendered(replace(layout, placement="user_after")) == [
        *turns[:-1],
        ("user", "Input: Where is it?\n\nName the team."),
    ]


def test_turns_without_demonstrations_are_no_turns() -> None:
    assert rendered(replace(LAYOUT, style="turns")) == rendered(LAYOUT)


def test_a_marker_takes_the_place_of_the_familys_own() -> None:
    assert rendered(replace(LAYOUT, answer_marker="Team:", demonstrations=SHOWN[:1]))[1:] == [
        ("user", "Input: Two charges!\nTeam: billing\n\nInput: Where is it?\nTeam:")
    ]


def test_reasoning_asks_for_steps_and_leaves_room_for_them() -> None:
    system, user = rendered(replace(LAYOUT, reasoning=True))
    assert "step by step" in system[1]
    assert "“Answer:”" in system[1]
    assert user == ("user", "Input: Where is it?")


def test_several_inputs_go_by_their_columns() -> None:
    row = {"subject": "Order 7", "text": "Where is it?"}
    assert rendered(LAYOUT, TWO, row)[1][1] == "Subject: Order 7\nText: Where is it?\nOutput:"
    xml = replace(LAYOUT, delimiters=FAMILIES["xml"])
    assert rendered(xml, TWO, row)[1][1] == "<subject>Order 7</subject>\n<text>Where is it?</text>\n<output>"


def test_an_instruction_may_mention_the_inputs() -> None:
    layout = replace(LAYOUT, instruction='Who answers “{{text}}”? No {{"{{"}}braces}}.')
    assert rendered(layout)[0] == ("system", "Who answers “Where is it?”? No {{braces}}.")


def test_an_instruction_that_is_no_template_is_refused() -> None:
    with pytest.raises(TemplateError):
        lay_out(replace(LAYOUT, instruction="Use {{text"), ONE, {})


def settings() -> list[Layout]:
    return [
        replace(LAYOUT, delimiters=family, placement=placement, style=style, answer_marker=marker, demonstrations=shown)
        for family, placement, style, marker, shown in product(
            ALL_FAMILIES, PLACEMENTS, STYLES, [None, "Team:"], [(), SHOWN]
        )
    ]


def expected_reply(layout: Layout, prompt: Prompt) -> str:
    """The reply that the demonstrations teach: what follows the cue at the end of the prompt."""
    if layout.style == "turns" and layout.demonstrations:
        return f"{layout.answer_marker} orders" if layout.answer_marker else "orders"
    return " orders" if layout.answer_marker else f"{layout.delimiters.gap}orders{layout.delimiters.output_closing}"


def test_the_answer_is_found_in_the_reply_that_the_prompt_asks_for() -> None:
    metric = make_metric("exact_match", {}, ())
    for layout in settings():
        prompt = lay_out(layout, ONE, {})
        reply = expected_reply(layout, prompt)
        assert metric.extractor.extract(reply, prompt.reply_format) == "orders", layout
        with_cue = f"{layout.answer_marker or layout.delimiters.output_opening}{reply}"
        if layout.style == "inline" or not layout.demonstrations:
            assert metric.extractor.extract(with_cue, prompt.reply_format) == "orders", layout


def test_every_layout_is_a_prompt_of_its_own() -> None:
    layouts = [layout for layout in settings() if layout.demonstrations or layout.style == "inline"]
    assert len({lay_out(layout, ONE, {}).digest for layout in layouts}) == len(layouts)


def test_the_stable_part_comes_first() -> None:
    for layout in settings():
        prompt = lay_out(layout, ONE, {})
        one, other = ("".join(m.content for m in prompt.render_row({"text": text})) for text in ("aaa", "bbb"))
        before = one.index("aaa")
        assert one[:before] == other[:before]
        after = len(one) - before - 3
        assert after < 20 + (len("\n\nName the team.") if layout.placement == "user_after" else 0)


def test_factors_say_in_words_what_it_was_made_of() -> None:
    prompt = lay_out(replace(LAYOUT, demonstrations=SHOWN, style="turns", selector="nearest"), ONE, {})
    assert prompt.factors == {
        "instruction": "Name the team.",
        "instruction_source": "given",
        "demonstrations": 2,
        "demonstration_ids": ["0", "1"],
        "demonstration_style": "turns",
        "demonstration_selector": "nearest",
        "delimiters": "plain",
        "placement": "system",
        "answer_marker": None,
        "reasoning": "off",
    }
    assert prompt.reply_format == ReplyFormat()
