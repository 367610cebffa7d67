"""The page docs/metrics.md: its blocks run, and its tables say what the code does."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from benchmarks.datasets.records import Example
from benchmarks.metrics.extraction import Extraction
from benchmarks.metrics.protocol import Metric
from benchmarks.metrics.registry import BUILT_IN, ENTRY_POINTS, make_metric
from benchmarks.metrics.scoring import score_row

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def table(first_heading: str) -> list[list[str]]:
    body = PAGE.split(f"| {first_heading} |", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in body.splitlines()[2:]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with the page's own metrics in files and installed."""
    for code in blocks("python"):
        if named := re.match(r"# (\w+\.py)\n", code):
            (tmp_path / named[1]).write_text(code)
    (declared,) = (tomllib.loads(text)["project"]["entry-points"] for text in blocks("toml"))
    package = tmp_path / "own-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    lines = [f"[{ENTRY_POINTS}]", *(f"{name} = {place}" for name, place in declared[ENTRY_POINTS].items())]
    (package / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def metric_of(task: dict[str, Any]) -> Metric:
    given = task["metric"] if isinstance(task["metric"], dict) else {"name": task["metric"]}
    options = {option: value for option, value in given.items() if option != "name"}
    return make_metric(given["name"], options, task.get("labels", []), allow_code=True)


@pytest.mark.usefixtures("folder")
def test_every_task_on_the_page_makes_a_metric() -> None:
    made = [metric_of(yaml.safe_load(text)).name for text in blocks("yaml")]
    assert {"numeric", "json_match", "keywords.py:coverage", "coverage"} <= set(made)


@pytest.mark.usefixtures("folder")
def test_the_own_metrics_on_the_page_score(row: Callable[[str], Example]) -> None:
    coverage = make_metric("keywords.py:coverage", {}, (), allow_code=True)
    assert score_row(coverage, "Refund within 14 days", row("refund, 14 days, receipt")) == pytest.approx(2 / 3)
    gated = make_metric("gated.py:Gated", {"longest": 3}, (), allow_code=True)
    assert score_row(gated, "yes", row("Yes.")) == 1
    assert score_row(gated, "maybe", row("maybe")) == 0


def test_every_statement_on_the_page_holds() -> None:
    for code in blocks("python"):
        exec(compile(code, "docs/metrics.md", "exec"), {"__name__": "docs"})


def test_the_table_of_metrics_says_what_the_code_does() -> None:
    rows = table("metric")
    assert [name for name, *_ in rows] == list(BUILT_IN)
    for name, _, together, extraction in rows:
        metric = make_metric(name, {}, ("a", "b"))
        assert metric.mean_of_rows == (together == "mean")
        default = inspect.signature(BUILT_IN[name]).parameters["extract"].default
        assert extraction == (default or "text")


def test_every_way_of_reading_and_every_option_is_on_the_page() -> None:
    assert [extraction for extraction, _ in table("`extract`")] == list(get_args(Extraction))
    for factory in BUILT_IN.values():
        for option in inspect.signature(factory).parameters:
            assert f"`{option}" in PAGE
