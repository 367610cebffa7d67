"""What a table seems to be for is guessed as somebody would who looks at it, and every guess has its reason."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.answers import AnswerKind
from benchmarks.datasets.profile import Profile, profile_rows
from benchmarks.datasets.reading import read_rows
from benchmarks.datasets.roles import MOST_SLICES, Role
from benchmarks.datasets.rows import rows_from_values
from benchmarks.errors import DataError
from benchmarks.metrics.registry import BUILT_IN
from tests.endpoints.shared import data_folder

BUNDLED = Path(__file__).parents[3] / "benchmarks" / "data"
ROWS = 60
_RNG = random.Random(0)

Values = Sequence[object]


def texts(words: int = 9, count: int = ROWS) -> Values:
    """Different texts."""
    known = ["invoice", "parcel", "refund", "late", "broken", "address", "payment", "hello", "please", "thanks"]
    return [f"{' '.join(_RNG.choices(known, k=words - 1))} {number}" for number in range(count)]


def turns(*values: object, count: int = ROWS) -> Values:
    """The values again and again, in an order that no other column of turns has."""
    return _RNG.sample([values[number % len(values)] for number in range(count)], count)


def profile(output: str | None = None, **columns: Values) -> Profile:
    """The profile of a table with these columns; a name's __ stands for a space."""
    names = [name.replace("__", " ") for name in columns]
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return profile_rows(rows_from_values(rows), output)


def names(found: Profile, role: Role) -> list[str]:
    return [place.column for place in found.placed(role)]


def test_three_columns_are_an_input_an_output_and_a_slice() -> None:
    found = profile(message=texts(), team=turns("orders", "billing", "refunds"), channel=turns("chat", "mail"))
    assert found.inputs == ("message",)
    assert (found.output.column, found.output.why) == ("team", "named like an answer")
    assert names(found, Role.SLICE) == ["channel"]
    assert found.labels == ("billing", "orders", "refunds")
    assert (found.answers.kind, found.answers.metric) == (AnswerKind.LABELS, "accuracy")
    assert "3 distinct values in 'team'" in found.answers.why
    assert "billing 33 %" in found.answers.why
    assert not found.rivals
    assert not found.hints


OUTPUTS: dict[str, Callable[[], tuple[Profile, str]]] = {
    "label before category": lambda: (profile(text=texts(), category=turns("a", "b"), label=turns("c", "d")), "label"),
    "answer before category": lambda: (
        profile(question=texts(), answer=texts(2), category=turns("a", "b", "c")),
        "answer",
    ),
    "expected_output": lambda: (profile(input=texts(), expected_output=texts(), note=texts()), "expected_output"),
    "camel case": lambda: (profile(ticketBody=texts(), trueIntent=turns("a", "b")), "trueIntent"),
    "spaces": lambda: (profile(Your__message=texts(), Customer__Sentiment=turns("+", "-")), "Customer Sentiment"),
    "the first column": lambda: (profile(label=turns("ham", "spam"), message=texts()), "label"),
    "no telling name": lambda: (profile(col_a=texts(), col_b=turns("p", "q")), "col_b"),
    "no telling name, first": lambda: (profile(spam=turns("yes", "no"), foo=texts()), "spam"),
    "a group, for want of better": lambda: (profile(message=texts(), language=turns("en", "de")), "language"),
    "a label in words rather than numbers": lambda: (
        profile(text=texts(), label=[0, 1, 2] * 20, label_name=["sad", "calm", "glad"] * 20, id=range(ROWS)),
        "label_name",
    ),
    "the second of two texts": lambda: (profile(english=texts(), german=texts()), "german"),
    "a reply": lambda: (profile(reply=texts(), message=texts()), "reply"),
    "JSON": lambda: (profile(mail=texts(), found=[json.dumps({"n": n}) for n in range(ROWS)]), "found"),
}


