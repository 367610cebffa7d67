"""Labels: where each points, and the append-only log of its moves, which explains it.

A move stands until a rollback takes it back. So the moves that stand are a stack, the label points to the version of
the topmost, and rollbacks one after the other go back further and further.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from benchmarks.errors import InputError
from benchmarks.tasks.schema import LABEL
from service.announcements import label_moved
from service.tables import label_moves, labels

VARIABLE = "WHET_PROTECTED_LABELS"
PROTECTED = "production"
LONGEST = 64


class NothingBefore(InputError):
    """A label cannot be rolled back: nothing stood before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a label: to `version`, which `replaced` another (None: it was unset), why, by whom, and the
    `evidence` that backed the version then. `sequence` grows from move to move; a rollback `undoes` the one with that
    sequence."""

    sequence: int
    version: int
    replaced: int | None
    why: str
    moved_by: str
    evidence: Mapping[str, Any] | None
    undoes: int | None
    created_at: str


Guard = Callable[[Move | None], None]
"""Looks at the move that brought a label to where it is (None: it is unset), with the transaction open that would move
it on; what it raises keeps the label where it is."""


def unguarded(_last: Move | None) -> None:
    """Lets every move pass."""


_SHOWN = [label_moves.c[name] for name in Move.__dataclass_fields__]


def moves(
    connection: sa.Connection, name: str, label: str, *, limit: int | None = None, before: int | None = None
) -> list[Move]:
    """The moves of a label, the latest first: at most `limit`, from before the sequence `before`."""
    query = sa.select(*_SHOWN).where(label_moves.c.name == name, label_moves.c.label == label)
    if before is not None:
        query = query.where(label_moves.c.sequence < before)
    rows = connection.execute(query.order_by(label_moves.c.sequence.desc()).limit(limit))
    return [Move(**row._mapping) for row in rows]


def last_move(connection: sa.Connection, name: str, label: str) -> Move | None:
    """The move that brought a label to where it is; None where it is unset."""
    return next(iter(moves(connection, name, label, limit=1)), None)


def standing(connection: sa.Connection, name: str, label: str) -> Move | None:
    """The move that a rollback would take back: the latest that stands; None where the label is unset."""
    log = label_moves.c
    undone = sa.select(log.undoes).where(log.name == name, log.label == label, log.undoes.is_not(None))
    row = connection.execute(
        sa.select(*_SHOWN)
        .where(log.name == name, log.label == label, log.undoes.is_(None), log.sequence.not_in(undone))
        .order_by(log.sequence.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Move(**row._mapping)


def point(
    connection: sa.Connection,
    name: str,
    label: str,
    version: int,
    *,
    why: str,
    moved_by: str,
    evidence: Mapping[str, Any] | None,
    created_at: str,
    undoes: int | None = None,
) -> Move:
    """Points the label to `version`, logs the move, announces it, and returns it."""
    last = last_move(connection, name, label)
    about: dict[str, Any] = {
        "version": version,
        "replaced": None if last is None else last.version,
        "why": why,
        "moved_by": moved_by,
        "evidence": None if evidence is None else dict(evidence),
        "undoes": undoes,
        "created_at": created_at,
    }
    connection.execute(sa.delete(labels).where(labels.c.name == name, labels.c.label == label))
    connection.execute(labels.insert().values(name=name, label=label, version=version))
    sequence: int = connection.execute(
        label_moves.insert().values(name=name, label=label, **about).returning(label_moves.c.sequence)
    ).scalar_one()
    moved = Move(sequence=sequence, **about)
    label_moved(connection, name, label, moved)
    return moved


def read_protected(environment: Mapping[str, str]) -> frozenset[str]:
    """The labels that the operator protects: those that WHET_PROTECTED_LABELS names, separated by commas, and
    `production` where it is not set. Raises InputError for what is no label."""
    named = environment.get(VARIABLE, PROTECTED)
    found = frozenset(filter(None, (part.strip() for part in named.split(","))))
    for label in sorted(found):
        if not re.fullmatch(LABEL, label) or len(label) > LONGEST:
            raise InputError(
                f"{VARIABLE} names '{label}', which can be no label: a label has at most {LONGEST} lower-case letters, "
                "digits, dots, dashes and underscores, as in production. Separate labels by commas."
            )
    return found
