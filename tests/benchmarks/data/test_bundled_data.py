"""The bundled labelled data are what their cards say."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import yaml

from benchmarks.datasets.reading import read_rows
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task

DATA = Path(__file__).parents[3] / "benchmarks" / "data"
SETS = ("support", "extraction", "summaries")
SPLITS = ("train", "validation", "test")


def rows(name: str, split: str) -> list[dict[str, str]]:
    return [dict(row.values) for row in read_rows(DATA / name / f"{split}.jsonl")]


def all_rows(name: str) -> list[dict[str, str]]:
    return [row for split in SPLITS for row in rows(name, split)]


def section(name: str, heading: str) -> str:
    card = (DATA / name / "CARD.md").read_text(encoding="utf-8")
    return card.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table(name: str, heading: str) -> list[dict[str, str]]:
    lines = [line for line in section(name, heading).splitlines() if line.startswith("|")]
    header, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(header, cells, strict=True)) for cells in body]


def card_task(name: str) -> dict[str, object]:
    task = yaml.safe_load(section(name, "Task").replace("```yaml", "").replace("```", ""))
    assert isinstance(task, dict)
    return task


@pytest.mark.parametrize("name", SETS)
def test_the_card_counts_the_rows_of_each_split_and_knows_the_files(name: str) -> None:
    told = {row["split"]: (int(row["rows"]), row["SHA-256 of the file"].strip("`")) for row in table(name, "Splits")}
    files = {split: (DATA / name / f"{split}.jsonl").read_bytes() for split in SPLITS}

    assert told == {split: (len(rows(name, split)), hashlib.sha256(file).hexdigest()) for split, file in files.items()}


@pytest.mark.parametrize("name", SETS)
def test_every_row_has_the_columns_of_the_card_and_text_in_each(name: str) -> None:
    columns = [row["column"] for row in table(name, "Columns")]

    for row in all_rows(name):
        assert list(row) == columns
        assert all(text == text.strip() != "" for text in row.values())


@pytest.mark.parametrize("name", SETS)
def test_the_card_counts_the_slices(name: str) -> None:
    told = table(name, "Slices")
    columns = {row["column"] for row in told}

    for split in SPLITS:
        counted = Counter((column, row[column]) for row in rows(name, split) for column in columns)
        assert {(row["column"], row["value"]): int(row[split]) for row in told} == dict(counted)


@pytest.mark.parametrize("name", SETS)
def test_the_task_of_the_card_loads_and_the_check_finds_nothing(name: str) -> None:
    task = load_task(parse_task(card_task(name)), DATA / name, allow_code=False)

    assert task.report.findings == ()
    assert set(card_task(name)["slices"]) == {row["column"] for row in table(name, "Slices")}  # type: ignore[call-overload]


@pytest.mark.parametrize("name", SETS)
def test_addresses_are_of_domains_reserved_for_examples(name: str) -> None:
    for row in all_rows(name):
        text = " ".join(row.values())
        assert "://" not in text
        assert all(domain == "example.org" for domain in re.findall(r"@([\w.-]*\w)", text))


def test_support_has_nine_balanced_classes_in_every_split_as_its_card_counts() -> None:
    told = table("support", "Classes")

    assert len(told) == 9
    for split in SPLITS:
        counted = Counter(row["team"] for row in rows("support", split))
        assert {row["team"]: int(row[split]) for row in told} == dict(counted)
    totals = Counter(row["team"] for row in all_rows("support"))
    assert totals.total() >= 800
    assert all(60 <= count <= 160 for count in totals.values())


def test_about_a_quarter_of_support_is_german_in_every_class() -> None:
    by_team = Counter((row["team"], row["language"]) for row in all_rows("support"))

    for team in {team for team, _ in by_team}:
        assert 0.2 <= by_team[team, "de"] / (by_team[team, "de"] + by_team[team, "en"]) <= 0.33


def test_extracted_values_have_the_normal_form_of_their_field() -> None:
    forms = {"order number": r"LH-\d{5}|\d{7}", "date": r"\d{4}-\d\d-\d\d", "amount": r"(0|[1-9]\d*)\.\d\d"}

    extracted = all_rows("extraction")
    assert len(extracted) >= 160
    for row in extracted:
        assert re.fullmatch(forms[row["field"]], row["value"]), row
        if row["field"] == "date":
            date.fromisoformat(row["value"])


def test_conversations_have_four_to_ten_turns_and_summaries_one_line() -> None:
    speakers = r"(Customer|Agent|Kundin|Kunde|Mitarbeiterin|Mitarbeiter): \S"

    conversations = all_rows("summaries")
    assert len(conversations) >= 66
    for row in conversations:
        turns = row["conversation"].split("\n")
        assert 4 <= len(turns) <= 10
        assert all(re.match(speakers, turn) for turn in turns)
        assert "\n" not in row["summary"]
