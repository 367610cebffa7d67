"""The front and what mattered, as the result card shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from service import words

BAR = 20
"""Characters of the longest bar."""


def table(grid: words.Grid) -> Table:
    """A table for the console; what stands in its cells is no markup."""
    shown = Table(title=grid.title, title_justify="left")
    for place, column in enumerate(grid.columns):
        shown.add_column(column, justify="right" if place else "left")
    for row in grid.rows:
        shown.add_row(*(Text(cell) for cell in row))
    return shown


def print_front(console: Console, result: Mapping[str, Any]) -> None:
    """The prompts that are cheaper than the winner, if there are any."""
    front = words.front(result)
    if front is None:
        return
    console.print(table(front))
    for sentence in words.beside_the_winner(result):
        console.print(Text(sentence))
    if result.get("cheaper"):
        console.print(Text(result["cheaper"], style="bold"))
    named = f" --optimization {result['optimization_id']}" if "optimization_id" in result else ""
    console.print(Text(f"Take one: whet pull {result['task']} --front NUMBER{named}"), soft_wrap=True)


def print_mattered(console: Console, result: Mapping[str, Any]) -> None:
    """What each part of the winner brought, with bars, and which factors mattered."""
    grid = words.parts(result)
    if grid is not None:
        shown = Table(title=grid.title, title_justify="left", box=None)
        for column in (*grid.columns, ""):
            shown.add_column(column, justify="left" if column in ("part", "") else "right")
        differences = [part["difference"] for part in result["mattered"]["ablation"]]
        longest = max(abs(found["mean"]) for found in differences) or 1.0
        for row, found in zip(grid.rows, differences, strict=True):
            shown.add_row(*(Text(cell) for cell in row), Text(_bar(found, longest), style=_style(found)))
        console.print(shown)
    for sentence in words.factors_mattered(result):
        console.print(Text(sentence, style="dim"))


def _bar(found: Mapping[str, float], longest: float) -> str:
    """A bar as long as the difference, full where its interval excludes 0."""
    length = round(BAR * abs(found["mean"]) / longest)
    return ("█" if found["low"] > 0 or found["high"] < 0 else "░") * length


def _style(found: Mapping[str, float]) -> str:
    return "green" if found["low"] > 0 else "red" if found["high"] < 0 else "dim"
