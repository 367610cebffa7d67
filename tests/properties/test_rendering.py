"""What holds for every prompt and every row: values are inserted once, as they are."""

from __future__ import annotations

from itertools import product

import orjson
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.models.protocol import Message
from benchmarks.prompts.delimiters import FAMILIES, model_family
from benchmarks.prompts.layout import PLACEMENTS, STYLES, Layout, Signature, lay_out
from benchmarks.prompts.prompt import ROLES, Prompt
from benchmarks.prompts.template import Part, Variable, fill, merged, parse, unparse, variables

bounded = settings(deadline=None, max_examples=100)

# Mostly what templates are made of, so that braces meet braces; surrogates are no text.
BRACES = st.text(st.sampled_from('{}" ab\n'), max_size=12)
TEXT = BRACES | st.sampled_from(['{{"{{"}}', "{{a}}", "{{", "}}", "{{text}}", "Input:", "[SEP]"]) | st.text(max_size=12)
NAMES = st.sampled_from(["a", "b", "first name", "größe", '"', "a-b"])
PARTS = st.lists(TEXT | NAMES.map(Variable), max_size=6).map(merged)
VALUES = st.fixed_dictionaries(dict.fromkeys(("a", "b", "first name", "größe", '"', "a-b"), TEXT))


@bounded
@given(parts=PARTS)
@example(parts=("{", Variable("a"), "}"))
@example(parts=("{{{", Variable("a"), '{{"{{"}}'))
def test_parts_survive_being_written_and_read(parts: tuple[Part, ...]) -> None:
    template = unparse(parts)
    assert parse(template) == parts
    assert unparse(parse(template)) == template


@bounded
@given(parts=PARTS, values=VALUES)
def test_values_are_inserted_once_and_never_rendered_again(parts: tuple[Part, ...], values: dict[str, str]) -> None:
    expected = "".join(part if isinstance(part, str) else values[part.name] for part in parts)
    assert fill(parse(unparse(parts)), values) == expected


@bounded
@given(instruction=PARTS, user=PARTS, values=VALUES)
def test_a_prompt_renders_each_value_as_it_is(
    instruction: tuple[Part, ...], user: tuple[Part, ...], values: dict[str, str]
) -> None:
    prompt = Prompt(
        messages=(Message(role="system", content=unparse(instruction)), Message(role="user", content=unparse(user))),
        parameters={},
    )
    assert prompt.variables == variables([*instruction, *user])
    used = {name: values[name] for name in prompt.variables}
    assert [message.content for message in prompt.render(used)] == [fill(instruction, values), fill(user, values)]
    assert prompt.render_row(values) == prompt.render(used)


SETTINGS = list(
    product([*FAMILIES.values(), model_family(["<|q|>", "<|a|>"])], PLACEMENTS, STYLES, [None, "Team:"], [False, True])
)
ROW = st.fixed_dictionaries({"text": TEXT, "more text": TEXT})


@settings(deadline=None, max_examples=25)
@given(
    row=ROW,
    shown=st.lists(st.tuples(ROW, TEXT), max_size=3),
    instruction=TEXT,
    inputs=st.sampled_from([("text",), ("text", "more text")]),
)
def test_every_layout_shows_rows_and_demonstrations_verbatim(
    row: dict[str, str], shown: list[tuple[dict[str, str], str]], instruction: str, inputs: tuple[str, ...]
) -> None:
    demonstrations = tuple(
        Example(id=str(number), inputs=values, answer=answer, slices={}, origin="")
        for number, (values, answer) in enumerate(shown)
    )
    for family, placement, style, marker, reasoning in SETTINGS:
        layout = Layout(
            instruction=unparse(merged([instruction])),
            instruction_source="given",
            demonstrations=demonstrations,
            style=style,
            delimiters=family,
            placement=placement,
            answer_marker=marker,
            reasoning=reasoning,
        )
        prompt = lay_out(layout, Signature(inputs=inputs, output="team"), {})
        written = "\n".join(message.content for message in prompt.render_row(row))
        position = 0
        if placement != "user_after":
            position = found(instruction, written, position)
        for values, answer in shown:
            for name in inputs:
                position = found(values[name], written, position)
            position = found(answer, written, position)
        for name in inputs:
            position = found(row[name], written, position)
        if placement == "user_after":
            found(instruction, written, position)
        assert set(prompt.variables) == set(inputs)
        assert lay_out(layout, Signature(inputs=inputs, output="team"), {}).digest == prompt.digest


def found(text: str, written: str, start: int) -> int:
    """Where `text` ends in `written`, at its first occurrence after `start`."""
    assert text in written[start:]
    return written.index(text, start) + len(text)


@settings(deadline=None, max_examples=50)
@given(one=ROW, other=ROW)
def test_rows_that_differ_are_asked_differently(one: dict[str, str], other: dict[str, str]) -> None:
    assume(one["text"] != other["text"])
    for family, placement, style, marker, reasoning in SETTINGS:
        layout = Layout(
            instruction="Name the team.",
            instruction_source="given",
            style=style,
            delimiters=family,
            placement=placement,
            answer_marker=marker,
            reasoning=reasoning,
        )
        prompt = lay_out(layout, Signature(inputs=("text",), output="team"), {})
        assert prompt.render_row(one) != prompt.render_row(other)


PARAMETER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5) | (
    st.booleans() | st.none() | st.lists(st.text(max_size=3), max_size=2)
)  # fmt: skip
PROMPTS = st.builds(
    Prompt,
    messages=st.lists(
        st.builds(Message, role=st.sampled_from(ROLES), content=PARTS.map(unparse)), min_size=1, max_size=3
    ).map(tuple),
    parameters=st.dictionaries(st.text(max_size=5), PARAMETER, max_size=3),
    reply_format=st.builds(ReplyFormat, marker=st.none() | TEXT, opening=st.none() | TEXT, closing=st.none() | TEXT),
    factors=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)


@bounded
@given(prompt=PROMPTS)
def test_a_prompt_keeps_its_digest_through_json(prompt: Prompt) -> None:
    read = Prompt.from_json(orjson.loads(orjson.dumps(prompt.to_json())))
    assert read == prompt
    assert read.digest == prompt.digest
    assert read.factors == prompt.factors
    assert read.to_json() == prompt.to_json()
