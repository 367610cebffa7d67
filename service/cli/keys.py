"""`whet keys`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from service.cli.session import own_home
from service.keys import Keys


def create_command(name: str, scopes: Sequence[str]) -> None:
    """Makes a key and shows it this once."""
    key = Keys(own_home()).create(name, scopes)
    sys.stderr.write(f"The key '{name}' may: {', '.join(scopes)}. It is shown this once:\n")
    sys.stdout.write(key + "\n")


def list_command() -> None:
    """Shows the keys, without the keys themselves."""
    table = Table()
    for column in ("id", "name", "scopes", "created", "revoked"):
        table.add_column(column)
    for row in Keys(own_home()).listed():
        table.add_row(row.id, row.name, ", ".join(row.scopes), row.created_at[:16], (row.revoked_at or "")[:16])
    Console().print(table)


def revoke_command(key_id: str) -> None:
    """Ends the validity of a key."""
    Keys(own_home()).revoke(key_id)
    sys.stderr.write(f"{key_id} is revoked.\n")
