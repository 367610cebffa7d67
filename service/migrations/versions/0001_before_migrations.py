"""The tables as whet made them before it had migrations; see `service/upgrading.py` for how it recognises them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LARGE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Makes all tables in an empty database."""
    ledger()
    batches()
    optimizations()
    prompts()
    requests()


def ledger() -> None:
    """Every reply that was ever paid for."""
    op.create_table(
        "ledger_texts",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("text", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "ledger",
        sa.Column("sequence", LARGE, primary_key=True, autoincrement=True),
        sa.Column("created_at", LARGE, nullable=False),
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


def batches() -> None:
    """Requests under way in batches."""
    op.create_table(
        "batches",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("run", sa.Text, nullable=False, index=True),
        sa.Column("mark", sa.BigInteger, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("batch_id", sa.Text),
        sa.Column("begun_at_s", sa.Float, nullable=False),
        sa.Column("asked_at_s", sa.Float),
    )
    op.create_table(
        "batch_requests",
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), nullable=False, index=True),
    )


def optimizations() -> None:
    """Jobs, and what is known of each."""
    op.create_table(
        "optimizations",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("identity", WORDS, nullable=False, index=True),
        sa.Column("epoch_number", sa.Integer, nullable=False),
        sa.Column("task", WORDS, nullable=False),
        sa.Column("status", WORDS, nullable=False),
        sa.Column("ledger_mark", sa.BigInteger),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("request", sa.JSON),
        sa.Column("progress", sa.JSON),
        sa.Column("result", sa.JSON),
        sa.Column("error", WORDS),
        sa.Column("created_at", WORDS, nullable=False),
        sa.Column("updated_at", WORDS, nullable=False),
        sa.UniqueConstraint("identity", "epoch_number"),
    )
    op.create_table(
        "optimization_events",
        sa.Column("optimization", WORDS, sa.ForeignKey("optimizations.id"), primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
    )
    op.create_table(
        "decisions",
        sa.Column("optimization", WORDS, sa.ForeignKey("optimizations.id"), primary_key=True),
        sa.Column("point", WORDS, primary_key=True),
        sa.Column("fact", sa.JSON, nullable=False),
    )
    op.create_table(
        "searches",
        sa.Column("optimization", WORDS, sa.ForeignKey("optimizations.id"), primary_key=True),
        sa.Column("answers", WORDS, nullable=False),
        sa.Column("data", WORDS, nullable=False),
        sa.Column("inherited", sa.JSON, nullable=False),
        sa.Column("model", WORDS, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
    )
    op.create_index("searches_by_answers", "searches", ["answers", "created_at"])
    op.create_table(
        "searched_data",
        sa.Column("data", WORDS, primary_key=True),
        sa.Column("inputs", sa.LargeBinary, nullable=False),
        sa.Column("answers", sa.LargeBinary, nullable=False),
        sa.Column("rows", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "looks",
        sa.Column("test_digest", WORDS, primary_key=True),
        sa.Column("look", WORDS, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
        sa.UniqueConstraint("test_digest", "number"),
    )


def prompts() -> None:
    """The registry."""
    op.create_table(
        "prompt_versions",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("digest", WORDS, nullable=False),
        sa.Column("prompt", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON),
        sa.Column("created_at", WORDS, nullable=False),
        sa.UniqueConstraint("name", "digest"),
    )
    op.create_table(
        "prompt_labels",
        sa.Column("name", WORDS, primary_key=True),
        sa.Column("label", WORDS, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["name", "version"], ["prompt_versions.name", "prompt_versions.version"]),
    )
    op.create_table(
        "label_moves",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("replaced", sa.Integer),
        sa.Column("why", WORDS, nullable=False),
        sa.Column("moved_by", WORDS, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
    )


def requests() -> None:
    """Who may ask over REST, and what must not be carried out twice."""
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", WORDS, primary_key=True),
        sa.Column("key", WORDS, primary_key=True),
        sa.Column("body_digest", WORDS, nullable=False),
        sa.Column("optimization", WORDS),
        sa.Column("created_at", WORDS, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", WORDS, primary_key=True),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("digest", WORDS, nullable=False, unique=True),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
        sa.Column("revoked_at", WORDS),
    )
