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


jobs = sa.Table(
    "jobs",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("kind", Words, nullable=False, server_default="optimization"),
    sa.Column("identity", Words, nullable=False, index=True),
    sa.Column("epoch_number", sa.Integer, nullable=False),
    sa.Column("task", Words, nullable=False),
    sa.Column("status", Words, nullable=False),
    sa.Column("ledger_mark", sa.BigInteger),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("request", sa.JSON),
    sa.Column("progress", sa.JSON),
    sa.Column("best", sa.JSON),
    sa.Column("result", sa.JSON),
    sa.Column("error", Words),
    sa.Column("owner", Words),
    sa.Column("heartbeat_at", Words),
    sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("endpoint", Words),
    sa.Column("ledger_epoch", Words),
    sa.Column("created_at", Words, nullable=False),
    sa.Column("updated_at", Words, nullable=False),
    sa.UniqueConstraint("identity", "epoch_number"),
)
"""One row a job: the truth about its status. `ledger_mark` is set when it first runs; `request` is what was asked for
over REST, so that any worker can run it; `best` is the prompt that leads so far. `owner` is the process that runs it
and says so with `heartbeat_at`; `fence` counts how often it was taken. Of those that wait, a higher `priority` goes
first, and the `endpoint` of its task model, as the operator calls it, takes so many at a time. `ledger_epoch` is the
one to ask in where the job has none of its own: that of an evaluation, or of the night it belongs to."""

events = sa.Table(
    "job_events",
    tables,
    sa.Column("job", Words, sa.ForeignKey("jobs.id"), primary_key=True),
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
    sa.Column("job", Words),
    sa.Column("created_at", Words, nullable=False),
)
"""Requests that must not be carried out twice; `job` is what came of them."""

api_keys = sa.Table(
    "api_keys",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("name", Words, nullable=False),
    sa.Column("digest", Words, nullable=False, unique=True),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.Column("revoked_at", Words),
    sa.Column("expires_at", Words),
    sa.Column("calls_per_day", sa.Integer),
    sa.Column("last_used_at", Words),
)
"""Keys to the REST API; only their SHA-256 is kept. `calls_per_day` is what the jobs may spend that are asked for with
the key on one day (UTC); `last_used_at` is written now and then."""

