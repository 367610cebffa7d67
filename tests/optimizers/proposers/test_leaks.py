from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from optimizers.proposers.leaks import Leaks

SECRET = "The parcel with the blue ribbon never arrived"


def example(text: str, answer: str = "late", origin: str = "") -> Example:
    return Example(id=f"{text}/{answer}", inputs={"text": text}, answer=answer, slices={}, origin=origin)


def leaks(hidden: str = SECRET, known: str = "Another row of the train split", written: str = "") -> Leaks:
    return Leaks([example(hidden)], [example(known)], [written])


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"Decide by examples such as “{SECRET}”, which is late.",
        SECRET.upper(),
        "the parcel\n  with the blue   ribbon\nnever arrived.",
        "Rule 1: The parcel, with the blue ribbon - never arrived! means late",
    ],
)
def test_a_row_is_found_however_it_is_copied(text: str) -> None:
    assert leaks().found_in(text)


@pytest.mark.parametrize("text", ["Decide what is late.", "A parcel with a blue ribbon never arrived", ""])
def test_other_texts_are_no_leak(text: str) -> None:
    assert not leaks().found_in(text)


def test_long_answers_are_rows_too_and_labels_are_not() -> None:
    hidden = [example("short", answer="A summary that nobody but the validation split knows"), example("x", "late")]
    found = Leaks(hidden, [], [])
    assert found.found_in("Write: a summary that nobody but the validation split knows.")
    assert not found.found_in("Answer late or on time.")


def test_short_rows_are_common_phrases() -> None:
    assert not Leaks([example("thank you")], [], []).found_in("Be polite, say thank you.")


def test_scripts_without_spaces_count_by_bytes() -> None:
    assert Leaks([example("我的包裹没有送到")], [], []).found_in("例如“我的包裹没有送到”")


def test_what_stands_in_train_or_in_the_users_own_words_is_no_secret() -> None:
    assert not leaks(known=SECRET).found_in(SECRET)
    assert not leaks(written=f"Sort messages like: {SECRET}.").found_in(SECRET)


texts = st.text(max_size=60)
words = st.text(st.characters(categories=["L", "N"]), min_size=4, max_size=8)
spaces = st.sampled_from([" ", "  ", "\n", ", ", " – ", "\u00a0"])


@given(row=st.lists(words, min_size=5, max_size=9), space=spaces, before=texts, after=texts)
def test_a_verbatim_row_is_found_wherever_it_stands(row: list[str], space: str, before: str, after: str) -> None:
    found = Leaks([example(" ".join(row))], [], [])
    assert found.found_in(f"{before} {space.join(row)} {after}")