@pytest.mark.parametrize("table", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_the_output_is_found_by_its_name_and_its_values(table: Callable[[], tuple[Profile, str]]) -> None:
    found, output = table()
    assert found.output.column == output


def test_columns_that_come_close_are_named_as_rivals() -> None:
    found = profile(message=texts(), team=turns("a", "b"), priority=turns("low", "high", "mid"))
    assert (found.output.column, found.rivals) == ("team", ("priority",))
    assert profile(english=texts(), german=texts()).rivals == ("english",)
    assert not profile(output="priority", message=texts(), team=turns("a", "b"), priority=turns("low", "high")).rivals


def test_the_output_that_the_user_names_is_taken() -> None:
    found = profile(output="channel", message=texts(), team=turns("a", "b"), channel=turns("chat", "mail", "app"))
    assert (found.output.column, found.output.why) == ("channel", "as you said")
    assert found.labels == ("app", "chat", "mail")
    assert names(found, Role.SLICE) == ["team"]


def test_ids_dates_addresses_and_whatever_gives_the_answer_away_do_not_go_in() -> None:
    found = profile(
        Unnamed__0=range(ROWS),
        ticket_id=[f"T{_RNG.random()}" for _ in range(ROWS)],
        reference=[f"LH-{64000 + number}" for number in range(ROWS)],
        created_at=texts(),
        day=[f"2024-03-{number % 28 + 1:02d}" for number in range(ROWS)],
        page=[f"https://example.org/{number}" for number in range(ROWS)],
        split=turns("train", "test"),
        country=["de"] * ROWS,
        empty=[""] * ROWS,
        question=texts(),
        rationale=texts(),
        predicted_label=turns("yes", "no"),
        number=["1", "2"] * 30,
        label=["yes", "no"] * 30,
    )
    assert found.inputs == ("question",)
    assert found.output.column == "label"
    assert not names(found, Role.SLICE)
    why = {place.column: place.why for place in found.placed(Role.IGNORED)}
    assert len(why) == 12
    assert why["Unnamed 0"] == why["ticket_id"] == why["reference"] == "identifies the row"
    assert why["created_at"] == why["day"] == "dates or times"
    assert why["page"] == "addresses"
    assert "split" in why["split"]
    assert (why["country"], why["empty"]) == ("de in every row", "empty")
    assert why["rationale"] == why["predicted_label"] == "would give the answer away"
    assert why["number"] == "says the same as 'label'"


def test_an_input_by_name_goes_in_however_few_values_it_has() -> None:
    found = profile(message=texts(), field=turns("date", "amount"), value=texts(2), language=turns("en", "de"))
    assert found.inputs == ("message", "field")
    assert names(found, Role.SLICE) == ["language"]


def test_a_reply_goes_in_where_it_is_judged_and_stays_out_where_it_is_another_answer() -> None:
    judged = profile(prompt=texts(), response=texts(20), rating=turns(1, 2, 3, 4, 5))
    assert judged.inputs == ("prompt", "response")
    routed = profile(message=texts(), team=turns("a", "b"), response=texts(20))
    assert routed.inputs == ("message",)
    assert names(routed, Role.IGNORED) == ["response"]


def test_short_values_that_are_neither_text_nor_groups_are_left_out_unless_there_is_nothing_else() -> None:
    cities = [f"City{number % 30}" for number in range(ROWS)]
    beside_text = profile(message=texts(), city=cities, team=turns("a", "b"))
    assert names(beside_text, Role.IGNORED) == ["city"]
    record = profile(
        id=range(ROWS), age=turns(*range(20, 50)), city=cities, job=turns("x", "y"), churn=turns("yes", "no")
    )
    assert record.inputs == ("age", "city", "job")
    assert not names(record, Role.SLICE)


def test_the_questions_of_a_survey_are_no_telling_names() -> None:
    found = profile(
        None,
        **{
            "Why did you give us this score?": texts(),
            "What are you working on?": texts(),
            "Would you come again to our store?": turns("yes", "no"),
        },
    )
    assert found.inputs == ("Why did you give us this score?", "What are you working on?")
    assert found.output.column == "Would you come again to our store?"


def test_there_are_few_slices_and_those_named_like_groups_come_first() -> None:
    many: dict[str, Values] = {f"q{number}": turns("x", "y") for number in range(8)}
    found = profile(None, text=texts(), **many, language=turns("en", "de"), label=turns("a", "b"))
    assert names(found, Role.SLICE) == ["q0", "q1", "q2", "q3", "q4", "language"]
    assert len(names(found, Role.SLICE)) == MOST_SLICES


METRICS: dict[str, tuple[Values, AnswerKind, str]] = {
    "balanced labels": (turns("yes", "no"), AnswerKind.LABELS, "accuracy"),
    "ten to one": (["a"] * 50 + ["b"] * 5 + ["c"] * 5, AnswerKind.LABELS, "accuracy"),
    "more than ten to one": (["a"] * 55 + ["b"] * 5, AnswerKind.LABELS, "macro_f1"),
    "ratings": (turns(1, 2, 3, 4, 5), AnswerKind.LABELS, "accuracy"),
    "amounts": ([f"${number * 7}.50" for number in range(ROWS)], AnswerKind.NUMBERS, "numeric"),
    "large numbers": ([f"{number},000" for number in range(ROWS)], AnswerKind.NUMBERS, "numeric"),
    "years": (turns(1990, 2000, 2010), AnswerKind.NUMBERS, "numeric"),
    "numbers but for one": ([*range(100, 159), "unknown"], AnswerKind.SHORT, "exact_match"),
    "a number in words": ([f"Room {number}" for number in range(ROWS)], AnswerKind.SHORT, "exact_match"),
    "versions": ([f"1.{number}.2" for number in range(ROWS)], AnswerKind.SHORT, "exact_match"),
    "names": ([f"Ann {number}" for number in range(ROWS)], AnswerKind.SHORT, "exact_match"),
    "long texts": (texts(30), AnswerKind.LONG, "rouge_l"),
    "long texts in another script": ([f"Привет, как дела, что нового сегодня у вас? {n}" for n in range(ROWS)],
                                     AnswerKind.LONG, "chrf"),
    "long texts without spaces": (["日本語の文章は単語の間に空白を入れずに書きます" + "。" * n for n in range(ROWS)],
                                  AnswerKind.LONG, "chrf"),
    "objects": ([json.dumps({"due": number, "to": "b"}) for number in range(ROWS)], AnswerKind.JSON, "json_match"),
    "lists": ([json.dumps([number]) for number in range(ROWS)], AnswerKind.JSON, "json_match"),
    "brackets": ([f"[see {number}]" for number in range(ROWS)], AnswerKind.SHORT, "exact_match"),
    "mostly single answers": ([*(f"a{number}" for number in range(20)), *["b", "c"] * 20], AnswerKind.SHORT,
                              "exact_match"),
}  # fmt: skip


@pytest.mark.parametrize(("answers", "kind", "metric"), METRICS.values(), ids=METRICS.keys())
def test_the_metric_suits_the_answers(answers: Values, kind: AnswerKind, metric: str) -> None:
    found = profile(text=texts(), answer=answers)
    assert (found.answers.kind, found.answers.metric) == (kind, metric)
    assert metric in BUILT_IN
    assert bool(found.labels) == (kind is AnswerKind.LABELS)


def test_objects_with_the_same_keys_are_scored_by_field() -> None:
    same = [json.dumps({"due": number, "to": "b"}) for number in range(ROWS)]
    assert profile(text=texts(), answer=same).answers.options == {"fields": ("due", "to")}
    other = [json.dumps({f"k{number}": 1, "to": "b"}) for number in range(ROWS)]
    assert profile(text=texts(), answer=other).answers.options == {}
    dotted = [json.dumps({"due.day": number, "to": "b"}) for number in range(ROWS)]
    assert profile(text=texts(), answer=dotted).answers.options == {}


def test_answers_that_almost_are_numbers_are_pointed_out() -> None:
    found = profile(text=texts(), answer=[*range(100, 158), "unknown", "n/a"])
    assert "2 of the 60 answers are no single number, such as unknown" in found.answers.metric_why


def test_what_only_the_user_can_know_is_hinted_at() -> None:
    numbered = profile(text=texts(), label=turns(0, 1, 2))
    assert any("say in the instruction what each of them stands for" in hint for hint in numbered.hints)
    headless = profile(my__card__has__not__arrived=texts(), lost__card=turns("lost card", "card arrival"))
    assert any("if the first line of the file does not name the columns" in hint for hint in headless.hints)
    assert not profile(text=texts(), spam=turns("spam", "ham")).hints


REFUSED: dict[str, tuple[dict[str, Values], str | None, str]] = {
    "a single column": ({"text": texts()}, None, "There is a single column, 'text'; a task needs"),
    "no column": ({}, None, "no columns"),
    "no answers": ({"text": texts(), "id": range(ROWS)}, None, "None of the columns looks like the expected answer"),
    "one answer": ({"text": texts(), "label": ["a"] * ROWS}, None, "'label' is always a"),
    "one answer, named": ({"text": texts(), "label": ["a"] * ROWS}, "label", "has only the answer a"),
    "nothing in it": ({"text": [""] * ROWS, "label": [""] * ROWS}, None, "None of the columns"),
    "an empty output": ({"text": texts(), "label": [""] * ROWS}, "label", "The column 'label' is empty"),
    "an unknown output": ({"text": texts(), "label": turns("a", "b")}, "lable", "Did you mean 'label'?"),
    "nothing to go in": ({"id": range(ROWS), "label": turns("a", "b")}, None, "no column is left that could go in"),
    "braces": ({"{text}": texts(), "label": turns("a", "b")}, None, "The column '{text}' should go in, but its name"),
    "white space": ({" text": texts(), "label": turns("a", "b")}, None, "Rename the column in the file"),
}


@pytest.mark.parametrize(("columns", "output", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_table_without_a_task_in_it_is_refused_with_the_remedy(
    columns: dict[str, Values], output: str | None, message: str
) -> None:
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)] or [{}]
    with pytest.raises(DataError, match=r".") as caught:
        profile_rows(rows_from_values(rows), output)
    assert message in str(caught.value)


CELLS = st.sampled_from(
    ["", " ", "a", "b", "yes", "12", "3.5", "2024-01-02", "{}", "[1]", "some words of text", "ü,\n"]
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["id", "text", "label", "x", "date", " y", "", "{z}"]), CELLS), min_size=1
    ),
    st.none() | st.sampled_from(["label", "x", "id"]),
)
def test_any_table_has_one_output_and_an_input_or_is_refused(rows: list[dict[str, str]], output: str | None) -> None:
    try:
        found = profile_rows(rows_from_values(rows), output)
    except DataError:
        return
    assert {place.column for place in found.places} == {name for row in rows for name in row}
    assert len(found.placed(Role.OUTPUT)) == 1
    assert found.inputs
    assert output in (None, found.output.column)
    answers = {row.get(found.output.column, "") for row in rows}
    assert set(found.labels) <= answers
    assert all(place.why for place in found.places)


