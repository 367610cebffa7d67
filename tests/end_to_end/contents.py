"""What a workplace's database holds, seen while a process works on it, or as a killed one left it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from benchmarks.ledger.tables import ledger
from service.tables import decisions, jobs, label_moves, looks, versions
from tests.end_to_end.command import Workplace


@contextmanager
def looking_into(workplace: Workplace, *, alive: bool = False) -> Iterator[sa.Connection]:
    """What is kept at this moment: unless the process is alive, of a file a copy, so that whet finds its own as the
    killed process left it."""
    url = workplace.environment.get("WHET_DATABASE_URL")
    with TemporaryDirectory() as copies:
        folder = workplace.home if alive else Path(copies)
        for file in [] if alive else workplace.home.glob("whet.sqlite*"):
            shutil.copy(file, folder)
        address = sa.make_url(url).set(drivername="postgresql+psycopg") if url else f"sqlite:///{folder}/whet.sqlite"
        engine = sa.create_engine(address, poolclass=sa.NullPool)
        with engine.connect() as connection:
            yield connection


def kept(workplace: Workplace, *, alive: bool = False) -> int:
    """How many replies the ledger holds."""
    with looking_into(workplace, alive=alive) as connection:
        there = sa.inspect(connection).has_table(ledger.name)
        return connection.scalar(sa.select(sa.func.count()).select_from(ledger)) or 0 if there else 0


def journal(workplace: Workplace, *, alive: bool = False) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The facts of all jobs, by job and point."""
    with looking_into(workplace, alive=alive) as connection:
        if not sa.inspect(connection).has_table(decisions.name):
            return {}
        rows = connection.execute(sa.select(decisions)).all()
    return {(row.job, row.point): row.fact for row in rows}


def kept_for_good(workplace: Workplace) -> dict[str, Any]:
    """Everything that a finished job leaves behind, but for times and what the endpoint said."""
    with looking_into(workplace) as connection:
        tables: dict[str, Sequence[sa.ColumnElement[Any]]] = {
            "jobs": [jobs.c.id, jobs.c.status, jobs.c.ledger_mark],
            "looks": [looks.c.test_digest, looks.c.look, looks.c.number],
            "versions": [versions.c.name, versions.c.version, versions.c.digest, versions.c.evidence],
            "moves": [label_moves.c.label, label_moves.c.version, label_moves.c.replaced, label_moves.c.why],
        }
        rows = {name: connection.execute(sa.select(*columns)).all() for name, columns in tables.items()}
    facts = {
        point: {
            **fact,
            "elapsed_s": None,
            "missing": {row: (problem, lost) for row, (problem, _, lost) in fact.get("missing", {}).items()},
        }
        for point, fact in journal(workplace).items()
    }
    return {
        "journal": facts,
        "replies": kept(workplace),
        **{name: sorted(map(repr, found)) for name, found in rows.items()},
    }


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def die_at_the_end(workplace: Workplace) -> None:
    """Leaves the home as a process does that is killed when all is done but the last transaction."""
    engine = sa.create_engine(f"sqlite:///{workplace.home}/whet.sqlite", poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.update(jobs).values(status="running", result=None))
