"""`whet dataset`, and task files that name what it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.benchmarks.datasets.files import delimited, promptfoo
from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace

ROWS = tickets.rows(48)


def task(folder: Path, data: str) -> None:
    (folder / "task.yaml").write_text(
        "name: triage\ninputs: [message]\noutput: team\nmetric: accuracy\nmodel: {name: tiny}\n"
        f"budget: {{calls: 60}}\nsearch: {{delimiters: [plain]}}\ndata: {data}\n"
    )


@pytest.mark.slow
def test_a_task_file_names_a_dataset_of_the_home(workplace: Workplace) -> None:
    (workplace.folder / "tickets.csv").write_bytes(delimited(ROWS))
    added = workplace.run(
        "dataset", "add", "tickets.csv", "--name", "tickets", "--input", "message", "--output", "team"
    )
    reference = added.out.strip()
    assert reference.startswith("tickets@")
    assert "Added: message → team; train 10, validation 19, test 19 rows." in added.err
    assert "fewer than 60" in added.err
    again = workplace.run(
        "dataset", "add", "tickets.csv", "--name", "tickets", "--input", "message", "--output", "team"
    )
    assert again.out.strip() == reference
    assert "Was there already" in again.err
    assert reference[:20] in workplace.run("dataset", "list").out

    results = []
    for data in ("{path: tickets.csv}", "{dataset: tickets}", f"{{dataset: {reference}}}"):
        task(workplace.folder, data)
        results.append(json.loads(workplace.run("optimize", "task.yaml", "--json", "-").out))
    assert results[0]["optimization_id"] == results[1]["optimization_id"] == results[2]["optimization_id"]


def test_what_is_wrong_is_said(workplace: Workplace) -> None:
    (workplace.folder / "tests.yaml").write_bytes(
        promptfoo([{"message": r["message"], "team": r["team"]} for r in ROWS], "team")
    )
    foo = workplace.run("dataset", "add", "tests.yaml", "--name", "foo")
    assert "message → expected" in foo.err
    assert "no name for a dataset" in workplace.run("dataset", "add", "tests.yaml", "--name", "a/b", code=2).err
    assert "There is no file" in workplace.run("dataset", "add", "nowhere.csv", "--name", "a", code=2).err
    task(workplace.folder, "{dataset: fooo}")
    assert "Did you mean 'foo'?" in workplace.run("optimize", "task.yaml", code=2).err
