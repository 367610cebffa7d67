"""Help answers at once: it imports nothing that takes time, and reads nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.command import SCRIPT, Workplace

HEAVY = (
    "aiohttp", "alembic", "litellm", "numpy", "optuna", "orjson", "pandas", "pydantic", "rapidfuzz", "scipy", "sklearn",
    "sqlalchemy", "yaml",
)  # fmt: skip


@pytest.mark.parametrize("arguments", [("--help",), ("optimize", "--help"), ("evaluate", "-h"), ("pull", "--help")])
def test_help_prints_usage_and_leaves_nothing_behind(workplace: Workplace, arguments: tuple[str, ...]) -> None:
    finished = workplace.run(*arguments)
    assert "Usage: whet" in finished.out
    assert finished.err == ""
    assert not workplace.home.exists()


def test_help_imports_no_heavy_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(SCRIPT), "--help"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert imported.isdisjoint(HEAVY), imported & set(HEAVY)


def test_an_unknown_command_or_option_is_a_mistake_of_usage(workplace: Workplace) -> None:
    for arguments in [("optimise", "task.yaml"), ("optimize", "task.yaml", "--budget", "5"), ("optimize",)]:
        finished = workplace.run(*arguments, code=2)
        assert "Usage: whet" in finished.err
        assert finished.out == ""
