"""Registered datasets: immutable versions by name and digest, readable by every worker."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import orjson
import sqlalchemy as sa

from benchmarks.datasets.ingest import Ingested
from benchmarks.datasets.records import Split
from benchmarks.datasets.rows import Row
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.datasets.versions import FEWEST_DIGITS, DatasetVersion
from benchmarks.errors import DataError
from service.home import Home
from service.tables import dataset_rows, datasets

ROWS_PER_CHUNK = 500


class UnknownDataset(DataError):
    """There is no such dataset, or no such version of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A version as it is kept, without its rows. `profile` and `findings` are those of the upload that brought it;
    `created_at` is UTC in ISO 8601."""

    number: int
    name: str
    digest: str
    inputs: Sequence[str]
    output: str
    columns: Sequence[str]
    seed: int | None
    profile: Mapping[str, Any]
    findings: Sequence[Mapping[str, str]]
    created_by: str
    created_at: str

    @property
    def reference(self) -> str:
        """`name@digest`."""
        return f"{self.name}@{self.digest}"


_SHOWN = [datasets.c[name] for name in Stored.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Datasets:
    """The datasets of a home."""

    home: Home

    def add(self, ingested: Ingested, created_by: str) -> tuple[Stored, bool]:
        """The version as it is kept, and whether it is new: the same rows, roles and split under the same name are
        kept once, with what was said about them first."""
        version = ingested.version
        chunks = list(_packed(version))
        findings = [{"severity": f.severity.value, "code": f.code, "message": f.message} for f in ingested.findings]
        with self.home.writing() as connection:
            found = self._one(connection, version.name, version.digest)
            if found is not None:
                return found, False
            held = sa.select(dataset_rows.c.chunk).where(dataset_rows.c.digest == version.digest).limit(1)
            if connection.scalar(held) is None:
                connection.execute(
                    dataset_rows.insert(),
                    [{"digest": version.digest, "chunk": number, "rows": chunk} for number, chunk in enumerate(chunks)],
                )
            connection.execute(
                datasets.insert().values(
                    name=version.name,
                    digest=version.digest,
                    inputs=list(version.inputs),
                    output=version.output,
                    columns=list(version.columns),
                    seed=version.seed,
                    profile=ingested.profile,
                    findings=findings,
                    created_by=created_by,
                    created_at=self.home.timestamp(),
                )
            )
            added = self._one(connection, version.name, version.digest)
        assert added is not None  # noqa: S101 - it was written in this transaction
        return added, True

    def describe(self, reference: str) -> Stored:
        """The version that `name` (its latest) or `name@digest` refers to; eight digits of the digest are enough where
        they tell it apart. Raises UnknownDataset."""
        name, _, digits = reference.partition("@")
        query = sa.select(*_SHOWN).where(datasets.c.name == name).order_by(datasets.c.number.desc())
        if digits:
            query = query.where(datasets.c.digest.startswith(digits, autoescape=True))
        with self.home.reading() as connection:
            found = connection.execute(query.limit(2)).all()
        if not found or (digits and (len(digits) < FEWEST_DIGITS or len(found) > 1)):
            raise UnknownDataset(self._nothing(name, digits))
        return Stored(**found[0]._mapping)

    def find(self, reference: str) -> DatasetVersion:
        """The version that `reference` refers to, with its rows. Raises UnknownDataset."""
        stored = self.describe(reference)
        rows = [found for _, found in self._rows(stored)]
        return DatasetVersion(
            name=stored.name,
            inputs=tuple(stored.inputs),
            output=stored.output,
            seed=stored.seed,
            columns=tuple(stored.columns),
            rows=tuple(row for _, row in rows),
            splits=tuple(split for split, _ in rows),
        )

    def rows(self, reference: str, split: Split, limit: int, after: int = 0) -> list[tuple[int, Mapping[str, str]]]:
        """At most `limit` rows of one split with their numbers in the dataset, from the one after number `after`, in
        the order of the file. Raises UnknownDataset."""
        with closing(self._rows(self.describe(reference), after)) as rows:
            found = ((number, row.values) for number, (side, row) in rows if side is split)
            return list(islice(found, limit))

    def listed(self, limit: int, *, name: str | None = None, before: int | None = None) -> list[Stored]:
        """At most `limit` versions, the newest first, from the one before number `before`; only those of `name`."""
        query = sa.select(*_SHOWN).order_by(datasets.c.number.desc()).limit(limit)
        if name is not None:
            query = query.where(datasets.c.name == name)
        if before is not None:
            query = query.where(datasets.c.number < before)
        with self.home.reading() as connection:
            return [Stored(**row._mapping) for row in connection.execute(query)]

    def _one(self, connection: sa.Connection, name: str, digest: str) -> Stored | None:
        query = sa.select(*_SHOWN).where(datasets.c.name == name, datasets.c.digest == digest)
        row = connection.execute(query).one_or_none()
        return None if row is None else Stored(**row._mapping)

    def _rows(self, stored: Stored, after: int = 0) -> Generator[tuple[int, tuple[Split, Row]], None, None]:
        """The rows after number `after`, with their numbers, from 1."""
        splits = list(Split)
        with self.home.reading() as connection:
            for chunk in count(after // ROWS_PER_CHUNK):
                packed = connection.scalar(
                    sa.select(dataset_rows.c.rows).where(
                        dataset_rows.c.digest == stored.digest, dataset_rows.c.chunk == chunk
                    )
                )
                if packed is None:
                    return
                rows = orjson.loads(zlib.decompress(packed))
                for number, (split, *texts) in enumerate(rows, start=chunk * ROWS_PER_CHUNK + 1):
                    if number > after:
                        values = dict(zip(stored.columns, texts, strict=True))
                        yield number, (splits[split], Row(values=values, origin=f"{stored.name}, row {number}"))

    def _nothing(self, name: str, digits: str) -> str:
        with self.home.reading() as connection:
            names = list(connection.scalars(sa.select(datasets.c.name).distinct().order_by(datasets.c.name)))
        if name not in names:
            listed = f" There are: {', '.join(names)}." if names else " POST /v1/datasets or whet dataset add adds one."
            return f"There is no dataset '{name}'.{listed}{did_you_mean(name, names)}"
        return (
            f"The dataset '{name}' has not exactly one version {digits!r}; name it by its digest, or by its first "
            f"{FEWEST_DIGITS} digits or more."
        )


def _packed(version: DatasetVersion) -> Iterator[bytes]:
    """Chunks of rows: the number of the split, then the texts in the order of the columns."""
    number_of = {split: number for number, split in enumerate(Split)}
    lines = [
        [number_of[split], *(row.values[column] for column in version.columns)]
        for split, row in zip(version.splits, version.rows, strict=True)
    ]
    for start in range(0, len(lines), ROWS_PER_CHUNK):
        yield zlib.compress(orjson.dumps(lines[start : start + ROWS_PER_CHUNK]), level=6)
