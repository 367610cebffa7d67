"""`whet ledger`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import sqlalchemy as sa
from rich.console import Console
from rich.text import Text

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import InputError
from benchmarks.ledger.contents import Holdings, entries, holdings, kept_since, of_model, size_bytes
from benchmarks.ledger.protocol import Entry
from benchmarks.models.protocol import Completion
from service.cli.session import own_home
from service.home import Home, utc_now
from service.pruning import Choice, Forecast, forecast, prune

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def stats_command(*, as_json: bool) -> None:
    """Prints what the ledger holds."""
    home = own_home()
    with home.reading() as connection:
        held = holdings(connection)
    size = size_bytes(home.engine)
    if as_json:
        totals = {name: sum(getattr(one, name) for one in held) for name in _COUNTED}
        models = [
            {"model": one.model.model, "endpoint": one.model.endpoint, **_counts(one), **_times([one])} for one in held
        ]
        content = {"database": home.database, "size_bytes": size, **totals, **_times(held), "models": models}
        sys.stdout.buffer.write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        return
    console = Console()
    rollouts = sum(one.rollouts for one in held)
    console.print(Text(f"{rollouts:,} rollouts in {home.database}, {size / 1e6:,.1f} MB"), soft_wrap=True)
    if held:
        console.print(_listing(held), soft_wrap=True)


def export_command(target: str, *, model: str | None, since: str | None) -> None:
    """Writes the rollouts as JSON lines to the file `target`, or to standard output for `-`."""
    start = None if since is None else _time(since)
    home = own_home()
    conditions = _chosen(home, model)
    if start is not None:
        conditions.append(kept_since(start))
    count = 0
    with _opened(target) as file:
        for entry, kept_at in entries(home.reading, *conditions):
            file.write(orjson.dumps(_line(entry, kept_at)) + b"\n")
            count += 1
    sys.stderr.write(f"{count:,} rollouts exported.\n")


def prune_command(*, older_than: str | None, epochs_only: bool, model: str | None, yes: bool) -> None:
    """Says what would be deleted; deletes it if `yes`."""
    if older_than is None and not epochs_only:
        raise InputError("Say what may go: --older-than 90d, --epochs-only, or both. Nothing was deleted.")
    before = None if older_than is None else _ago(older_than)
    home = own_home()
    _chosen(home, model)
    choice = Choice(before=before, epochs_only=epochs_only, model=model)
    console = Console()
    expected = forecast(home, choice)
    _print_forecast(console, expected)
    if not expected.everything:
        return
    if not yes:
        console.print(Text("Nothing was deleted. Add --yes to delete it."))
        return
    size = size_bytes(home.engine)
    gone = prune(home, choice)
    freed = size - size_bytes(home.engine)
    room = f"{freed / 1e6:,.1f} MB of the disk are free again." if freed > 0 else "Their room is free for new ones."
    console.print(Text(f"{gone:,} rollouts deleted. {room}"))


def _print_forecast(console: Console, expected: Forecast) -> None:
    rollouts, again = (sum(one.rollouts for one in part) for part in (expected.everything, expected.payable))
    if rollouts:
        console.print(Text(f"{rollouts:,} rollouts may go:"))
        console.print(_listing(expected.everything), soft_wrap=True)
    else:
        console.print(Text("No rollouts may go."))
    if again:
        usd = sum(one.cost_usd for one in expected.payable)
        unknown = sum(one.unpriced for one in expected.payable)
        price = f"about ${usd:,.2f}" + (f", and {unknown:,} of unknown price" if unknown else "")
        console.print(
            Text(
                f"{again:,} of them would be paid for again if the same is asked again ({price}). The others belong to "
                "epochs of their own (--fresh), whose questions no other job asks."
            ),
            soft_wrap=True,
        )
    if expected.held:
        console.print(
            Text(
                f"{expected.held:,} more stay, because what is not finished may need them: "
                f"{', '.join(expected.unfinished)}. Run the same commands again to finish it."
            ),
            soft_wrap=True,
        )


_COUNTED = ("rollouts", "failures", "prompt_tokens", "completion_tokens", "cost_usd", "unpriced")


def _counts(one: Holdings) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _COUNTED}


def _times(held: Sequence[Holdings]) -> dict[str, str | None]:
    return {
        "oldest": min(one.oldest for one in held).isoformat() if held else None,
        "newest": max(one.newest for one in held).isoformat() if held else None,
    }


def _listing(held: Sequence[Holdings]) -> Text:
    """Two lines a model: a table of so many columns fits no terminal."""
    lines = []
    for one in held:
        usd = "unknown" if one.unpriced == one.rollouts else f"{one.cost_usd:,.4f}" + ("+" if one.unpriced else "")
        failures = f", {one.failures:,} refused" if one.failures else ""
        lines += [
            f"  {one.model.model} at {one.model.endpoint}",
            f"    {one.rollouts:,} rollouts{failures}; {one.prompt_tokens:,} + {one.completion_tokens:,} tokens; "
            f"USD {usd}; {one.oldest:%Y-%m-%d} to {one.newest:%Y-%m-%d}",
        ]
    return Text("\n".join(lines))


def _line(entry: Entry, kept_at: datetime) -> dict[str, Any]:
    reply = entry.reply
    usage = reply.usage if isinstance(reply, Completion) else None
    return {
        "key": entry.key.hex(),
        "project": entry.occasion.project,
        "epoch": entry.occasion.epoch,
        "endpoint": entry.model.endpoint,
        "model": entry.model.model,
        "prompt_digest": entry.prompt_digest,
        "example_id": entry.example_id,
        "repeat": entry.repeat,
        "reply": reply.text if isinstance(reply, Completion) else None,
        "truncated": isinstance(reply, Completion) and reply.truncated,
        "failure": None if isinstance(reply, Completion) else {"kind": reply.kind.value, "detail": reply.detail},
        "prompt_tokens": usage.prompt_tokens if usage else 0,
        "completion_tokens": usage.completion_tokens if usage else 0,
        "cached_tokens": usage.cached_tokens if usage else 0,
        "cost_usd": usage.cost_usd if usage else None,
        "latency_s": reply.latency_s,
        "created_at": kept_at.isoformat(timespec="milliseconds"),
    }


def _chosen(home: Home, model: str | None) -> list[sa.ColumnElement[bool]]:
    """The condition for the model that was named. Raises InputError if the ledger holds nothing of it."""
    if model is None:
        return []
    with home.reading() as connection:
        known = sorted({one.model.model for one in holdings(connection)})
    if model not in known:
        raise InputError(
            f"The ledger holds nothing of a model '{model}'; it holds: {', '.join(known) or 'nothing'}."
            f"{did_you_mean(model, known)}"
        )
    return [of_model(model)]


def _ago(words: str) -> datetime:
    match = re.fullmatch(r"([0-9]{1,6})([hdw])", words)
    if match is None:
        raise InputError(f"--older-than {words}: write a whole number of hours, days or weeks, as in 36h, 90d or 12w.")
    try:
        return utc_now() - timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise InputError(f"--older-than {words}: there was nothing so long ago. Nothing was deleted.") from None


def _time(words: str) -> datetime:
    try:
        time = datetime.fromisoformat(words)
    except ValueError:
        raise InputError(f"--since {words}: write a date or a time, as in 2026-01-31 or 2026-01-31T18:00Z.") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@contextmanager
def _opened(target: str) -> Iterator[BinaryIO]:
    if target == "-":
        yield sys.stdout.buffer
        return
    try:
        with Path(target).open("wb") as file:
            yield file
    except OSError as error:
        raise InputError(f"The export cannot be written to {target}: {error.strerror}. Name another file.") from error
