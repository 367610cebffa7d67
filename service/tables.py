"""The tables of the service, beside the ledger in the one database."""

from __future__ import annotations

import sqlalchemy as sa

from benchmarks.ledger.texts import storable

tables = sa.MetaData()


class Words(sa.TypeDecorator[str]):
    """A text that every database can hold, in the order of its code points, whatever the server's locale is."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[str]:
        """PostgreSQL would sort by the rules of a language; SQLite compares bytes."""
        return sa.Text(collation="C") if dialect.name == "postgresql" else sa.Text()

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """The text to be kept, or compared with."""
        return None if value is None else storable(value)


optimizations = sa.Table(
    "optimizations",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("identity", Words, nullable=False, index=True),
    sa.Column("epoch_number", sa.Integer, nullable=False),
    sa.Column("task", Words, nullable=False),
    sa.Column("status", Words, nullable=False),
    sa.Column("ledger_mark", sa.BigInteger),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("request", sa.JSON),
    sa.Column("progress", sa.JSON),
    sa.Column("result", sa.JSON),
    sa.Column("error", Words),
    sa.Column("created_at", Words, nullable=False),
    sa.Column("updated_at", Words, nullable=False),
    sa.UniqueConstraint("identity", "epoch_number"),
)
"""One row a job: the truth about its status. `ledger_mark` is set when it first runs; `request` is what was asked for
over REST, so that any worker can run it."""

events = sa.Table(
    "optimization_events",
    tables,
    sa.Column("optimization", Words, sa.ForeignKey("optimizations.id"), primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True),
    sa.Column("kind", Words, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("created_at", Words, nullable=False),
)
"""What happened in each job, counted from 1."""

idempotency = sa.Table(
    "idempotency_keys",
    tables,
    sa.Column("owner", Words, primary_key=True),
    sa.Column("key", Words, primary_key=True),
    sa.Column("body_digest", Words, nullable=False),
    sa.Column("optimization", Words),
    sa.Column("created_at", Words, nullable=False),
)
"""Requests that must not be carried out twice; `optimization` is what came of them."""

api_keys = sa.Table(
    "api_keys",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("name", Words, nullable=False),
    sa.Column("digest", Words, nullable=False, unique=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.Column("revoked_at", Words),
)
"""Keys to the REST API; only their SHA-256 is kept."""

decisions = sa.Table(
    "decisions",
    tables,
    sa.Column("optimization", Words, sa.ForeignKey("optimizations.id"), primary_key=True),
    sa.Column("point", Words, primary_key=True),
    sa.Column("fact", sa.JSON, nullable=False),
)
"""The decision logs of all jobs."""

searches = sa.Table(
    "searches",
    tables,
    sa.Column("optimization", Words, sa.ForeignKey("optimizations.id"), primary_key=True),
    sa.Column("answers", Words, nullable=False),
    sa.Column("data", Words, nullable=False),
    sa.Column("inherited", sa.JSON, nullable=False),
    sa.Column("model", Words, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.Index("searches_by_answers", "answers", "created_at"),
)
"""What each job's prompts were made for, and tuned on: the digests of what its answers are and of its data, and those
of all other data that the prompts it started from were tuned on."""

searched_data = sa.Table(
    "searched_data",
    tables,
    sa.Column("data", Words, primary_key=True),
    sa.Column("inputs", sa.LargeBinary, nullable=False),
    sa.Column("answers", sa.LargeBinary, nullable=False),
    sa.Column("rows", sa.LargeBinary, nullable=False),
)
"""By a dataset's digest, what the searches on it saw: the vocabulary and the keys of its train and validation rows."""

looks = sa.Table(
    "looks",
    tables,
    sa.Column("test_digest", Words, primary_key=True),
    sa.Column("look", Words, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.UniqueConstraint("test_digest", "number"),
)
"""Looks at test splits, counted from 1 for each split."""

versions = sa.Table(
    "prompt_versions",
    tables,
    sa.Column("name", Words, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("digest", Words, nullable=False),
    sa.Column("prompt", sa.JSON, nullable=False),
    sa.Column("evidence", sa.JSON),
    sa.Column("created_at", Words, nullable=False),
    sa.UniqueConstraint("name", "digest"),
)
"""Immutable versions of prompts, with what backs them."""

labels = sa.Table(
    "prompt_labels",
    tables,
    sa.Column("name", Words, primary_key=True),
    sa.Column("label", Words, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.ForeignKeyConstraint(["name", "version"], ["prompt_versions.name", "prompt_versions.version"]),
)
"""Where each label points now."""

label_moves = sa.Table(
    "label_moves",
    tables,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", Words, nullable=False),
    sa.Column("label", Words, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("replaced", sa.Integer),
    sa.Column("why", Words, nullable=False),
    sa.Column("moved_by", Words, nullable=False),
    sa.Column("created_at", Words, nullable=False),
)
"""Every move of every label, append-only."""
