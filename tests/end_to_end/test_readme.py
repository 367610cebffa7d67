"""The README, followed to the letter by somebody with a CSV of three columns."""

from __future__ import annotations

import csv
import os
import random
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from benchmarks.tasks.schema import parse_task, read_task_file
from tests.endpoints.keyword import KeywordModel
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Reply

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
ADDRESS = "http://localhost:8000/v1"
WORDS = {
    "billing": ["invoice", "refund", "charged twice", "credit card"],
    "orders": ["parcel", "delivery", "tracking number", "wrong item"],
    "technical": ["crash", "login", "error message", "update"],
}


def blocks(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def tickets(path: Path) -> None:
    rng = random.Random(1)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "team", "channel"])
        for number in range(150):
            team = rng.choice(list(WORDS))
            first, second = rng.sample(WORDS[team], 2)
            writer.writerow([f"Ticket {number}: my {first}, and the {second}?", team, rng.choice(["mail", "chat"])])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tickets(tmp_path / "tickets.csv")
    return tmp_path


def shell(script: str, folder: Path) -> str:
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "WHET_HOME": str(folder / ".whet"), "COLUMNS": "120"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_following_the_readme_with_a_csv_of_three_columns_ends_with_a_proven_prompt(folder: Path) -> None:
    own_data, full, *_ = blocks("yaml")
    _demo, from_csv, main_job, more, *_ = blocks("bash")
    model = KeywordModel(labels=list(WORDS))
    with LocalEndpoint(
        lambda messages, body: Reply(text=model.answer(messages)), models=("Qwen3-8B",)
    ).in_thread() as endpoint:
        assert "A better prompt, proven" in shell(from_csv.replace(ADDRESS, endpoint.url), folder)
        (folder / "task.yaml").write_text(own_data.replace(ADDRESS, endpoint.url))
        card = shell(main_job, folder)
        assert "A better prompt, proven" in card
        assert "channel = chat" in card
        printed = shell(more, folder)
        assert "accuracy on validation" in printed
        assert (folder / "body.json").exists()
        own_metric, own_proposer = blocks("python")
        (folder / "my_metric.py").write_text(own_metric)
        (folder / "my_proposer.py").write_text(own_proposer)
        extended = own_data.replace("metric: accuracy", "metric: my_metric.py:score").replace(
            "calls: 1000", "calls: 200"
        )
        extended += 'search: {proposers: ["my_proposer.py:Blunt"]}\n'
        (folder / "task.yaml").write_text(extended.replace(ADDRESS, endpoint.url))
        assert "paired t" in shell("whet optimize task.yaml --json - 2>/dev/null", folder)
    assert full


def test_the_task_file_that_shows_every_field_is_valid(folder: Path) -> None:
    path = folder / "task.yaml"
    path.write_text(blocks("yaml")[1])
    assert parse_task(read_task_file(path)).search.proposers == ["given", "grammar"]
