"""Datasets as a home keeps them, in a database of either kind."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.datasets.ingest import Ingested, ingest
from benchmarks.datasets.records import Split
from benchmarks.datasets.splitting import SplitPlan
from benchmarks.datasets.uploads import inline
from service.datasets import ROWS_PER_CHUNK, Datasets, UnknownDataset
from service.home import Home
from tests.benchmarks.datasets.files import TICKETS

MANY = 2 * ROWS_PER_CHUNK + 7


def rows(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"message": f"message {number} «é»\x00\n", "team": ("billing", "orders")[number % 2], **fields}
        for number in range(count)
    ]


def ingested(found: list[dict[str, Any]], name: str = "tickets", seed: int = 0) -> Ingested:
    return ingest(name, inline(found), inputs=["message"], output="team", split=SplitPlan(seed=seed))


def test_what_is_found_is_what_was_added(home: Home) -> None:
    datasets, found = Datasets(home), ingested(rows(MANY))
    stored, new = datasets.add(found, "ana")
    assert new
    assert (stored.digest, stored.created_by, stored.columns) == (found.version.digest, "ana", ["message", "team"])
    again = datasets.find("tickets")
    assert again.digest == found.version.digest
    assert [row.values for row in again.rows] == [row.values for row in found.version.rows]
    assert again.rows[-1].origin == f"tickets, row {MANY}"
    read = found.version.dataset(["message"], "team", [])
    assert again.dataset(["message"], "team", []).digest == read.digest


def test_the_same_again_is_what_there_is_and_other_rows_are_the_latest(home: Home) -> None:
    datasets = Datasets(home)
    first, _ = datasets.add(ingested(rows(60)), "ana")
    second, new = datasets.add(ingested(rows(61)), "ben")
    assert new
    assert datasets.describe("tickets") == second
    assert datasets.add(ingested(rows(60)), "ben") == (first, False)
    assert datasets.describe("tickets") == second
    assert datasets.describe(f"tickets@{first.digest}") == first
    assert datasets.describe(f"tickets@{first.digest[:8]}") == first
    assert datasets.listed(9) == [second, first]
    assert datasets.listed(1, before=second.number) == [first]


def test_two_names_may_hold_the_same_rows(home: Home) -> None:
    datasets = Datasets(home)
    one, _ = datasets.add(ingested(rows(60)), "ana")
    other, new = datasets.add(ingested(rows(60), name="others"), "ana")
    assert new
    assert one.digest == other.digest
    assert datasets.find("others").rows[0].origin == "others, row 1"
    assert datasets.listed(9, name="others") == [other]


def test_rows_come_in_pages_that_leave_none_out(home: Home) -> None:
    datasets, found = Datasets(home), ingested(rows(MANY))
    datasets.add(found, "ana")
    for split in Split:
        pages, after = [], 0
        while page := datasets.rows("tickets", split, 100, after=after):
            assert len(page) <= 100
            pages += [values for _, values in page]
            after = page[-1][0]
        sides = zip(found.version.rows, found.version.splits, strict=True)
        assert pages == [row.values for row, side in sides if side is split]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("ticket", "There is no dataset 'ticket'. There are: tickets. Did you mean 'tickets'"),
        ("tickets@00000000", "has not exactly one version '00000000'"),
        ("tickets@%%%%%%%%", "has not exactly one version"),
        ("tickets@________", "has not exactly one version"),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(home: Home, reference: str, said: str) -> None:
    datasets = Datasets(home)
    datasets.add(ingested(TICKETS), "ana")
    with pytest.raises(UnknownDataset) as unknown:
        datasets.find(reference)
    assert said in str(unknown.value)


def test_fewer_than_eight_digits_name_no_version(home: Home) -> None:
    datasets = Datasets(home)
    stored, _ = datasets.add(ingested(TICKETS), "ana")
    with pytest.raises(UnknownDataset, match="first 8 digits or more"):
        datasets.describe(f"tickets@{stored.digest[:7]}")
