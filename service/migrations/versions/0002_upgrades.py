"""A database says which version of whet brought it to where it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Brings a database from 0001 to 0002."""
    op.create_table(
        "upgrades",
        sa.Column("revision", WORDS, primary_key=True),
        sa.Column("whet", WORDS, nullable=False),
    )
