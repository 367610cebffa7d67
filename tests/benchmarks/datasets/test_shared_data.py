"""Real labelled data is read, split and checked without a crash, in time, and as its authors describe it."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from rapidfuzz.distance import Indel

from benchmarks.datasets.checking import Report, check, labels_of
from benchmarks.datasets.duplicates import SIMILARITY, near_pairs
from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.reading import read_rows
from benchmarks.datasets.records import Example, Split
from benchmarks.datasets.splitting import SplitPlan, given_splits, split_examples
from benchmarks.errors import DataError

pytestmark = pytest.mark.shared


@pytest.fixture
def data() -> Path:
    folder = Path(os.environ.get("WHET_SHARED_DATA", Path(__file__).parents[3].parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"there is no labelled data at {folder}")
    return folder


def examples_of(path: Path, inputs: str = "text", output: str = "label") -> list[Example]:
    return make_examples(read_rows(path), [inputs], output, [])


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def test_banking77_is_divided_by_intent_and_checked_in_time(data: Path) -> None:
    dataset = split_examples(examples_of(data / "banking77" / "train.jsonl"), SplitPlan(), stratify=True)
    assert [len(dataset.split(split)) for split in Split] == [2001, 4001, 4001]
    assert len(labels_of(dataset)) == 77
    in_test = Counter(example.answer for example in dataset.test)
    in_all = in_test + Counter(example.answer for example in (*dataset.train, *dataset.validation))
    assert all(abs(in_test[label] - 0.4 * count) <= 2 for label, count in in_all.items())
    started = time.process_time()
    report = check(dataset, None, classification=True)
    assert time.process_time() - started < 2
    assert codes(report) == {"near_duplicates"}
    report.raise_errors()


def test_grouping_near_duplicates_leaves_no_leak_to_warn_about(data: Path) -> None:
    examples = examples_of(data / "clinc150" / "validation.jsonl")
    warned, grouped = (
        split_examples(examples, SplitPlan(near_duplicates=choice), stratify=True) for choice in ("warn", "group")
    )
    assert "near_duplicates" in codes(check(warned, None, classification=True))
    assert "near_duplicates" not in codes(check(grouped, None, classification=True))


def test_sorted_neighbourhoods_find_nearly_all_near_duplicates(data: Path) -> None:
    texts = [row.values["text"] for row in read_rows(data / "banking77" / "train.jsonl")[:1500]]
    pairs = [
        (i, j)
        for i, one in enumerate(texts)
        for j in range(i + 1, len(texts))
        if Indel.normalized_similarity(one.casefold(), texts[j].casefold(), score_cutoff=SIMILARITY)
    ]
    found = near_pairs([{"text": text} for text in texts])
    assert sum(pair in found for pair in pairs) >= 0.95 * len(pairs)
    assert len(pairs) > 20


def test_rows_that_clinc150_has_in_two_splits_are_named(data: Path) -> None:
    parts = [examples_of(data / "clinc150" / f"{split}.jsonl") for split in Split]
    with pytest.raises(DataError, match=r"^5 rows repeat the inputs of a row in another split: train"):
        given_splits(*parts)


def test_big_bench_hard_is_usable(data: Path) -> None:
    for path in sorted((data / "bbh").glob("*.jsonl"))[::3]:
        examples = examples_of(path, "input", "target")
        dataset = split_examples(examples, SplitPlan(), stratify=True)
        assert sum(len(dataset.split(split)) for split in Split) == len(examples)
        check(dataset, None, classification=False).raise_errors()


def test_digits_stay_labels_in_agnews(data: Path) -> None:
    dataset = split_examples(examples_of(data / "agnews" / "train.jsonl"), SplitPlan(), stratify=True)
    assert labels_of(dataset) == ("0", "1", "2", "3")
    assert check(dataset, ["0", "1", "2", "3"], classification=True).findings == ()


def test_nested_emails_of_facility_support_are_read_as_json_text(data: Path) -> None:
    rows = read_rows(data / "facility-support" / "dataset.json")
    assert len(rows) == 200
    assert rows[0].values["fields"].startswith('{"input":"Subject: ')
    assert rows[0].origin == "dataset.json, row 1"
