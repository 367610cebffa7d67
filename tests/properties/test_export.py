"""What holds for every prompt that is exported: others render it to the same text."""

from __future__ import annotations

import keyword
import string
from collections.abc import Mapping

import jinja2
import orjson
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from benchmarks.models.protocol import Message
from benchmarks.prompts.export import export
from benchmarks.prompts.prompt import ROLES, Prompt
from benchmarks.prompts.template import Part, TemplateError, Variable, merged, unparse
from service.api.replies import etag, matches

KEYWORDS_OF_JINJA = ["loop", "self", "true", "false", "none", "recursive", "without", "block", "set", "macro", "filter"]

bounded = settings(deadline=None, max_examples=150)

# What Jinja reads as structure, what it changes, and what it drops; then anything at all.
STRUCTURE = st.text(st.sampled_from("{}%#-+\"'\\ \r\n\tab"), max_size=14)
WORDS = st.sampled_from(
    [
        *[
            '{{"{{"}}',
            "{{a}}",
            "{%",
            "%}",
            "{#",
            "#}",
            "{{-",
            "-}}",
            "{%-",
            "{% raw %}",
            "{% endraw %}",
            "##",
            "# for x",
        ],
        *["\r\n", "\r", "\n", "\n\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\x00"],
    ]
)
TEXT = STRUCTURE | WORDS | st.text(max_size=12)
NAMES = (
    "a",
    "message",
    "_",
    "__class__",
    "range",
    "dict",
    "loop1",
    "super",
    "caller",
    "varargs",
    "self_",
    "async",
    "l_0_a",
)
PARTS = st.lists(TEXT | st.sampled_from(NAMES).map(Variable), max_size=8).map(merged)
VALUES = st.fixed_dictionaries(dict.fromkeys(NAMES, TEXT))


def of(*templates: str, parameters: Mapping[str, object] | None = None) -> Prompt:
    messages = tuple(Message(role=role, content=text) for role, text in zip(ROLES, templates, strict=False))
    return Prompt(messages=messages, parameters=dict(parameters or {}))  # type: ignore[arg-type]


def rendered_by_jinja(prompt: Prompt, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """The messages that a program renders that knows nothing of whet, with Jinja as it is by default."""
    exported = orjson.loads(export(prompt, "jinja", {}))
    environment = jinja2.Environment()
    return [(m["role"], environment.from_string(m["content"]).render(values)) for m in exported["messages"]]


@bounded
@given(system=PARTS, user=PARTS, values=VALUES)
@example(system=("text\n",), user=("text\r\n",), values=dict.fromkeys(NAMES, "\n"))
@example(system=("\n\n\n",), user=("\r\r\n\n",), values=dict.fromkeys(NAMES, "\r\n"))
@example(system=("{", Variable("a"), "}"), user=("{% if x %}{# #}{{",), values=dict.fromkeys(NAMES, "{{a}}"))
@example(system=("\n", Variable("a"), "\n"), user=(Variable("a"), "\n"), values=dict.fromkeys(NAMES, ""))
@example(system=("#}", Variable("a"), "{#"), user=("-%}", Variable("a"), "{%-"), values=dict.fromkeys(NAMES, "-"))
def test_jinja_renders_an_exported_prompt_to_the_same_text(
    system: tuple[Part, ...], user: tuple[Part, ...], values: dict[str, str]
) -> None:
    prompt = of(unparse(system), unparse(user))
    used = {name: values[name] for name in prompt.variables}
    assert rendered_by_jinja(prompt, used) == [(m.role, m.content) for m in prompt.render(used)]


def check_variable(name: str, value: str) -> None:
    """A variable is written in Jinja, or refused by its name."""
    prompt = of(f"<{{{{{name}}}}}>")
    try:
        written = rendered_by_jinja(prompt, {name: value})
    except TemplateError as error:
        written, message = None, str(error)
    assert written == [("system", f"<{value}>")] if written else f"The variable '{name}' cannot be" in message


@bounded
@given(name=st.text(min_size=1, max_size=8) | st.text(string.ascii_letters + "_", min_size=1, max_size=6), value=TEXT)
def test_a_variable_is_written_in_jinja_or_refused_by_name(name: str, value: str) -> None:
    assume(not set(name) & set("{}"))
    assume(name == name.strip())
    check_variable(name, value)


@pytest.mark.parametrize(
    "words", [keyword.kwlist, keyword.softkwlist, KEYWORDS_OF_JINJA, ["größe", "first name", "a-b"]]
)
def test_words_of_jinja_and_of_python_do_no_harm(words: list[str]) -> None:
    for name in words:
        check_variable(name, "x")


@bounded
@given(system=PARTS, user=PARTS, temperature=st.floats(0, 2), limit=st.integers(1, 999))
def test_every_format_has_the_messages_and_the_parameters(
    system: tuple[Part, ...], user: tuple[Part, ...], temperature: float, limit: int
) -> None:
    prompt = of(unparse(system), unparse(user), parameters={"temperature": temperature, "max_tokens": limit})
    about = {"name": "triage", "version": 3}
    messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
    parameters = {"temperature": temperature, "max_tokens": limit}
    assert orjson.loads(export(prompt, "openai", about)) == {"messages": messages, **parameters}
    assert Prompt.from_json(orjson.loads(export(prompt, "messages", about))) == prompt
    assert orjson.loads(export(prompt, "jinja", about)).keys() == {"messages", *parameters}
    for message in prompt.messages:
        assert message.content in export(prompt, "text", about)


# Which versions a client already has (RFC 9110, section 13.1.2)

OPAQUE = st.text(st.sampled_from(string.ascii_letters + string.digits + "-/W"), min_size=1, max_size=8)
WEAK = st.sampled_from(["", "W/"])
GAPS = st.text(st.sampled_from(" \t"), max_size=2)


@bounded
@given(held=st.lists(st.tuples(WEAK, OPAQUE, GAPS, GAPS), min_size=1, max_size=4), current=OPAQUE)
def test_a_client_has_a_version_if_it_names_its_tag(held: list[tuple[str, str, str, str]], current: str) -> None:
    header = ",".join(f"{before}{weak}{etag(tag)}{after}" for weak, tag, before, after in held)
    assert matches(header, etag(current)) == (current in {tag for _, tag, _, _ in held})


@bounded
@given(current=OPAQUE, other=OPAQUE)
def test_any_version_will_do_for_a_star_and_none_for_no_header(current: str, other: str) -> None:
    assert matches("*", etag(current))
    assert matches(" * ", etag(current))
    assert not matches(None, etag(current))
    assert not matches("", etag(current))
    assert not matches(other, etag(current))
    assert not matches(f'"{other}-{current}"', etag(current))
