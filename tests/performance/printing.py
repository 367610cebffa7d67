"""Printing the tables of a simulation: all of them, or those that are named."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

Tables = Mapping[str, Callable[[int], Iterator[str]]]
"""By name, the lines of a table for so many runs of a cell."""


def print_tables(prog: str, tables: Tables, *, runs: int, counted: str) -> None:
    """Prints the tables that the command's arguments name. `runs` is the default of --runs, which counts `counted`."""
    parser = argparse.ArgumentParser(prog=prog)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(tables))
    parser.add_argument("--runs", type=int, default=runs, help=counted)
    options = parser.parse_args()
    for name in set(options.tables) - set(tables):
        parser.error(f"there is no table '{name}'; known: {', '.join(tables)}")
    print(
        f"Python {platform.python_version()}, numpy {version('numpy')}, scipy {version('scipy')}; {options.runs} runs."
    )
    for name in options.tables or tables:
        print()
        for line in tables[name](options.runs):
            print(line, flush=True)
