"""Which requests went out in which batch, written down before they leave.

A submission is a batch from the moment its requests are chosen. Its id goes into the batch's metadata, so that after a
crash at any moment the provider can be asked whether the batch was made. The rows of a run stay until the run is over:
by then every reply is in the ledger.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from benchmarks.models.protocol import ModelIdentity

MOST_AT_ONCE = 500
"""Keys in one statement."""

tables = sa.MetaData()

batches = sa.Table(
    "batches",
    tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, nullable=False, index=True),
    sa.Column("mark", sa.BigInteger, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("batch_id", sa.Text),
    sa.Column("begun_at_s", sa.Float, nullable=False),
    sa.Column("asked_at_s", sa.Float),
)
"""One row a submission. `run` and `mark` are those of whoever made it, `batch_id` is the provider's name for it, once
it has one; `asked_at_s` is when the provider was last asked to make it (seconds since 1970, as is `begun_at_s`)."""

requests = sa.Table(
    "batch_requests",
    tables,
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("batch", sa.Text, sa.ForeignKey("batches.id"), nullable=False, index=True),
)
"""The submission that each request, by its key in the ledger, went out in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One batch, or what is to become one; see the table `batches`."""

    id: str
    batch_id: str | None
    begun_at_s: float
    asked_at_s: float | None


class Storage(Protocol):
    """Where submissions are kept. Each of the three raises StorageError if it cannot be had."""

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """A connection to read from."""
        ...

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """A transaction that no other writer interrupts."""
        ...

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Keeps other processes out of `name` while held; a process that dies lets go."""
        ...


class Submissions:
    """The submissions in `storage`, as one run sees and adds to them.

    `run` names what is being run: the same again goes on where it was interrupted. `mark` is the ledger's mark at the
    first start of the run, which is earlier than `now_mark` if the run was interrupted. Every method raises
    StorageError if the storage fails.
    """

    def __init__(self, storage: Storage, *, run: str, now_mark: int) -> None:
        self._storage = storage
        self._run = run
        with storage.reading() as connection:
            begun = connection.scalar(sa.select(sa.func.min(batches.c.mark)).where(batches.c.run == run))
        self.mark = now_mark if begun is None else min(begun, now_mark)

    def lock(self, name: str) -> AbstractContextManager[None]:
        """See `Storage.lock`."""
        return self._storage.lock(name)

    def holding(self, keys: Sequence[bytes]) -> dict[bytes, Submission]:
        """The submission of each of `keys` that has one."""
        found: dict[bytes, Submission] = {}
        shown = (batches.c.id, batches.c.batch_id, batches.c.begun_at_s, batches.c.asked_at_s)
        with self._storage.reading() as connection:
            for group in _groups(keys):
                query = sa.select(requests.c.key, *shown).join(batches).where(requests.c.key.in_(group))
                for key, number, batch_id, begun_at_s, asked_at_s in connection.execute(query):
                    found[bytes(key)] = Submission(
                        id=number, batch_id=batch_id, begun_at_s=begun_at_s, asked_at_s=asked_at_s
                    )
        return found

    def begin(self, keys: Iterable[bytes], model: ModelIdentity, now_s: float) -> Submission:
        """A new submission of `keys`, which no other holds."""
        submission = Submission(id=uuid.uuid4().hex, batch_id=None, begun_at_s=now_s, asked_at_s=None)
        with self._storage.writing() as connection:
            connection.execute(
                sa.insert(batches).values(
                    id=submission.id,
                    run=self._run,
                    mark=self.mark,
                    endpoint=model.endpoint,
                    model=model.model,
                    begun_at_s=now_s,
                )
            )
            connection.execute(sa.insert(requests), [{"key": key, "batch": submission.id} for key in keys])
        return submission

    def asking(self, submission: Submission, now_s: float) -> None:
        """The provider is about to be asked to make the batch."""
        self._update(submission, asked_at_s=now_s)

    def made(self, submission: Submission, batch_id: str) -> None:
        """The provider has made the batch."""
        self._update(submission, batch_id=batch_id)

    def drop(self, submission: Submission) -> None:
        """Forgets a submission that nothing will come of: its requests may go out anew."""
        with self._storage.writing() as connection:
            connection.execute(sa.delete(requests).where(requests.c.batch == submission.id))
            connection.execute(sa.delete(batches).where(batches.c.id == submission.id))

    def forget(self, keys: Sequence[bytes]) -> None:
        """Forgets where `keys` went, and submissions of which nothing is left: the ledger has their replies, or they
        may go out anew."""
        with self._storage.writing() as connection:
            touched: set[str] = set()
            for group in _groups(keys):
                held = requests.c.key.in_(group)
                touched.update(connection.scalars(sa.select(requests.c.batch).where(held).distinct()))
                connection.execute(sa.delete(requests).where(held))
            for number in touched:
                left = sa.exists().where(requests.c.batch == number)
                connection.execute(sa.delete(batches).where(batches.c.id == number, ~left))

    def forget_run(self) -> None:
        """Forgets what this run has submitted: it is over, and the ledger has the replies, those that an interrupted
        beginning of it had kept before."""
        own = sa.select(batches.c.id).where(batches.c.run == self._run)
        with self._storage.writing() as connection:
            connection.execute(sa.delete(requests).where(requests.c.batch.in_(own)))
            connection.execute(sa.delete(batches).where(batches.c.run == self._run))

    def _update(self, submission: Submission, **values: str | float) -> None:
        with self._storage.writing() as connection:
            connection.execute(sa.update(batches).where(batches.c.id == submission.id).values(**values))


def _groups(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), MOST_AT_ONCE):
        yield keys[start : start + MOST_AT_ONCE]
