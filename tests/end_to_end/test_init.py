"""`whet init`: from somebody's own rows to a task file that is valid, explained, and one command from a result."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.records import Split
from benchmarks.tasks.schema import parse_task, read_task_file
from benchmarks.tasks.task import Task, load_task
from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.endpoints.local import LocalEndpoint

NASTY = [
    "yes", "no", "1", "007", "2024-01-31", "null", "~", "on: off", "- x", "# y", 'the "x"', "a, b", "ü", "{{z}}",
]  # fmt: skip


def task_in(folder: Path, name: str = "task.yaml") -> Task:
    """The task file, loaded as every command loads it."""
    path = folder / name
    return load_task(parse_task(read_task_file(path)), path.parent, allow_code=True)


def write_rows(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def test_a_csv_of_three_columns_is_two_commands_from_a_result(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    init = workplace.run("init", "tickets.csv")
    assert "'message'" in init.out
    assert "Wrote task.yaml (train 18, validation 36, test 36 rows)" in init.out
    assert "whet optimize task.yaml --model hosted_vllm/" in init.out
    assert init.err == ""
    assert not workplace.home.exists()
    options = ("--model", "hosted_vllm/local", "--api-base", endpoint.url, "--budget-calls", "160")
    result = workplace.optimize(*options)
    assert result["task"] == "tickets"
    assert result["evidence"]["n"] == 36
    assert {part["column"] for part in result["evidence"]["slices"]} == {"channel"}
    assert result["decision"] in ("promote", "keep")
    instruction = "Given the message, choose the team.\nAnswer only with one of: billing, orders, refunds."
    assert result["baseline"]["factors"]["instruction"] == instruction


def test_with_a_model_the_second_command_needs_no_options(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    workplace.run("init", "tickets.csv", "--model", "hosted_vllm/local", "--api-base", endpoint.url, "--name", "triage")
    forecast = workplace.run("optimize", "task.yaml", "--dry-run").out
    proof = re.search(r"proof (\d+)", forecast)
    assert proof is not None
    assert f"The proof takes {proof[1]} of them" in (workplace.folder / "task.yaml").read_text()
    assert task_in(workplace.folder).name == "triage"
    assert endpoint.requests == 0


def test_the_file_is_what_its_comments_say(workplace: Workplace) -> None:
    workplace.run("init", "tickets.csv")
    task = task_in(workplace.folder)
    written = (workplace.folder / "task.yaml").read_text()
    for split in Split:
        assert f"# {split} {len(task.dataset.split(split))} rows: " in written
    assert task.spec.labels == list(task.labels) == ["billing", "orders", "refunds"]
    assert (task.spec.metric, task.spec.slices, task.spec.model) == ("accuracy", ["channel"], None)


def test_labels_and_names_that_yaml_would_misread_stay_what_they_are(workplace: Workplace) -> None:
    header = ["the text", "on: 1", "no"]
    rows = [[f"some message number {n}", NASTY[n % len(NASTY)], ["x", "y"][n // 20 % 2]] for n in range(150)]
    write_rows(workplace.folder / "yes #1: {x}.csv", header, rows)
    workplace.run("init", "yes #1: {x}.csv", "--output", "on: 1")
    task = task_in(workplace.folder)
    assert set(task.spec.labels or ()) == set(NASTY)
    assert (task.spec.inputs, task.spec.output) == (["the text"], "on: 1")
    assert task.name == "yes-1-x"
    assert all(f"- {label}" in task.baseline.render({"the text": "t"})[0].content for label in NASTY)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.tsv", "rows.csv.gz", "rows.parquet"])
def test_every_kind_of_file_that_optimize_reads_is_read(workplace: Workplace, name: str) -> None:
    import gzip

    import pandas as pd

    rows = tickets.rows(60)
    path = workplace.folder / name
    if name.endswith(".parquet"):
        pd.DataFrame(rows).to_parquet(path)
    elif name.endswith(".gz"):
        path.write_bytes(gzip.compress((workplace.folder / "tickets.csv").read_bytes()))
    elif name.endswith(".tsv"):
        path.write_text((workplace.folder / "tickets.csv").read_text().replace(",", "\t"))
    else:
        lines = [json.dumps(row) for row in rows]
        path.write_text("\n".join(lines) if name.endswith("l") else f"[{','.join(lines)}]")
    workplace.run("init", name)
    task = task_in(workplace.folder)
    assert (task.name, task.spec.inputs, task.spec.output) == ("rows", ["message"], "team")


def test_the_data_is_named_from_where_the_task_file_lies(workplace: Workplace) -> None:
    (workplace.folder / "tasks").mkdir()
    (workplace.folder / "data").mkdir()
    (workplace.folder / "tickets.csv").rename(workplace.folder / "data" / "tickets.csv")
    workplace.run("init", "data/tickets.csv", "-o", "tasks/triage.yml")
    task = task_in(workplace.folder, "tasks/triage.yml")
    assert task.spec.data.path == "../data/tickets.csv"


def test_the_output_may_be_named_and_a_near_miss_is_said(workplace: Workplace) -> None:
    rows = [[f"some message {n}", ["a", "b"][n % 2], ["low", "high", "mid"][n % 3]] for n in range(60)]
    write_rows(workplace.folder / "rows.csv", ["message", "team", "priority"], rows)
    guessed = workplace.run("init", "rows.csv").out
    assert "The answer might also be 'priority': if so, run this again with --output priority --force." in guessed
    workplace.run("init", "rows.csv", "--output", "priority", "--force")
    task = task_in(workplace.folder)
    assert (task.spec.output, task.spec.slices) == ("priority", ["team"])


def test_what_is_wrong_with_the_rows_is_said_at_once(workplace: Workplace) -> None:
    rows = [[f"some message {n}", "spam" if n % 24 == 0 else "ham"] for n in range(48)]
    write_rows(workplace.folder / "rows.csv", ["message", "label"], [*rows, rows[0]])
    warned = workplace.run("init", "rows.csv").err
    assert "warning: 1 row (rows.csv, line " in warned
    assert "fewer than 60" in warned
    assert "unbalanced" not in warned  # macro_f1 is what that would advise
    assert task_in(workplace.folder).spec.metric == "macro_f1"


def test_nothing_is_overwritten_unasked(workplace: Workplace) -> None:
    path = workplace.folder / "task.yaml"
    path.write_text("mine")
    refused = workplace.run("init", "tickets.csv", code=2).err
    assert (
        refused
        == "whet: task.yaml exists and was left as it is. Write to another file with -o, or over it with --force.\n"
    )
    assert path.read_text() == "mine"
    workplace.run("init", "tickets.csv", "-o", "other.yaml")
    assert path.read_text() == "mine"
    workplace.run("init", "tickets.csv", "--force")
    assert task_in(workplace.folder).name == "tickets"
    left = {path.name for path in workplace.folder.iterdir() if path.suffix != ".txt"}
    assert left == {"task.yaml", "other.yaml", "tickets.csv"}


UNLABELLED = "message,team\n" + "".join(f"some message {n},{'ab'[n % 2] if n else ''}\n" for n in range(60))
CASES = "message,team\n" + "".join(f"some message {n},{['Billing', 'billing'][n % 2]}\n" for n in range(60))
REFUSED: dict[str, tuple[str, tuple[str, ...], list[str]]] = {
    "no such file": ("", ("ticket.csv",), ["There is no file ticket.csv. Did you mean 'tickets.csv'?"]),
    "no rows": ("message,team\n", ("rows.csv",), ["rows.csv holds no rows"]),
    "a single column": ("message\nhello\n", ("rows.csv",), ["There is a single column, 'message'", "Add a column"]),
    "semicolons": ("message;team\na;b\n", ("rows.csv",), ["looks like several separated by a semicolon"]),
    "a name twice": ("a,a\n1,2\n", ("rows.csv",), ["names the column 'a' 2 times; rename all but one"]),
    "braces": ("{text},label\n" + "a b c,x\nd e f,y\n" * 9, ("rows.csv",), ["'{text}' should go in", "Rename"]),
    "unlabelled rows": (
        UNLABELLED,
        ("rows.csv",),
        ["rows.csv, line 2", "no expected answer", "was not written", "name it with --output"],
    ),
    "labels that are alike": (CASES, ("rows.csv",), ["'Billing' and 'billing' differ only in case", "was not written"]),
    "an unknown column": ("", ("tickets.csv", "--output", "tema"), ["No row has a column 'tema'", "'team'"]),
    "a file for a column": ("", ("tickets.csv", "--output", "t.yaml"), ["names the column", "use -o t.yaml"]),
    "no task file": ("", ("tickets.csv", "-o", "tickets.csv"), ["-o tickets.csv", "end it with .yaml"]),
    "a folder that is missing": ("", ("tickets.csv", "-o", "x/task.yaml"), ["a folder that does not exist, x"]),
    "a bad name": ("", ("tickets.csv", "--name", "my task"), ["--name 'my task' cannot be a task's name"]),
    "an address alone": ("", ("tickets.csv", "--api-base", "http://x/v1"), ["needs --model"]),
    "a server without address": ("", ("tickets.csv", "--model", "hosted_vllm/x"), ["needs --api-base"]),
    "no address": ("", ("tickets.csv", "--model", "x", "--api-base", "localhost"), ["model.api_base", "http://"]),
}


@pytest.mark.parametrize(("content", "arguments", "messages"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_done_is_explained_and_leaves_nothing_behind(
    workplace: Workplace, content: str, arguments: tuple[str, ...], messages: list[str]
) -> None:
    if content:
        (workplace.folder / "rows.csv").write_text(content)
    before = {path.name for path in workplace.folder.iterdir()}
    refused = workplace.run("init", *arguments, code=2)
    assert refused.err.startswith("whet: ")
    for message in messages:
        assert message in refused.err
    assert {path.name for path in workplace.folder.iterdir() if path.suffix != ".txt"} == before


def test_help_shows_an_example(workplace: Workplace) -> None:
    finished = workplace.run("init", "--help")
    assert "Usage: whet init" in finished.out
    assert "    whet init tickets.csv\n    whet optimize task.yaml --model " in finished.out
