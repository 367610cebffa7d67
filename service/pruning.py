"""Taking old replies out of the ledger, without taking any that an unfinished job would have to pay for again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from benchmarks.ledger.contents import Holdings, holdings, milliseconds, of_model
from benchmarks.ledger.server import take_turn
from benchmarks.ledger.sql import TURN
from benchmarks.ledger.tables import ledger, texts
from benchmarks.models.batch.submissions import batches
from benchmarks.models.protocol import ModelIdentity
from benchmarks.tasks.schema import SECTIONS, ModelSection
from service.connection import endpoint_of
from service.home import Home
from service.jobs import CANCELLED, FAILED, SUCCEEDED, Job
from service.tables import jobs

STEP = 10_000
"""Sequences in one transaction, and pages given back in one: other writers wait for no longer than that takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to go: what was kept before `before`, what belongs to an epoch of its own, what `model` answered; all
    of them that are given."""

    before: datetime | None = None
    epochs_only: bool = False
    model: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """As conditions on the ledger's rows."""
        return [
            *([ledger.c.created_at < milliseconds(self.before)] if self.before else []),
            *([ledger.c.epoch != _number("")] if self.epochs_only else []),
            *([of_model(self.model)] if self.model else []),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What would go, by model: everything, and the share of it that is paid for again whenever somebody asks again.
    The rest belongs to epochs that are over. `held` rollouts stay for what is `unfinished`, in words."""

    everything: Sequence[Holdings]
    payable: Sequence[Holdings]
    held: int
    unfinished: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """What a run needs to go on: every row above `mark`, some of which it paid for, and what it may have found in its
    epoch of its models."""

    name: str
    mark: int
    epoch: str
    models: Sequence[ModelIdentity]


def forecast(home: Home, choice: Choice) -> Forecast:
    """What pruning would do."""
    with home.reading() as connection:
        needs = _needs(connection, choice)
        chosen = choice.conditions()
        free = [*chosen, *_needed_by_none(needs)]
        everything = holdings(connection, *free)
        total = connection.scalar(sa.select(sa.func.count()).select_from(ledger).where(*chosen)) or 0
        return Forecast(
            everything=everything,
            payable=holdings(connection, *free, ledger.c.epoch == _number("")),
            held=total - sum(one.rollouts for one in everything),
            unfinished=[need.name for need in needs],
        )


def prune(home: Home, choice: Choice) -> int:
    """Deletes what is to go and returns how many rollouts went.

    Their room is given back to the disk; on a server it is kept for new rows. Jobs that begin meanwhile are respected,
    and no other writer waits for long.
    """
    with home.reading() as connection:
        first, last = connection.execute(
            sa.select(sa.func.min(ledger.c.sequence), sa.func.max(ledger.c.sequence))
        ).one()
    if first is None:
        return 0
    gone = 0
    for start in range(first, last + 1, STEP):
        with home.writing() as connection:
            if home.on_server:
                take_turn(connection, TURN)
            free = _needed_by_none(_needs(connection, choice))
            step = ledger.c.sequence.between(start, min(start + STEP - 1, last))
            gone += connection.execute(sa.delete(ledger).where(step, *choice.conditions(), *free)).rowcount
    _give_space_back(home)
    return gone


def _number(text: str) -> sa.ScalarSelect[int]:
    return sa.select(texts.c.number).where(texts.c.text == text).scalar_subquery()


def _needs(connection: sa.Connection, choice: Choice) -> list[_Need]:
    """What may still go on: jobs, and evaluations whose batches are open. A job that failed or was cancelled can be
    resumed, too, unless nobody has touched it for as long as what is to go."""
    columns = jobs.c
    rows = connection.execute(
        sa.select(
            columns.id, columns.identity, columns.epoch_number, columns.task, columns.status, columns.ledger_mark,
            columns.updated_at, columns.ledger_epoch, columns.spec,
        )
        .where(columns.status != SUCCEEDED, columns.ledger_mark.is_not(None))
        .order_by(columns.created_at, columns.id)
    ).mappings()  # fmt: skip
    needs = []
    for row in rows:
        job = Job(**{name: value for name, value in row.items() if name != "spec"})
        forgotten = choice.before is not None and datetime.fromisoformat(job.updated_at) < choice.before
        if not (forgotten and job.status in (FAILED, CANCELLED)):
            sections = [row["spec"][section] for section in SECTIONS.values() if row["spec"].get(section)]
            models = [endpoint_of(ModelSection.model_validate(section)).model_identity for section in sections]
            name = f"{job.id} ({job.task}, {job.status})"
            needs.append(_Need(name=name, mark=row["ledger_mark"], epoch=job.epoch, models=models))
    for batch in connection.execute(sa.select(batches).order_by(batches.c.begun_at_s)):
        model = ModelIdentity(endpoint=batch.endpoint, model=batch.model)
        needs.append(_Need(name=f"a batch for {model.model}", mark=batch.mark, epoch="", models=[model]))
    return needs


def _needed_by_none(needs: Sequence[_Need]) -> list[sa.ColumnElement[bool]]:
    return [
        sa.and_(
            ledger.c.sequence <= need.mark,
            sa.not_(
                sa.and_(
                    ledger.c.epoch == _or_none(need.epoch),
                    sa.or_(
                        *(
                            sa.and_(
                                ledger.c.endpoint == _or_none(model.endpoint), ledger.c.model == _or_none(model.model)
                            )
                            for model in need.models
                        )
                    ),
                )
            ),
        )
        for need in needs
    ]


def _or_none(text: str) -> sa.ColumnElement[int]:
    """The text's number, or one that no row has: a comparison with null would be neither true nor false."""
    return sa.func.coalesce(_number(text), -1)


def _give_space_back(home: Home) -> None:
    with home.reading() as connection:
        if home.on_server:
            # Makes room for new rows; the disk gets back only what is free at the end of the table.
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ledger")
            return
        free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        for _ in range(0, free, STEP):
            # It frees a page at each step of the statement; of the driver's calls, this one takes them all.
            connection.connection.cursor().executescript(f"PRAGMA incremental_vacuum({STEP})")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
