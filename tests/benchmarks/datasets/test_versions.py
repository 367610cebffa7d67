"""Versions of datasets: the split is drawn once, and a task reads them as it reads the rows themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.ingest import Ingested, ingest
from benchmarks.datasets.records import Split
from benchmarks.datasets.splitting import SplitPlan
from benchmarks.datasets.uploads import inline
from benchmarks.datasets.versions import DatasetVersion
from benchmarks.errors import DataError
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from tests.benchmarks.datasets.files import TICKETS, Rows

TASK: dict[str, Any] = {"name": "triage", "inputs": ["message"], "output": "team", "metric": "accuracy"}
PLAN = SplitPlan()


def ingested(rows: Rows = TICKETS, split: SplitPlan | str = PLAN, **roles: Any) -> Ingested:
    roles = {"inputs": ["message"], "output": "team", **roles}
    return ingest("tickets", inline([dict(row) for row in rows]), split=split, **roles)


def version(rows: Rows = TICKETS, split: SplitPlan | str = PLAN, **roles: Any) -> DatasetVersion:
    return ingested(rows, split, **roles).version


def task(data: Any, found: DatasetVersion | None = None, **fields: Any) -> Task:
    def find(reference: str) -> DatasetVersion:
        assert reference == "tickets"
        assert found is not None
        return found

    return load_task(parse_task({**TASK, "data": data, **fields}), Path(), allow_code=False, datasets=find)


REPEATED = [*TICKETS, TICKETS[3], TICKETS[3], {**TICKETS[5], "channel": "phone"}]


@pytest.mark.parametrize("rows", [TICKETS, REPEATED, [*reversed(REPEATED)]])
@pytest.mark.parametrize(
    "split",
    [
        {},
        {"seed": 7},
        {"train": 0, "validation": 0.5, "test": 0.5},
        {"train": 4, "validation": 10, "test": 10},
        {"near_duplicates": "group"},
    ],
)
def test_a_dataset_is_what_the_same_rows_in_the_task_are(rows: Rows, split: dict[str, Any]) -> None:
    inside = task({"rows": [dict(row) for row in rows]}, split=split, slices=["channel"])
    named = task({"dataset": "tickets"}, version(rows, SplitPlan(**split)), slices=["channel"])
    assert named.dataset.digest == inside.dataset.digest
    assert [row.slices for row in named.dataset.test] == [row.slices for row in inside.dataset.test]
    assert named.stratify == inside.stratify


def test_the_task_names_the_version_that_it_found() -> None:
    found = version()
    assert task({"dataset": "tickets"}, found).spec.data.dataset == f"tickets@{found.digest}"


def test_given_splits_are_what_given_files_are(tmp_path: Path) -> None:
    words = ["train", "Validation", "TEST", "dev"]
    rows = [{**row, "part": words[number % 4]} for number, row in enumerate(TICKETS)]
    for split, names in {"train": ["train"], "validation": ["Validation", "dev"], "test": ["TEST"]}.items():
        lines = [f"{row['message']},{row['team']}\n" for row in rows if row["part"] in names]
        (tmp_path / f"{split}.csv").write_text("message,team\n" + "".join(lines))
    files = {split: str(tmp_path / f"{split}.csv") for split in ("train", "validation", "test")}
    found = version(rows, "part")
    assert found.columns == ("channel", "message", "team")
    assert task({"dataset": "tickets"}, found).dataset.digest == task(files).dataset.digest


def test_the_digest_covers_rows_columns_roles_and_split() -> None:
    plain = version().digest
    shuffled_columns = [dict(reversed(row.items())) for row in TICKETS]
    assert version(shuffled_columns).digest == plain
    others = [
        version(TICKETS[:-2]),
        version([{**row, "channel": "fax"} for row in TICKETS]),
        version([{**row, "note": ""} for row in TICKETS]),
        version([{**row, "note": "", "channel": ""} for row in TICKETS]),
        version([{"team": row["team"], "message": row["message"], "ch": row["channel"]} for row in TICKETS]),
        version([*reversed(TICKETS)]),
        version(TICKETS, SplitPlan(seed=1)),
        version(TICKETS, SplitPlan(train=0.4, validation=0.3, test=0.3)),
        version(TICKETS, inputs=["message", "channel"]),
    ]
    assert len({plain, *(other.digest for other in others)}) == 1 + len(others)


def test_a_column_that_some_rows_lack_is_empty_there() -> None:
    some = [{**row, "note": "x"} if number else dict(row) for number, row in enumerate(TICKETS)]
    all_of_them = [{**row, "note": "x" if number else None} for number, row in enumerate(TICKETS)]
    assert version(some).digest == version(all_of_them).digest


def test_rows_beyond_the_shares_are_not_kept() -> None:
    found = ingested(TICKETS, SplitPlan(train=2, validation=4, test=6))
    assert len(found.version.rows) == 12
    assert found.profile["left_out"] == 28


def test_other_columns_may_be_read_unless_that_would_leak() -> None:
    rows = [{**row, "number": str(number)} for number, row in enumerate(REPEATED)]
    found = version(rows, inputs=["message", "number"])
    assert task({"dataset": "tickets"}, version(), inputs=["message", "channel"]).dataset.test
    with pytest.raises(DataError, match=r"repeats? the inputs of a row in another split: tickets"):
        task({"dataset": "tickets"}, _renamed(found))
    with pytest.raises(DataError, match="No row has a column 'colour'"):
        task({"dataset": "tickets"}, version(), inputs=["colour"])


def _renamed(found: DatasetVersion) -> DatasetVersion:
    """As it comes back from where it is kept."""
    from dataclasses import replace

    rows = tuple(replace(row, origin=f"tickets, row {number}") for number, row in enumerate(found.rows, start=1))
    return replace(found, rows=rows)


def test_columns_that_are_not_named_are_guessed_as_for_a_task_file() -> None:
    found = version(inputs=None, output=None)
    assert (found.inputs, found.output) == (("message",), "team")
    assert version(inputs=None).digest == found.digest


def test_the_profile_counts_what_a_check_finds() -> None:
    rows: list[dict[str, object]] = [
        *TICKETS,
        TICKETS[0],
        {**TICKETS[1], "team": "sales"},
        {"message": "This very sentence is all but twice in here, word for word, said Ana", "team": "sales"},
        {"message": "This very sentence is all but twice in here, word for word, said Ann", "team": "sales"},
    ]
    found = ingested(rows, SplitPlan(seed=3))
    profile = found.profile
    assert profile["rows"] == 44
    assert sum(profile["splits"].values()) == 44
    assert profile["labels"] == {"billing": 20, "delivery": 21, "sales": 3}
    assert (profile["exact_duplicates"], profile["conflicts"]) == (2, 1)
    assert profile["near_duplicates"] >= profile["leaks"] >= 0
    assert profile["near_duplicates"] >= 1
    assert profile["lengths"]["inputs"]["longest"] == 68
    assert profile["answers"] == "labels"
    assert {column["name"]: column["role"] for column in profile["columns"]} == {
        "channel": "other", "message": "input", "team": "output",
    }  # fmt: skip
    assert {"exact_duplicates", "conflicting_answers", "few_rows"} <= {finding.code for finding in found.findings}
    assert 0 < profile["smallest_detectable_difference"] <= 1


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        (TICKETS, {"inputs": ["mesage"]}, "Did you mean 'message'"),
        (TICKETS, {"output": "tam"}, "Did you mean 'team'"),
        (TICKETS, {"inputs": ["team"]}, "both input and output"),
        (
            [{**row, "team": "one", "channel": "app"} for row in TICKETS],
            {"output": None},
            "Name the one that is as output",
        ),
        ([*TICKETS, {"message": "a", "team": ""}], {}, "no expected answer"),
        ([*TICKETS, {"message": " ", "team": "billing"}], {}, "no text in any input column"),
        (TICKETS[:1], {}, "too few to split"),
        (TICKETS, {"split": SplitPlan(train=0.9, validation=0.9, test=0.9)}, "asks for"),
        (TICKETS, {"split": "part"}, "No row has a column 'part'"),
        (
            [{**row, "part": "tset"} for row in TICKETS],
            {"split": "part"},
            "'tset' in the column 'part' names no split; .*",
        ),
        ([{**row, "part": "test"} for row in TICKETS], {"split": "part"}, "The validation split has no rows"),
    ],
)
def test_what_would_stop_every_task_is_refused(rows: Rows, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        ingested(rows, **settings)


def test_no_value_keeps_the_guess_busy() -> None:
    # Every pattern that reads values must take time linear in their length: this would take minutes.
    odd = [{**row, "channel": f"{number}@b{'.' * 90_000} x"} for number, row in enumerate(TICKETS)]
    assert version(odd, inputs=None).output == "team"


def test_splits_are_stratified_by_labels() -> None:
    found = version(TICKETS, SplitPlan(train=0, validation=0.5, test=0.5))
    dataset = found.dataset(["message"], "team", [])
    for split in (Split.VALIDATION, Split.TEST):
        assert sorted(row.answer for row in dataset.split(split)) == ["billing"] * 10 + ["delivery"] * 10
