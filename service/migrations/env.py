"""How Alembic sees the database. Rules that every revision keeps:

- It spells out the tables it works with, and imports none of the live ones, which will have changed by then.
- It does the same on SQLite and PostgreSQL, and leaves exactly what `create_all` makes, names of constraints included.
- It runs within one transaction for all revisions: nothing in it commits, so an upgrade that is killed never was.
- It never copies, rewrites or reads through `ledger` or `ledger_texts`, which may have 10⁸ rows: they are changed by
  adding nullable columns without default, or a table beside them, and never by `batch_alter_table`.
- It goes forward only. Whoever wants to go back restores a backup, see docs/operations.md.
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from service.tables import Words
from service.upgrading import METADATA, revisions


def render(kind: str, value: Any, _context: Any) -> str | Literal[False]:
    """Draws types of ours as the template of revisions spells them."""
    return "WORDS" if kind == "type" and isinstance(value, Words) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=revisions.name,
    render_as_batch=True,
    render_item=render,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
