"""A row is known again whatever was done to its columns, its case and its white space; another row is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.records import Example
from benchmarks.datasets.row_keys import pack, row_key, unpack
from benchmarks.datasets.rows import rows_from_values


def row(answer: str = "a", **inputs: str) -> Example:
    return make_examples(rows_from_values([{**inputs, "label": answer}]), list(inputs), "label", [])[0]


KNOWN = row(text="My parcel never came.")


@pytest.mark.parametrize(
    "same",
    [
        row(message="My parcel never came."),
        row(text="My parcel never came.", channel="mail"),
        row(text="  my PARCEL\nnever   came. "),
        row(answer="b", text="My parcel never came."),
    ],
)
def test_it_is_known_again(same: Example) -> None:
    assert row_key(same) == row_key(KNOWN)


@pytest.mark.parametrize(
    "other", [row(text="My parcel came."), row(text="My parcel never came. Never!", channel="My parcel never came.")]
)
def test_another_is_not(other: Example) -> None:
    assert row_key(other) != row_key(KNOWN)


@given(st.lists(st.text("abc", min_size=1, max_size=3), max_size=20))
def test_what_was_packed_is_unpacked(texts: list[str]) -> None:
    rows = [row(text=text) for text in texts]
    assert unpack(pack(rows)) == {row_key(one) for one in rows}
    assert len(pack(rows)) == 8 * len(set(texts))