@pytest.mark.parametrize(
    ("name", "inputs", "output", "slices", "metric"),
    [
        ("support", ("message",), "team", ["channel", "language"], "accuracy"),
        ("extraction", ("message", "field"), "value", ["language"], "exact_match"),
        ("summaries", ("conversation",), "summary", ["language"], "rouge_l"),
    ],
)
def test_the_bundled_sets_are_understood(
    name: str, inputs: tuple[str, ...], output: str, slices: list[str], metric: str
) -> None:
    found = profile_rows(read_rows(BUNDLED / name / "validation.jsonl"))
    assert (found.inputs, found.output.column) == (inputs, output)
    assert (names(found, Role.SLICE), found.answers.metric) == (slices, metric)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "inputs", "output", "kind"),
    [
        ("banking77/test.jsonl", ("text",), "label", AnswerKind.LABELS),
        ("gsm8k/test.jsonl", ("question",), "answer", AnswerKind.NUMBERS),
        ("bbh/object_counting.jsonl", ("input",), "target", AnswerKind.NUMBERS),
        ("bbh/date_understanding.jsonl", ("input",), "target", AnswerKind.LABELS),
        ("bbh/word_sorting.jsonl", ("input",), "target", AnswerKind.LONG),
    ],
)
def test_real_labelled_data_is_understood(path: str, inputs: tuple[str, ...], output: str, kind: AnswerKind) -> None:
    if not data_folder().is_dir():
        pytest.skip(f"there is no labelled data at {data_folder()}")
    found = profile_rows(read_rows(data_folder() / path))
    assert (found.inputs, found.output.column, found.answers.kind) == (inputs, output, kind)
    assert not found.rivals
