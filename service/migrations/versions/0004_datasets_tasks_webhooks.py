"""Datasets, tasks, tags, quotas, webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Brings a database from 0003 to 0004."""
    op.create_table(
        "dataset_rows",
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "chunk"),
    )
    op.create_table(
        "datasets",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("output", WORDS, nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger()),
        sa.Column("profile", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("name", "digest"),
    )
    op.create_table(
        "prompt_tags",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("tag", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", "tag"),
    )
    op.create_index("prompt_tags_by_tag", "prompt_tags", ["tag", "name"])

    op.create_table(
        "tasks",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
        sa.UniqueConstraint("name", "digest"),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("description", WORDS, nullable=False),
        sa.Column("secret", WORDS, nullable=False),
        sa.Column("previous_secret", WORDS),
        sa.Column("previous_until", WORDS),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("why_disabled", WORDS),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
        sa.Column("updated_at", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "reservations",
        sa.Column("key", WORDS, nullable=False),
        sa.Column("day", WORDS, nullable=False),
        sa.Column("job", WORDS, nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("spent_before", sa.Integer(), nullable=False),
        sa.Column("asking", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["key"], ["api_keys.id"]),
        sa.PrimaryKeyConstraint("key", "day", "job"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("webhook", WORDS, nullable=False),
        sa.Column("event", WORDS, nullable=False),
        sa.Column("type", WORDS, nullable=False),
        sa.Column("body", WORDS, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("due_at", WORDS, nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.JSON(), nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["webhook"], ["webhooks.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_deliveries_due", "webhook_deliveries", ["status", "webhook", "due_at"])
    op.create_index("webhook_deliveries_of", "webhook_deliveries", ["webhook", "created_at", "id"])
    op.create_index("webhook_deliveries_old", "webhook_deliveries", ["created_at"])

    op.add_column("api_keys", sa.Column("expires_at", WORDS))
    op.add_column("api_keys", sa.Column("calls_per_day", sa.Integer()))
    op.add_column("api_keys", sa.Column("last_used_at", WORDS))

    op.add_column("label_moves", sa.Column("evidence", sa.JSON()))
    op.add_column("label_moves", sa.Column("undoes", sa.Integer()))
    op.create_index("label_moves_by_label", "label_moves", ["name", "label", "sequence"])
    op.execute(
        "UPDATE label_moves SET evidence = (SELECT evidence FROM prompt_versions"
        " WHERE prompt_versions.name = label_moves.name AND prompt_versions.version = label_moves.version)"
    )
