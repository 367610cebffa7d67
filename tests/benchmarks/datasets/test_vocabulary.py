"""Halves of one data set are alike, and different data sets are not: the bundled ones, at the threshold in use."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.reading import read_rows
from benchmarks.datasets.records import Example
from benchmarks.datasets.rows import rows_from_values
from benchmarks.datasets.vocabulary import ALIKE, Vocabulary, similarity, vocabulary_of
from tests.endpoints.shared import data_folder

DATA = Path(__file__).parents[3] / "benchmarks" / "data"
COLUMNS = {
    "support": (["message"], "team"),
    "extraction": (["message", "field"], "value"),
    "summaries": (["conversation"], "summary"),
}
SPLITS = ("train", "validation", "test")


def bundled(name: str) -> list[Example]:
    rows = [row for split in SPLITS for row in read_rows(DATA / name / f"{split}.jsonl")]
    return sorted(make_examples(rows, *COLUMNS[name], ["language"]), key=lambda example: example.id)


def halves(rows: list[Example]) -> tuple[Vocabulary, Vocabulary]:
    return vocabulary_of(rows[::2]), vocabulary_of(rows[1::2])


@pytest.mark.parametrize(("name", "measured"), [("support", 0.97), ("extraction", 0.96), ("summaries", 0.91)])
def test_halves_of_the_bundled_data_are_alike(name: str, measured: float) -> None:
    found = similarity(*halves(bundled(name)), same_answers=name == "support")
    assert found == pytest.approx(measured, abs=0.02)
    assert found > ALIKE


@pytest.mark.parametrize(("one", "other"), list(combinations(COLUMNS, 2)))
def test_different_bundled_data_are_not(one: str, other: str) -> None:
    """Although all three are of one shop, in the same two languages."""
    assert similarity(vocabulary_of(bundled(one)), vocabulary_of(bundled(other)), same_answers=True) < ALIKE


def test_the_language_makes_a_difference() -> None:
    rows = bundled("support")
    english, german = ([row for row in rows if row.slices["language"] == language] for language in ("en", "de"))
    assert similarity(*halves(english), same_answers=True) > ALIKE
    assert similarity(vocabulary_of(english), vocabulary_of(german), same_answers=True) < 0.5


def test_equal_inputs_with_answers_of_another_kind_are_not_alike() -> None:
    rows = bundled("summaries")
    asked = [
        {"conversation": row.inputs["conversation"], "answer": answer}
        for row in rows
        for answer in [str(len(row.inputs["conversation"].split()))]
    ]
    lengths = vocabulary_of(make_examples(rows_from_values(asked), ["conversation"], "answer", []))
    summaries = vocabulary_of(rows)
    assert similarity(summaries, lengths, same_answers=True) == pytest.approx(1.0, abs=0.02)
    assert similarity(summaries, lengths, same_answers=False) < 0.5


def test_one_number_is_like_another() -> None:
    def counted(first: int) -> Vocabulary:
        rows = [{"text": f"order {first + n}", "label": "a"} for n in range(100, 110)]
        return vocabulary_of(make_examples(rows_from_values(rows), ["text"], "label", []))

    assert similarity(counted(0), counted(500), same_answers=False) == pytest.approx(1.0)


texts = st.lists(st.text("abc .\nÄß0", max_size=12), min_size=1, max_size=8)


@settings(deadline=None, max_examples=50)
@given(texts, texts, st.randoms(use_true_random=False))
def test_it_is_symmetric_within_0_and_1_and_knows_no_order(one: list[str], other: list[str], rng: object) -> None:
    def rows(values: list[str]) -> list[Example]:
        table = [{"text": text, "answer": text[:1]} for text in values]
        return make_examples(rows_from_values(table), ["text"], "answer", [])

    first, second = rows(one), rows(other)
    found = similarity(vocabulary_of(first), vocabulary_of(second), same_answers=False)
    assert 0.0 <= found <= 1.0
    assert found == similarity(vocabulary_of(second), vocabulary_of(first), same_answers=False)
    assert vocabulary_of(first[::-1]) == vocabulary_of(first)


def test_of_many_rows_a_sample_counts() -> None:
    rows = make_examples(
        rows_from_values([{"text": f"same word {'x' * n}", "label": "a"} for n in range(1000)]), ["text"], "label", []
    )
    assert max(vocabulary_of(rows).inputs) == 200


SHARED = {
    "banking77/train": ("text", "label"),
    "clinc150/train": ("text", "label"),
    "agnews/train": ("text", "label"),
    "sst-5/train": ("text", "label"),
    "gsm8k/train": ("question", "answer"),
    "bbh/date_understanding": ("input", "target"),
    "bbh/salient_translation_error_detection": ("input", "target"),
    "bbh/navigate": ("input", "target"),
}


@pytest.mark.shared
@pytest.mark.skipif(not data_folder().is_dir(), reason="the folder of labelled data is missing")
def test_the_threshold_tells_real_data_apart() -> None:
    vocabularies = {}
    for name, (inputs, output) in SHARED.items():
        rows = make_examples(read_rows(data_folder() / f"{name}.jsonl")[:3000], [inputs], output, [])
        rows.sort(key=lambda row: row.id)
        vocabularies[name] = halves(rows)
    for name, (one, other) in vocabularies.items():
        assert similarity(one, other, same_answers=True) > 0.93, name
    for one_name, other_name in combinations(SHARED, 2):
        found = similarity(vocabularies[one_name][0], vocabularies[other_name][0], same_answers=True)
        assert found < ALIKE, (one_name, other_name)
