"""Rules of metrics that hold for all texts."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.macro_f1 import MacroF1
from benchmarks.metrics.normalisation import normalise
from benchmarks.metrics.numerals import numerals, only_number
from benchmarks.metrics.phrases import mentioned
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.registry import BUILT_IN, make_metric
from benchmarks.metrics.scoring import check_examples, score_row

bounded = settings(max_examples=100, deadline=None)

# Pieces that mean something to one of the readers are mixed with arbitrary characters, lone surrogates included.
PIECES = ["<think>", "</think>", "Answer:", "<a>", "</a>", "```", "json\n", "**", "_", '"', "billing", "orders"]
PIECES += ["1,234.5", "-", "$", "e9", "{", "}", "[", "]", ":", ",", '{"a": 1}', "\n", " ", ".", "“", "NaN", "ﬁ", "İ"]
replies = st.lists(st.sampled_from(PIECES) | st.text(st.characters(), max_size=5), max_size=12).map("".join)
formats = st.builds(
    ReplyFormat,
    marker=st.sampled_from([None, "", "Answer:", "**Answer:**"]) | st.text(max_size=3),
    opening=st.sampled_from([None, "", "<a>", "```"]) | st.text(max_size=3),
    closing=st.sampled_from([None, "", "</a>", "```"]) | st.text(max_size=3),
)
words = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() and "think>" not in text.casefold())
ascii_words = st.text("abcXYZ019 .,é東\n", min_size=1).filter(lambda text: any(c in "abcXYZ019" for c in text))
numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
EXPECTED: dict[str, st.SearchStrategy[str]] = {
    "accuracy": words,
    "macro_f1": words,
    "exact_match": words,
    "contains": words,
    "numeric": numbers.map(lambda number: f"{number:,f}"),
    "rouge_l": ascii_words,
    "chrf": words,
    "json_match": (
        st.lists(json_values, max_size=3) | st.dictionaries(st.text(max_size=5), json_values, max_size=3)
    ).map(lambda value: json.dumps(value, ensure_ascii=False)),
}


def row(answer: str) -> Example:
    return Example(id="1", inputs={}, answer=answer, slices={}, origin="rows.csv, line 3")


@bounded
@given(text=replies | st.text(), case_sensitive=st.booleans())
def test_normalising_twice_is_normalising_once(text: str, case_sensitive: bool) -> None:
    once = normalise(text, case_sensitive=case_sensitive)
    assert normalise(once, case_sensitive=case_sensitive) == once
    assert bool(once) == bool(text.strip())


@pytest.mark.parametrize("extraction", ["text", "line", "label", "mention", "number", "json"])
@bounded
@given(reply=replies, reply_format=formats)
def test_extraction_never_raises_and_never_gives_a_blank_answer(
    extraction: Extraction, reply: str, reply_format: ReplyFormat
) -> None:
    answer = make_extractor(extraction, ["billing", "orders"]).extract(reply, reply_format)
    assert answer is None or answer.strip()
    if answer is not None and extraction in ("label", "mention"):
        assert answer in ("billing", "orders")
    if answer is not None and extraction == "number":
        assert Decimal(answer).is_finite()
    if answer is not None and extraction == "json":
        assert isinstance(json.loads(answer), dict | list)


ROWS = {"numeric": "1234.5", "json_match": '{"a": 1}'}


@pytest.mark.parametrize("name", BUILT_IN)
@bounded
@given(reply=replies)
def test_every_reply_has_a_score_between_0_and_1(name: str, reply: str) -> None:
    metric = make_metric(name, {}, ("billing", "orders"))
    example = row(ROWS.get(name, "billing"))
    for answer in (reply, metric.extractor.extract(reply, ReplyFormat())):
        assert 0 <= score_row(metric, answer, example) <= 1


@pytest.mark.parametrize("name", EXPECTED)
@bounded
@given(data=st.data())
def test_the_expected_answer_as_the_reply_scores_1(name: str, data: st.DataObject) -> None:
    example = row(data.draw(EXPECTED[name]))
    others = data.draw(st.lists(words, max_size=3))
    metric = make_metric(name, {}, list({normalise(label): label for label in [*others, example.answer]}.values()))
    check_examples(metric, [example])
    assert score_row(metric, metric.extractor.extract(example.answer, ReplyFormat()), example) == pytest.approx(1)


@bounded
@given(number=numbers, before=st.sampled_from(["", "= ", "$", "(", "**"]), after=st.sampled_from(["", ".", " %", ")"]))
def test_a_formatted_number_is_read_back(number: Decimal, before: str, after: str) -> None:
    assert only_number(f"{before}{number:,f}{after}") == number


@bounded
@given(text=replies | st.text())
def test_numerals_are_numbers(text: str) -> None:
    assert all(Decimal(numeral).is_finite() for numeral in numerals(text))


@bounded
@given(phrases=st.lists(words, min_size=1, max_size=4), text=replies)
def test_what_is_mentioned_occurs(phrases: list[str], text: str) -> None:
    found = mentioned(phrases, text)
    assert found <= set(phrases)
    assert all(phrase in text for phrase in found)
    assert all(phrase in mentioned(phrases, phrase) for phrase in phrases)


@bounded
@given(rows=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", "d", None])), min_size=1))
def test_macro_f1_lies_between_0_and_1_and_is_1_only_if_all_rows_are_right(rows: list[tuple[str, str | None]]) -> None:
    metric = MacroF1(labels=["a", "b", "c", "d"])
    examples, answers = [row(expected) for expected, _ in rows], [answer for _, answer in rows]
    scores = [score_row(metric, answer, example) for answer, example in zip(answers, examples, strict=True)]
    together = metric.aggregate(answers, scores, examples)
    assert 0 <= together <= 1
    assert (together == 1) == all(scores)
