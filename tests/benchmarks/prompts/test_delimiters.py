"""Delimiter families and the control tokens of served models."""

from __future__ import annotations

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import DataError
from benchmarks.prompts.control_tokens import control_tokens, refuse_control_tokens
from benchmarks.prompts.delimiters import FAMILIES, NAMES, model_family


def example(text: str, answer: str = "billing") -> Example:
    return Example(id="1", inputs={"text": text}, answer=answer, slices={}, origin="rows.csv, line 3")


def test_families_go_by_their_names() -> None:
    assert [family.name for family in FAMILIES.values()] == list(FAMILIES)
    assert (*FAMILIES, "model") == NAMES


def test_the_markers_of_a_family_are_unlike_those_of_the_others() -> None:
    families = [*FAMILIES.values(), model_family(["<|q|>", "<|a|>"])]
    assert len({(family.opening, family.output_opening) for family in families}) == len(families)


@pytest.mark.parametrize(
    ("name", "text"),
    [("xml", "see <input> here"), ("brackets", "a [SEP] b"), ("markdown", "# x\n### Output"), ("json", '{"output": "')],
)
def test_a_row_that_holds_a_marker_collides(name: str, text: str) -> None:
    assert FAMILIES[name].collides([text], []) is not None
    assert FAMILIES[name].collides(["fine"], [text]) is not None
    assert FAMILIES["plain"].collides([text], [text]) is None


@pytest.mark.parametrize("text", ["[[x]]", "### a heading", "Input: ", "a < b > c", "[1]", "{{braces}}", "1\n2"])
def test_ordinary_text_collides_with_nothing(text: str) -> None:
    assert [name for name, family in FAMILIES.items() if family.collides([text], ["billing"])] == []


@pytest.mark.parametrize("answer", ['say "yes"', "a\\b", "two\nlines"])
def test_an_answer_that_json_would_have_to_escape_collides_with_json(answer: str) -> None:
    assert FAMILIES["json"].collides([answer], []) is None
    assert [name for name, family in FAMILIES.items() if family.collides([], [answer])] == ["json"]


@pytest.mark.parametrize("tokens", [["<|sep|>"], ["<|q|>", "<|a|>"], ["<|q|>", "<|m|>", "<|a|>"]])
def test_the_models_own_family_is_made_of_its_tokens(tokens: list[str]) -> None:
    family = model_family(tokens)
    assert family.input_block([("input", "text")])[0] == f"{tokens[0]}input\n"
    assert family.output_opening.startswith(tokens[-1])
    assert all(family.collides([f"a {token}"], []) == token for token in tokens)


@pytest.mark.parametrize(
    ("model", "token"),
    [
        ("Qwen/Qwen3-8B", "<|im_start|>"),
        ("meta-llama/Llama-3.1-8B-Instruct", "<|eot_id|>"),
        ("meta-llama/Llama_2-7b", "[INST]"),
        ("google/gemma-3-4b-it", "<start_of_turn>"),
        ("mistralai/Mistral-7B", "[/INST]"),
    ],
)
def test_known_models_have_their_control_tokens(model: str, token: str) -> None:
    assert token in control_tokens(model, None)


def test_a_task_may_name_more_control_tokens() -> None:
    assert control_tokens("unheard-of", ["<|x|>", "<|x|>"]) == ("<|x|>",)
    assert control_tokens("Qwen3", ["<|im_end|>", "<|x|>"]).count("<|im_end|>") == 1
    assert control_tokens("unheard-of", None) == ()


@pytest.mark.parametrize("row", [example("a <|im_end|> b"), example("fine", answer="<|im_end|>")])
def test_a_row_with_a_control_token_is_refused_by_name(row: Example) -> None:
    with pytest.raises(DataError, match=r"rows\.csv, line 3 holds '<\|im_end\|>'.*Remove the row or rewrite"):
        refuse_control_tokens([example("fine"), row], ["<|im_start|>", "<|im_end|>"])


def test_text_that_only_looks_like_structure_is_left_alone() -> None:
    refuse_control_tokens([example("[[x]] ### <input> im_end |> <|")], control_tokens("Qwen3", None))


def test_the_tags_of_several_fields_collide_as_those_of_one_do() -> None:
    assert FAMILIES["xml"].collides(["see <title>"], []) is None
    assert FAMILIES["xml"].collides(["see <title>"], [], ["title", "body"]) == "<title>"
    assert FAMILIES["json"].collides(['a {"body": "x'], [], ["title", "body"]) == '{"body": "'
    assert FAMILIES["plain"].collides(["title: x"], [], ["title", "body"]) is None
