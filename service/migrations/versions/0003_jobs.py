"""Everything that runs long is a job, of one kind or another, with an owner who can lose it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

ON_SERVERS = {
    "jobs": {
        "optimizations_pkey": "jobs_pkey",
        "optimizations_identity_epoch_number_key": "jobs_identity_epoch_number_key",
    },
    "job_events": {
        "optimization_events_pkey": "job_events_pkey",
        "optimization_events_optimization_fkey": "job_events_job_fkey",
    },
    "decisions": {"decisions_optimization_fkey": "decisions_job_fkey"},
    "searches": {"searches_optimization_fkey": "searches_job_fkey"},
}
"""Names that PostgreSQL made up, and does not change with those of tables and columns. SQLite has none."""


def upgrade() -> None:
    """Brings a database from 0002 to 0003."""
    op.rename_table("optimizations", "jobs")
    op.rename_table("optimization_events", "job_events")
    for table in ("job_events", "decisions", "searches", "idempotency_keys"):
        op.execute(f"ALTER TABLE {table} RENAME COLUMN optimization TO job")
    op.drop_index("ix_optimizations_identity", "jobs")
    op.create_index("ix_jobs_identity", "jobs", ["identity"])
    op.add_column("jobs", sa.Column("kind", WORDS, nullable=False, server_default="optimization"))
    op.add_column("jobs", sa.Column("best", sa.JSON))
    op.add_column("jobs", sa.Column("owner", WORDS))
    op.add_column("jobs", sa.Column("heartbeat_at", WORDS))
    op.add_column("jobs", sa.Column("fence", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("endpoint", WORDS))
    if op.get_bind().dialect.name == "postgresql":
        for table, names in ON_SERVERS.items():
            for old, new in names.items():
                op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
