"""`whet keys`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from service.cli.session import own_home
from service.keys import Keys


def create_command(name: str, scopes: Sequence[str], *, days: int | None, calls_per_day: int | None) -> None:
    """Makes a key, valid for so many days, and shows it this once."""
    home = own_home()
    expires_at = None if days is None else home.now() + timedelta(days=days)
    key = Keys(home).create(name, scopes, expires_at=expires_at, calls_per_day=calls_per_day)
    sys.stderr.write(f"The key '{name}' may: {', '.join(scopes)}. It is shown this once:\n")
    sys.stdout.write(key + "\n")


def list_command() -> None:
    """Shows the keys, without the keys themselves."""
    table = Table()
    table.add_column("id", no_wrap=True)
    for column in ("name", "scopes", "calls a day", "created", "last used", "expires", "revoked"):
        table.add_column(column)
    for row in Keys(own_home()).listed():
        quota = "" if row.calls_per_day is None else f"{row.calls_per_day:,}"
        times = (row.created_at, row.last_used_at, row.expires_at, row.revoked_at)
        table.add_row(row.id, row.name, ", ".join(row.scopes), quota, *((time or "")[:16] for time in times))
    Console().print(table)


def revoke_command(key_id: str) -> None:
    """Ends the validity of a key."""
    Keys(own_home()).revoke(key_id)
    sys.stderr.write(f"{key_id} is revoked.\n")
