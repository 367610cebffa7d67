"""Schedules, nights, regressions; and jobs that ask in an epoch of somebody else's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Brings a database from 0005 to 0006."""
    op.add_column("jobs", sa.Column("ledger_epoch", WORDS))
    op.create_table(
        "schedules",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("task", WORDS, nullable=False),
        sa.Column("metric", WORDS, nullable=False),
        sa.Column("prompt", WORDS, nullable=False),
        sa.Column("anchor", sa.JSON()),
        sa.Column("cron", WORDS, nullable=False),
        sa.Column("zone", WORDS, nullable=False),
        sa.Column("jitter_s", sa.Integer(), nullable=False),
        sa.Column("misfire", WORDS, nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("budget", sa.JSON(), nullable=False),
        sa.Column("on_regression", WORDS, nullable=False),
        sa.Column("optimization_budget", sa.JSON()),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.Column("next_due_at", WORDS, nullable=False),
        sa.Column("next_start_at", WORDS, nullable=False),
        sa.Column("opened", WORDS),
        sa.Column("created_by", WORDS, nullable=False),
        sa.Column("created_at", WORDS, nullable=False),
        sa.Column("updated_at", WORDS, nullable=False),
        sa.Column("deleted_at", WORDS),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("schedules_due", "schedules", ["enabled", "next_start_at"])
    op.create_index("schedules_by_name", "schedules", ["name"])
    op.create_table(
        "baselines",
        sa.Column("schedule", WORDS, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.JSON(), nullable=False),
        sa.Column("anchor", sa.JSON(), nullable=False),
        sa.Column("scores", sa.LargeBinary()),
        sa.Column("begun_by", WORDS, nullable=False),
        sa.Column("why", WORDS, nullable=False),
        sa.Column("begun_at", WORDS, nullable=False),
        sa.Column("pinned_at", WORDS),
        sa.ForeignKeyConstraint(["schedule"], ["schedules.id"]),
        sa.PrimaryKeyConstraint("schedule", "number"),
    )
    op.create_table(
        "nights",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("schedule", WORDS, nullable=False),
        sa.Column("due_at", WORDS, nullable=False),
        sa.Column("baseline", sa.Integer(), nullable=False),
        sa.Column("job", WORDS),
        sa.Column("skipped", WORDS),
        sa.Column("scores", sa.LargeBinary()),
        sa.Column("reading", sa.JSON()),
        sa.Column("kind", WORDS),
        sa.Column("verdict", sa.JSON()),
        sa.Column("regression", WORDS),
        sa.Column("judged_at", WORDS),
        sa.Column("created_at", WORDS, nullable=False),
        sa.ForeignKeyConstraint(["schedule"], ["schedules.id"]),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("schedule", "due_at"),
    )
    op.create_index("nights_by_job", "nights", ["job"])
    op.create_index("nights_by_regression", "nights", ["regression", "due_at"])
    op.create_table(
        "regressions",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("task", WORDS, nullable=False),
        sa.Column("metric", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("schedule", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("opened_at", WORDS, nullable=False),
        sa.Column("opened_by", WORDS, nullable=False),
        sa.Column("resolved_at", WORDS),
        sa.Column("resolved_why", WORDS),
        sa.Column("acked_by", WORDS),
        sa.Column("acked_at", WORDS),
        sa.Column("note", WORDS),
        sa.Column("optimization", WORDS),
        sa.Column("open_for", WORDS),
        sa.ForeignKeyConstraint(["schedule"], ["schedules.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("open_for"),
    )
    op.create_index("regressions_by_time", "regressions", ["opened_at", "id"])
