"""The rows of evaluations come back as they were, in little space."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from benchmarks.digests import digest
from benchmarks.evaluation.rollout import Rollout
from service.evaluation_items import MOST_DETAIL, ROWS_PER_CHUNK, EvaluationItems, Item
from service.home import Home
from service.jobs import SUCCEEDED
from service.scoring import Scored
from service.tables import evaluation_items, jobs

Row = tuple[str, str, str | None, float | None, str]
"""Id, expected answer, reply, score, detail."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
outcomes = st.tuples(
    texts, texts, st.one_of(st.none(), texts), st.one_of(st.none(), st.floats(min_value=0, max_value=1)), texts
)


def scored(rows: Sequence[Row]) -> Scored:
    """What came of these rows."""
    return Scored(
        examples=tuple(Example(id=row[0], inputs={}, answer=row[1], slices={}, origin="") for row in rows),
        rollouts=tuple(
            Rollout(prompt_digest="p", example_id=row[0], score=row[3], answer=row[2], reply=row[2], detail=row[4])
            for row in rows
        ),
        agreement=None,
        spent={},
    )


def begun(home: Home) -> str:
    with home.writing() as connection:
        at = home.timestamp()
        if connection.scalar(sa.select(jobs.c.id)) is None:
            row = {"id": "eval-1", "kind": "evaluation", "identity": "i", "epoch_number": 0, "task": "t", "spec": {}}
            connection.execute(jobs.insert().values(**row, status=SUCCEEDED, created_at=at, updated_at=at))
    return "eval-1"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(outcomes, min_size=1, max_size=20), st.integers(1, 8))
def test_pages_of_rows_are_all_rows_in_their_order(home: Home, rows: list[Row], limit: int) -> None:
    job_id, kept = begun(home), EvaluationItems(home)
    kept.keep(job_id, scored(rows))
    found: list[Item] = []
    while page := list(islice(kept.rows(job_id, after=len(found)), limit)):
        found += page
    assert [(item.row, item.expected, item.reply, item.score, item.detail) for item in found] == rows
    assert list(kept.rows(job_id)) == found


def test_a_page_may_begin_in_any_chunk(home: Home) -> None:
    kept, numbers = EvaluationItems(home), list(range(2 * ROWS_PER_CHUNK + 1))
    kept.keep(begun(home), scored([(str(number), "a", None, None, "") for number in numbers]))
    for after in (0, ROWS_PER_CHUNK - 1, ROWS_PER_CHUNK, ROWS_PER_CHUNK + 1, 2 * ROWS_PER_CHUNK):
        assert [int(item.row) for item in islice(kept.rows("eval-1", after), 3)] == numbers[after : after + 3]
    assert list(kept.rows("eval-1", len(numbers))) == list(kept.rows("eval-1", 9999)) == []
    kept.keep("eval-1", scored([("new", "a", None, None, "")]))
    assert [item.row for item in kept.rows("eval-1")] == ["new"]


def test_an_evaluation_without_rows_has_none(home: Home) -> None:
    assert list(EvaluationItems(home).rows("eval-nowhere")) == []


def test_what_an_endpoint_says_of_a_failure_is_cut(home: Home) -> None:
    kept = EvaluationItems(home)
    kept.keep(begun(home), scored([("1", "a", None, None, "x" * 9000)]))
    [item] = kept.rows("eval-1")
    assert item.detail == "x" * MOST_DETAIL


def test_a_row_takes_some_dozens_of_bytes(home: Home) -> None:
    rng, labels = random.Random(0), ("account", "billing", "orders", "returns")
    rows = [
        (digest(number), rng.choice(labels), rng.choice(labels), float(rng.random() < 0.8), "")
        for number in range(1000)
    ]
    EvaluationItems(home).keep(begun(home), scored(rows))
    with home.reading() as connection:
        size = connection.scalar(sa.select(sa.func.sum(sa.func.length(evaluation_items.c.rows))))
    assert size is not None
    assert 30 < size / len(rows) < 60
