"""What is wrong with the rows is said with file and line before anything is called or written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.endpoints.local import LocalEndpoint

HEADER = "message,team\n"
GOOD = "".join(f"message {number} about {word},{word}\n" for number in range(20) for word in ("billing", "orders"))

FILES: dict[str, tuple[str, bytes | None, list[str]]] = {
    "missing": ("ticket.csv", None, ["There is no file ticket.csv. Did you mean 'tickets.csv'?"]),
    "missing folder": ("data/tickets.csv", None, ["There is no file data/tickets.csv: the folder data does not exist"]),
    "empty": ("rows.csv", b"", ["rows.csv is empty; it must hold labelled rows."]),
    "only a header": ("rows.csv", HEADER.encode(), ["rows.csv holds no rows"]),
    "of no known kind": ("rows.xlsx", b"PK", ["rows.xlsx is none of the kinds whet reads: .csv, "]),
    "CSV with a long row": ("rows.csv", (HEADER + "a,b,c\n").encode(), ["rows.csv, line 2", "3 values", "2 columns"]),
    "CSV with an open quote": ("rows.csv", (HEADER + 'a,b\n"c,d\n').encode(), ["rows.csv, line 3", "never closes"]),
    "CSV in another encoding": ("rows.csv", "message,team\ncafé,a\n".encode("latin-1"), ["line 2: byte 0xe9", "UTF-8"]),
    "CSV by semicolons": ("rows.csv", b"message;team\na;b\n", ["a single column", "separated by a semicolon"]),
    "JSON lines that break off": (
        "rows.jsonl",
        b'{"message": "a", "team": "b"}\n{"message":\n',
        ["rows.jsonl, line 2 is not JSON"],
    ),
    "Parquet that is none": ("rows.parquet", b"PAR1", ["rows.parquet cannot be read as Parquet"]),
    "one class": (
        "rows.csv",
        (HEADER + "".join(f"message {number},orders\n" for number in range(40))).encode(),
        ["All 40 rows have the answer 'orders': there is nothing to tell apart. Add rows with other answers."],
    ),
    "an answer missing": (
        "rows.csv",
        (HEADER + GOOD + "hello there,\n").encode(),
        ["rows.csv, line 42", "no expected"],
    ),
    "a message missing": ("rows.csv", (HEADER + GOOD + ",orders\n").encode(), ["rows.csv, line 42", "no text in any"]),
    "a single row": ("rows.csv", (HEADER + "a,b\n").encode(), ["too few to split", "Add labelled rows."]),
}


@pytest.mark.parametrize(("name", "content", "messages"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_used_is_explained_and_costs_nothing(
    workplace: Workplace, endpoint: LocalEndpoint, name: str, content: bytes | None, messages: list[str]
) -> None:
    if content is not None:
        (workplace.folder / name).write_bytes(content)
    refused(workplace, endpoint, messages, data={"path": name})


FIELDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "input column": (
        {"inputs": ["mesage"]},
        ["No row has a column 'mesage'", "the columns are 'message', 'team', 'channel'. Did you mean 'message'?"],
    ),
    "output column": ({"output": "label"}, ["No row has a column 'label'", "'message', 'team', 'channel'"]),
    "slice column": ({"slices": ["chanel"]}, ["No row has a column 'chanel'", "Did you mean 'channel'?"]),
    "split with more rows than there are": (
        {"split": {"train": 20, "validation": 40, "test": 40}},
        ["asks for 100 rows of 90", "Lower a share."],
    ),
    "split of more than all": ({"split": {"train": 0.5, "validation": 0.5, "test": 0.5}}, ["asks for 135 rows of 90"]),
    "split without test rows": ({"split": {"test": 0}}, ["split.test is 0", "at least one row each"]),
}


@pytest.mark.parametrize(("fields", "messages"), FIELDS.values(), ids=FIELDS.keys())
def test_a_field_that_does_not_fit_the_rows_is_explained_and_costs_nothing(
    workplace: Workplace, endpoint: LocalEndpoint, fields: dict[str, Any], messages: list[str]
) -> None:
    refused(workplace, endpoint, messages, **fields)


def test_rows_in_two_given_splits_are_refused_by_line(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    rows = tickets.rows(80)
    tickets.write_csv(workplace.folder / "validation.csv", rows[:41])
    tickets.write_csv(workplace.folder / "test.csv", rows[40:])
    messages = ["1 row repeats", "validation.csv, line 42 (validation) and test.csv, line 2 (test)", "Remove them"]
    refused(workplace, endpoint, messages, data={"validation": "validation.csv", "test": "test.csv"})


def test_doubtful_rows_are_warned_about_and_used(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    rows = tickets.rows(50)
    rows += [rows[0], {**rows[1], "team": "billing"}]
    tickets.write_csv(workplace.folder / "tickets.csv", rows)
    workplace.write_task(tickets.task(endpoint.url))
    warned = workplace.run("optimize", "task.yaml", "--dry-run").err
    for message in (
        "warning: 2 rows (tickets.csv, line",
        "warning: 1 input has different answers in different rows, so no prompt can get all of them right: ",
        "warning: With 52 rows in all, fewer than 60, a promotion is unlikely",
    ):
        assert message in warned


def refused(workplace: Workplace, endpoint: LocalEndpoint, messages: list[str], **fields: Any) -> None:
    workplace.write_task(tickets.task(endpoint.url, **fields))
    finished = workplace.run("optimize", "task.yaml", code=2)
    for message in messages:
        assert message in finished.err
    assert finished.err.startswith("whet: ")
    assert finished.out == ""
    assert endpoint.requests == 0
    assert not workplace.home.exists()
