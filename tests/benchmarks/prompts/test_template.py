"""Templates: the whole grammar is `{{name}}` and two literal braces."""

from __future__ import annotations

import pytest

from benchmarks.prompts.template import TemplateError, Variable, fill, merged, parse, unparse, variables


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{{text}}", (Variable("text"),)),
        ("{{ text }}", (Variable("text"),)),
        ("a {{text}} b {{more}}", ("a ", Variable("text"), " b ", Variable("more"))),
        ("{{a}}{{a}}", (Variable("a"), Variable("a"))),
        ("{{first name}} {{größe}}", (Variable("first name"), " ", Variable("größe"))),
        ('{"text": "{{text}}"}', ('{"text": "', Variable("text"), '"}')),
        ("{{{text}}}", ("{", Variable("text"), "}")),
        ("{text} } }} %s $x {0}", ("{text} } }} %s $x {0}",)),
        ('{{"{{"}}text}}', ("{{text}}",)),
        ('{{"{{"}}{{text}}', ("{{", Variable("text"))),
    ],
)
def test_a_template_is_text_and_variables(template: str, parts: tuple[str | Variable, ...]) -> None:
    assert parse(template) == parts


@pytest.mark.parametrize("template", ["{{", "a {{text", "{{text}", "{{te{xt}}", "{{{{text}}", "{{% if %}", "{{ a"])
def test_braces_that_open_and_do_not_close_are_refused(template: str) -> None:
    with pytest.raises(TemplateError, match=r"opens a variable and does not close it.*\{\{name\}\}"):
        parse(template)


@pytest.mark.parametrize("template", ["{{}}", "a {{  }} b", "{{\n}}"])
def test_a_variable_needs_a_name(template: str) -> None:
    with pytest.raises(TemplateError, match=r"names no variable"):
        parse(template)


def test_the_remedy_that_an_error_names_works() -> None:
    assert parse('a {{"{{"}} b') == ("a {{ b",)


def test_values_are_inserted_as_they_are() -> None:
    parts = parse("{{a}}-{{b}}-{{a}}")
    assert fill(parts, {"a": "{{b}}", "b": '{{"{{"}}'}) == '{{b}}-{{"{{"}}-{{b}}'


def test_a_value_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        fill(parse("{{a}}"), {"b": "1"})


def test_variables_are_named_once_in_order_of_first_appearance() -> None:
    assert variables(parse("{{b}} {{a}} {{b}}")) == ("b", "a")


def test_neighbouring_texts_are_one() -> None:
    assert merged(["a", "", "b", Variable("x"), "", "c"]) == ("ab", Variable("x"), "c")


def test_literal_braces_are_written_so_that_they_are_read_back() -> None:
    assert unparse(("say {{name}}", Variable("x"))) == 'say {{"{{"}}name}}{{x}}'
