"""The rows of evaluations: what came of each, kept compressed, some dozens of bytes a row."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import count

import orjson
import sqlalchemy as sa

from benchmarks.datasets.records import Example
from benchmarks.errors import InputError
from benchmarks.evaluation.rollout import Rollout
from service.home import Home
from service.scoring import Scored
from service.tables import evaluation_items

ROWS_PER_CHUNK = 500
MOST_DETAIL = 500
"""No more characters are kept of what an endpoint said of a failure."""


class NotComparable(InputError):
    """Two evaluations have not the same rows or metric, or not both have succeeded."""


@dataclass(frozen=True, slots=True)
class Item:
    """What came of one row: the `answer` that was taken out of the `reply`, None where there was none, and its `score`
    in [0, 1], None where it is missing. `problem` is a word for what went wrong, if anything did, and `detail` says
    more about it."""

    row: str
    expected: str
    answer: str | None
    reply: str | None
    score: float | None
    problem: str | None
    detail: str

    @staticmethod
    def of(example: Example, rollout: Rollout) -> Item:
        """The row of a rollout."""
        return Item(
            example.id,
            example.answer,
            rollout.answer,
            rollout.reply,
            rollout.score,
            rollout.problem,
            rollout.detail[:MOST_DETAIL],
        )


@dataclass(frozen=True, slots=True)
class EvaluationItems:
    """The rows of the evaluations of a home, or, where `home` is a hold, of the one that is written for."""

    home: Home

    def keep(self, job_id: str, scored: Scored) -> None:
        """Keeps the rows of an evaluation, in place of any that it had."""
        rows = [astuple(Item.of(*pair)) for pair in zip(scored.examples, scored.rollouts, strict=True)]
        chunks = [
            {"job": job_id, "chunk": chunk, "rows": zlib.compress(orjson.dumps(rows[start : start + ROWS_PER_CHUNK]))}
            for chunk, start in enumerate(range(0, len(rows), ROWS_PER_CHUNK))
        ]
        with self.home.writing() as connection:
            connection.execute(sa.delete(evaluation_items).where(evaluation_items.c.job == job_id))
            connection.execute(evaluation_items.insert(), chunks)

    def rows(self, job_id: str, after: int = 0) -> Iterator[Item]:
        """The rows in the dataset's order, from the one after number `after`; none for an evaluation that has not
        succeeded."""
        for chunk in count(after // ROWS_PER_CHUNK):
            query = sa.select(evaluation_items.c.rows).where(
                evaluation_items.c.job == job_id, evaluation_items.c.chunk == chunk
            )
            with self.home.reading() as connection:
                packed = connection.scalar(query)
            if packed is None:
                return
            first = max(0, after - chunk * ROWS_PER_CHUNK)
            yield from (Item(*row) for row in orjson.loads(zlib.decompress(packed))[first:])
