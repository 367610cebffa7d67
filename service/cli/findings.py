"""The front and what mattered, as the result card shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

BAR = 20
"""Characters of the longest bar."""


def print_front(console: Console, result: Mapping[str, Any]) -> None:
    """The prompts that are cheaper than the winner, if there are any. Results of earlier versions know of none."""
    members: Sequence[Mapping[str, Any]] = result.get("front") or ()
    if len(members) < 2:
        return
    table = Table(title="The front: better or cheaper than any other, on validation rows", title_justify="left")
    priced = any(member["cost_usd_per_1000"] for member in members)
    columns = ("", "score", "95 % interval", "rows", "tokens in", "USD per 1,000", "s per reply")
    shown = [column for column in columns if priced or column != "USD per 1,000"]
    for column in shown:
        table.add_column(column, justify="left" if not column else "right")
    for number, member in enumerate(members, start=1):
        score = member["score"]
        table.add_row(
            str(number),
            f"{score['mean']:.3f}",
            f"{score['low']:.3f} to {score['high']:.3f}",
            str(member["n"]),
            f"{member['prompt_tokens']:.0f}",
            *([f"{member['cost_usd_per_1000'] or 0:.4f}"] if priced else []),
            f"{member['latency_s']:.2f}",
        )
    console.print(table)
    for number, member in enumerate(members[1:], start=2):
        console.print(Text(f"{number}: {member['words']}"))
    if result.get("cheaper"):
        console.print(Text(result["cheaper"], style="bold"))
    named = f" --optimization {result['optimization_id']}" if "optimization_id" in result else ""
    console.print(Text(f"Take one: whet pull {result['task']} --front NUMBER{named}"), soft_wrap=True)


def print_mattered(console: Console, result: Mapping[str, Any]) -> None:
    """What each part of the winner brought, with bars, and which factors mattered. Results of earlier versions do not
    know."""
    mattered = result.get("mattered")
    if mattered is None:
        return
    parts = mattered["ablation"]
    if parts:
        table = Table(title="What mattered: points that parts of the winner brought", title_justify="left", box=None)
        for column in ("part", "points", "interval", "rows", ""):
            table.add_column(column, justify="left" if column in ("part", "") else "right")
        longest = max(abs(part["difference"]["mean"]) for part in parts) or 1.0
        for part in parts:
            found = part["difference"]
            table.add_row(
                Text(f"{part['part']} (instead of {part['instead']})"),
                f"{100 * found['mean']:+.1f}",
                f"{100 * found['low']:+.1f} to {100 * found['high']:+.1f}",
                str(part["n"]),
                Text(_bar(found, longest), style=_style(found)),
            )
        console.print(table)
    for sentence in mattered["words"][len(parts) :]:
        console.print(Text(sentence, style="dim"))


def _bar(found: Mapping[str, float], longest: float) -> str:
    """A bar as long as the difference, full where its interval excludes 0."""
    length = round(BAR * abs(found["mean"]) / longest)
    return ("█" if found["low"] > 0 or found["high"] < 0 else "░") * length


def _style(found: Mapping[str, float]) -> str:
    return "green" if found["low"] > 0 else "red" if found["high"] < 0 else "dim"