decisions = sa.Table(
    "decisions",
    tables,
    sa.Column("job", Words, sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("point", Words, primary_key=True),
    sa.Column("fact", sa.JSON, nullable=False),
)
"""The decision logs of all jobs."""

searches = sa.Table(
    "searches",
    tables,
    sa.Column("job", Words, sa.ForeignKey("jobs.id"), primary_key=True),
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
    sa.Column("evidence", sa.JSON),
    sa.Column("undoes", sa.Integer),
    sa.Column("created_at", Words, nullable=False),
    sa.Index("label_moves_by_label", "name", "label", "sequence"),
)
"""Every move of every label, append-only. `evidence` is what backed the version at that time; a rollback `undoes` the
move with that sequence."""

upgrades = sa.Table(
    "upgrades",
    tables,
    sa.Column("revision", Words, primary_key=True),
    sa.Column("whet", Words, nullable=False),
)
"""Which version of whet made the database, or brought it to a later `revision`. Older versions read this to say who it
was: table and columns stay as they are."""

prompt_tags = sa.Table(
    "prompt_tags",
    tables,
    sa.Column("name", Words, primary_key=True),
    sa.Column("tag", Words, primary_key=True),
    sa.Index("prompt_tags_by_tag", "tag", "name"),
)
"""The words by which people find prompts."""

reservations = sa.Table(
    "reservations",
    tables,
    sa.Column("key", Words, sa.ForeignKey("api_keys.id"), primary_key=True),
    sa.Column("day", Words, primary_key=True),
    sa.Column("job", Words, primary_key=True),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("spent_before", sa.Integer, nullable=False),
    sa.Column("asking", sa.Boolean, nullable=False),
)
"""What the jobs that were asked for with a key on a day (UTC, in ISO 8601) may spend of its quota: at most `calls`
each, and what they have really spent, above what they had `spent_before`, once they have ended. `asking` until the job
is in the queue."""

datasets = sa.Table(
    "datasets",
    tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", Words, nullable=False),
    sa.Column("digest", Words, nullable=False),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("output", Words, nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("seed", sa.BigInteger),
    sa.Column("profile", sa.JSON, nullable=False),
    sa.Column("findings", sa.JSON, nullable=False),
    sa.Column("created_by", Words, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.UniqueConstraint("name", "digest"),
)
"""Versions of datasets, in the order in which they came. `seed` drew the split; null where the splits were given."""

dataset_rows = sa.Table(
    "dataset_rows",
    tables,
    sa.Column("digest", Words, primary_key=True),
    sa.Column("chunk", sa.Integer, primary_key=True),
    sa.Column("rows", sa.LargeBinary, nullable=False),
)
"""The rows of each digest, some hundreds to a chunk, compressed; names with the same content share them."""

registered_tasks = sa.Table(
    "tasks",
    tables,
    sa.Column("name", Words, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("digest", Words, nullable=False),
    sa.Column("content", sa.JSON, nullable=False),
    sa.Column("created_by", Words, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.UniqueConstraint("name", "digest"),
)
"""Immutable versions of tasks that name endpoints and a dataset's version."""

webhooks = sa.Table(
    "webhooks",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("url", Words, nullable=False),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("description", Words, nullable=False),
    sa.Column("secret", Words, nullable=False),
    sa.Column("previous_secret", Words),
    sa.Column("previous_until", Words),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("why_disabled", Words),
    sa.Column("created_by", Words, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.Column("updated_at", Words, nullable=False),
)
"""Who is told of which events. The secrets are kept as they are, for every message is signed with them; the previous
one signs too, until `previous_until`."""

deliveries = sa.Table(
    "webhook_deliveries",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("webhook", Words, sa.ForeignKey("webhooks.id"), nullable=False),
    sa.Column("event", Words, nullable=False),
    sa.Column("type", Words, nullable=False),
    sa.Column("body", Words, nullable=False),
    sa.Column("status", Words, nullable=False),
    sa.Column("due_at", Words, nullable=False),
    sa.Column("claims", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("attempts", sa.JSON, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.Index("webhook_deliveries_due", "status", "webhook", "due_at"),
    sa.Index("webhook_deliveries_of", "webhook", "created_at", "id"),
    sa.Index("webhook_deliveries_old", "created_at"),
)
"""What is to be sent, or was, written with the fact that it tells of. Of those that are pending each is next tried at
`due_at`; whoever tries one puts that off for a while first, so that nobody else does, and `claims` counts how often
that was done. `failures` counts the attempts that failed since it was last put up; `attempts` tells of the latest."""

schedules = sa.Table(
    "schedules",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("name", Words, nullable=False),
    sa.Column("task", Words, nullable=False),
    sa.Column("metric", Words, nullable=False),
    sa.Column("prompt", Words, nullable=False),
    sa.Column("anchor", sa.JSON),
    sa.Column("cron", Words, nullable=False),
    sa.Column("zone", Words, nullable=False),
    sa.Column("jitter_s", sa.Integer, nullable=False),
    sa.Column("misfire", Words, nullable=False),
    sa.Column("policy", sa.JSON, nullable=False),
    sa.Column("epochs", sa.Integer, nullable=False),
    sa.Column("budget", sa.JSON, nullable=False),
    sa.Column("on_regression", Words, nullable=False),
    sa.Column("optimization_budget", sa.JSON),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("at_once", sa.Boolean, nullable=False),
    sa.Column("next_due_at", Words, nullable=False),
    sa.Column("next_start_at", Words, nullable=False),
    sa.Column("opened", Words),
    sa.Column("created_by", Words, nullable=False),
    sa.Column("created_at", Words, nullable=False),
    sa.Column("updated_at", Words, nullable=False),
    sa.Column("deleted_at", Words),
    sa.Index("schedules_due", "enabled", "next_start_at"),
    sa.Index("schedules_by_name", "name"),
)
"""What is measured again and again, and when next: at `next_start_at`, for the due time `next_due_at`. `task` is
`name@version`, `prompt` what the next baseline is made of, `anchor` the prompt beside it where it is not the plain
one. `at_once`: the baseline is built without waiting for due times. `opened` is the regression that its latest verdict
says is open. One that was deleted stays for the nights that belong to it."""

baselines = sa.Table(
    "baselines",
    tables,
    sa.Column("schedule", Words, sa.ForeignKey("schedules.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("prompt", sa.JSON, nullable=False),
    sa.Column("anchor", sa.JSON, nullable=False),
    sa.Column("scores", sa.LargeBinary),
    sa.Column("begun_by", Words, nullable=False),
    sa.Column("why", Words, nullable=False),
    sa.Column("begun_at", Words, nullable=False),
    sa.Column("pinned_at", Words),
)
"""What nights are compared with, counted from 1: of one version of the prompt and one anchor, the row scores of several
epochs once it is pinned. A later one is begun only by somebody, who says why."""

nights = sa.Table(
    "nights",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("schedule", Words, sa.ForeignKey("schedules.id"), nullable=False),
    sa.Column("due_at", Words, nullable=False),
    sa.Column("baseline", sa.Integer, nullable=False),
    sa.Column("job", Words, sa.ForeignKey("jobs.id")),
    sa.Column("skipped", Words),
    sa.Column("scores", sa.LargeBinary),
    sa.Column("reading", sa.JSON),
    sa.Column("kind", Words),
    sa.Column("verdict", sa.JSON),
    sa.Column("regression", Words),
    sa.Column("judged_at", Words),
    sa.Column("created_at", Words, nullable=False),
    sa.UniqueConstraint("schedule", "due_at"),
    sa.Index("nights_by_job", "job"),
    sa.Index("nights_by_regression", "regression", "due_at"),
)
"""One row a due time: whoever writes it runs that night. It has a `job`, or a reason why it was `skipped`. A night of
the baseline leaves `scores`; a later one its `reading` and, once it was judged, its verdict, whose `kind` is one
word."""

regressions = sa.Table(
    "regressions",
    tables,
    sa.Column("id", Words, primary_key=True),
    sa.Column("task", Words, nullable=False),
    sa.Column("metric", Words, nullable=False),
    sa.Column("kind", Words, nullable=False),
    sa.Column("schedule", Words, sa.ForeignKey("schedules.id"), nullable=False),
    sa.Column("state", Words, nullable=False),
    sa.Column("opened_at", Words, nullable=False),
    sa.Column("opened_by", Words, nullable=False),
    sa.Column("resolved_at", Words),
    sa.Column("resolved_why", Words),
    sa.Column("acked_by", Words),
    sa.Column("acked_at", Words),
    sa.Column("note", Words),
    sa.Column("optimization", Words),
    sa.Column("open_for", Words, unique=True),
    sa.Index("regressions_by_time", "opened_at", "id"),
)
"""What verdicts opened. The latest verdict says the `kind`; `opened_by` is the night that opened it, `optimization` the
job that it started, if any. `open_for` names task and metric while it is open, so that at most one is."""

evaluation_items = sa.Table(
    "evaluation_items",
    tables,
    sa.Column("job", Words, sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("chunk", sa.Integer, primary_key=True),
    sa.Column("rows", sa.LargeBinary, nullable=False),
)
"""What came of each row of an evaluation that has succeeded, some hundreds to a chunk, compressed."""
