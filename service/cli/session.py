"""What the commands share: reading the task with overrides, running until done or interrupted, writing JSON."""

from __future__ import annotations

import asyncio
import atexit
import os
import shlex
import signal
import sys
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
from rich.console import Console

from benchmarks.datasets.versions import DatasetVersion
from benchmarks.errors import InputError, TaskError
from benchmarks.models.recorded import GRACE_S
from benchmarks.tasks.schema import parse_task, read_task_file
from benchmarks.tasks.task import Task, load_task
from service import loop
from service.datasets import Datasets
from service.home import Home, has_home, open_home

INTERRUPTED = 130

BETWEEN_CANCELLATIONS_S = 0.05
"""Two signals may be seen at once, but the first cancellation must have arrived before the second counts."""

WAITING = f"\nInterrupted: waiting up to {GRACE_S:g} s for replies that are paid for; Ctrl-C again to drop them.\n"

Result = TypeVar("Result")


def read_task(path: Path, overrides: Mapping[str, Any]) -> Task:
    """The task in the file at `path`, with the options of the command line in place of its own fields."""
    content = read_task_file(path)
    for field, value in overrides.items():
        if value is not None:
            *sections, name = field.split(".")
            place = content
            for section in sections:
                inner = place.get(section) or {}
                if not isinstance(inner, dict):
                    raise TaskError(f"{path}: {section} must be a mapping, as in {section}: {{{name}: …}}.")
                place[section] = dict(inner)
                place = place[section]
            place[name] = value
    return load_task(parse_task(content), path.parent, allow_code=True, datasets=_registered)


def _registered(reference: str) -> DatasetVersion:
    return Datasets(own_home()).find(reference)


def own_home() -> Home:
    """The home that the environment names, whose database is closed when the command ends: SQLite then moves what its
    write-ahead log holds into the file."""
    home = open_home(environment())
    atexit.register(home.engine.dispose)
    return home


def home_if_any() -> Home | None:
    """The home that the environment names if there is one, to look into: none is made."""
    return own_home() if has_home(environment()) else None


def resume_command() -> str:
    """This command, for a shell, without --fresh, which would begin anew."""
    return shlex.join(["whet", *(argument for argument in sys.argv[1:] if argument != "--fresh")])


def run_to_end(main: Coroutine[Any, Any, Result]) -> Result:
    """The result of `main`, which Ctrl-C or SIGTERM cancels: asyncio.CancelledError is raised then.

    A second one cancels it once more, upon which it gives up the replies that it still waits for.
    """

    async def supervised() -> Result:
        task = asyncio.ensure_future(main)
        running = asyncio.get_running_loop()

        def drop() -> None:
            # A third cancellation would interrupt the ledger while it writes what was kept.
            if task.cancelling() == 1:
                task.cancel()

        def interrupt() -> None:
            if task.cancelling():
                running.call_later(BETWEEN_CANCELLATIONS_S, drop)
            elif task.cancel():
                sys.stderr.write(WAITING)

        for number in (signal.SIGINT, signal.SIGTERM):
            running.add_signal_handler(number, interrupt)
        return await task

    loop.collect_seldom()
    return loop.run(supervised())


@contextmanager
def interruption(message: str) -> Iterator[None]:
    """Says `message` and exits with 130 if what runs within was interrupted. Whatever is live on the terminal belongs
    inside, so that it is gone by then and the message stays whole."""
    try:
        yield
    except asyncio.CancelledError:
        sys.stderr.write(f"\n{message}\n")
        sys.exit(INTERRUPTED)


def consoles(json_to: str | None) -> tuple[Console, Console]:
    """Where the card goes and where progress goes: standard output stays clean for JSON."""
    errors = Console(stderr=True)
    return (errors if json_to == "-" else Console()), errors


def check_json_target(json_to: str | None) -> None:
    """Raises InputError if no result can be written to `json_to`: better said before anything is spent."""
    path = Path(json_to or "-")
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"is in a folder that does not exist, {path.parent}"
        raise InputError(f"--json {path} {what}. Nothing was spent. Name a file in a folder that exists.")


def write_json(result: Mapping[str, Any], json_to: str | None) -> None:
    """Writes `result` to the file, or to standard output for `-`."""
    if json_to is None:
        return
    text = orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n"
    if json_to == "-":
        sys.stdout.buffer.write(text)
        return
    try:
        Path(json_to).write_bytes(text)
    except OSError as error:
        raise InputError(f"The result cannot be written to {json_to}: {error}. It is kept; run again.") from error


def environment() -> Mapping[str, str]:
    """The process environment."""
    return os.environ
