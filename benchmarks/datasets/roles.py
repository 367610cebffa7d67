"""Which column of a table is for what, once the one with the expected answers is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from benchmarks.datasets.answers import brief, words
from benchmarks.datasets.column_names import Sense, meaning_of
from benchmarks.datasets.columns import Column
from benchmarks.datasets.rows import Row

VALUES_SHOWN = 4
MOST_SLICES = 6
"""Those that are named like groups come first."""


class Role(StrEnum):
    """What a column is for."""

    INPUT = "input"
    OUTPUT = "output"
    SLICE = "slice"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The role of one column, and why."""

    column: str
    role: Role
    why: str


def places_of(columns: Sequence[Column], output: Column, why: str, rows: Sequence[Row]) -> tuple[Place, ...]:
    """The role of every column, in the same order; `why` is why `output` is the output.

    Where no column looks like text that goes in, the rows are taken for records, and every column goes in that tells
    rows apart and does not give the answer away. No column is an input if there is no such column.
    """

    def placed(place_of: Callable[[Column, Column], Place]) -> tuple[Place, ...]:
        return tuple(
            Place(column=column.name, role=Role.OUTPUT, why=why)
            if column is output
            else _useless(column, output, rows) or place_of(column, output)
            for column in columns
        )

    places = _with_few_slices(placed(_place_beside_text))
    return places if any(place.role is Role.INPUT for place in places) else placed(_place_in_record)


def _with_few_slices(places: Sequence[Place]) -> tuple[Place, ...]:
    slices = [place for place in places if place.role is Role.SLICE]
    slices.sort(key=lambda place: meaning_of(place.column).sense is not Sense.GROUP)
    surplus = slices[MOST_SLICES:]
    return tuple(
        replace(place, role=Role.IGNORED, why=f"one slice too many: {place.why}") if place in surplus else place
        for place in places
    )


def renames(column: Column, other: Column, rows: Sequence[Row]) -> bool:
    """Whether both columns divide the rows in the same way, under different names or not, into parts that tell
    something: a label and its number, say."""
    if column.distinct != other.distinct or 2 * column.distinct > column.filled:
        return False
    pairs = {(row.values.get(column.name, ""), row.values.get(other.name, "")) for row in rows}
    return len(pairs) == len({value for value, _ in pairs}) == len({value for _, value in pairs})


def _useless(column: Column, output: Column, rows: Sequence[Row]) -> Place | None:
    """Why the model must not be shown `column`, or has nothing from it."""
    sense = meaning_of(column.name).sense
    if not column.counts:
        why = "empty"
    elif column.constant:
        why = f"{brief(next(iter(column.counts)))} in every row"
    elif sense is not Sense.INPUT and renames(column, output, rows):
        why = f"says the same as {output.name!r}"
    elif sense is Sense.SPLIT:
        why = "says which split a row is in; whet divides the rows itself, or takes three files"
    elif sense is Sense.IDENTIFIER or (column.is_identifier and sense is not Sense.INPUT):
        why = "identifies the row"
    elif sense is Sense.TIME or column.is_date:
        why = "dates or times"
    elif column.is_address:
        why = "addresses"
    elif sense is Sense.AFTERTHOUGHT:
        why = "would give the answer away"
    else:
        return None
    return Place(column=column.name, role=Role.IGNORED, why=why)


def _place_beside_text(column: Column, output: Column) -> Place:
    sense = meaning_of(column.name).sense
    role, why = Role.IGNORED, f"neither text nor a few groups: {_described(column)}"
    if sense is Sense.INPUT:
        role, why = Role.INPUT, f"named like an input; {_described(column)}"
    elif _another_answer(column):
        if column.is_text and meaning_of(output.name).judges:
            role, why = Role.INPUT, f"{_described(column)}, which {output.name!r} may judge"
        else:
            why = "looks like another answer"
    elif column.is_group:
        role, why = Role.SLICE, _described(column)
    elif column.is_text:
        role, why = Role.INPUT, _described(column)
    return Place(column=column.name, role=role, why=why)


def _place_in_record(column: Column, _output: Column) -> Place:
    if _another_answer(column):
        return Place(column=column.name, role=Role.IGNORED, why="looks like another answer")
    return Place(column=column.name, role=Role.INPUT, why=_described(column))


def _another_answer(column: Column) -> bool:
    return meaning_of(column.name).sense is Sense.ANSWER and not column.is_group


def _described(column: Column) -> str:
    if column.is_group:
        listed = ", ".join(brief(value) for value in list(column.counts)[:VALUES_SHOWN])
        return listed + (", ..." if column.distinct > VALUES_SHOWN else "")
    return f"{column.distinct} distinct values of about {words(column)}"
