"""Which layout of tables a database has: another one is refused, never guessed at."""

from __future__ import annotations

from benchmarks.errors import StorageError

LAYOUT = 2
"""Grows whenever a table changes. 1 had the ledger in a single table."""


def check_layout(found: int, place: str, another: str) -> None:
    """Raises StorageError unless the database at `place` has this version's layout. `another` says how to use another
    database instead."""
    if found != LAYOUT:
        age = "an older" if found < LAYOUT else "a newer"
        raise StorageError(
            f"The database {place} was made by {age} version of whet: its layout is {found}, this version's is "
            f"{LAYOUT}. Use the version that made it, or {another}."
        )
