"""The tables of the ledger, small for a million rows: what many rows share is kept once."""

from __future__ import annotations

import sqlalchemy as sa

tables = sa.MetaData()

_Large = sa.BigInteger().with_variant(sa.Integer, "sqlite")

texts = sa.Table(
    "ledger_texts",
    tables,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False, unique=True),
)
"""Names and digests that rows of the ledger refer to by number. None is ever deleted: processes remember them."""

ledger = sa.Table(
    "ledger",
    tables,
    sa.Column("sequence", _Large, primary_key=True, autoincrement=True),
    sa.Column("created_at", _Large, nullable=False),
    sa.Column("cost_usd", sa.Float),
    sa.Column("latency_s", sa.Float, nullable=False),
    sa.Column("project", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("endpoint", sa.Integer, nullable=False),
    sa.Column("model", sa.Integer, nullable=False),
    sa.Column("prompt_digest", sa.Integer, nullable=False),
    sa.Column("example_id", sa.Integer, nullable=False),
    sa.Column("repeat", sa.Integer, nullable=False),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False),
    sa.Column("cached_tokens", sa.Integer, nullable=False),
    sa.Column("lost_attempts", sa.Integer, nullable=False),
    sa.Column("truncated", sa.Boolean, nullable=False),
    sa.Column("key", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("failure", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("packed", sa.LargeBinary),
    sqlite_autoincrement=True,
)
"""One row a call. `created_at` is in milliseconds since 1970. `failure` is its kind, or null for a reply. Either `text`
is the reply, or the failure's detail, or `packed` is the same, compressed. The six references are to `ledger_texts`."""
