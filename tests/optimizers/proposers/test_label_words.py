from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from optimizers.proposers.label_words import characteristic_words

rows = st.lists(st.tuples(st.text(max_size=40), st.sampled_from("abc")), max_size=20)


def examples(rows: list[tuple[str, str]]) -> list[Example]:
    return [
        Example(id=f"{n}", inputs={"text": text}, answer=answer, slices={}, origin="")
        for n, (text, answer) in enumerate(rows)
    ]


TRAIN = examples(
    [
        ("The card was stolen", "theft"),
        ("A stolen card and a stolen bag", "theft"),
        ("stolen once", "theft"),
        ("The card is late", "delivery"),
        ("The parcel is late", "delivery"),
    ]
)


def test_the_most_telling_words_come_first() -> None:
    words = characteristic_words(TRAIN, ["theft", "delivery"])
    assert words["theft"][0] == "stolen"
    assert words["delivery"][0] == "late"


def test_words_of_a_single_row_or_of_all_labels_tell_nothing() -> None:
    words = characteristic_words(TRAIN, ["theft", "delivery"])
    assert {"bag", "once", "parcel"}.isdisjoint(words["theft"] + words["delivery"])
    assert "the" not in words["theft"]


def test_a_label_without_rows_has_no_words() -> None:
    assert characteristic_words(TRAIN, ["theft", "fraud"])["fraud"] == []


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 4))
def test_every_label_gets_at_most_so_many_words_of_its_own_rows(rows: list[tuple[str, str]], count: int) -> None:
    train = examples(rows)
    found = characteristic_words(train, ["a", "b", "c", "unseen"], count)
    assert list(found) == ["a", "b", "c", "unseen"]
    for label, words in found.items():
        assert len(words) <= count
        text = " ".join(e.inputs["text"].lower() for e in train if e.answer == label)
        assert all(word in text for word in words)


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert characteristic_words(TRAIN, ["theft", "delivery"]) == characteristic_words(
        TRAIN[::-1], ["theft", "delivery"]
    )
