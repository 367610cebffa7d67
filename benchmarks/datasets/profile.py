"""From a table that nobody has described to a first guess at the task in it: what goes in, what comes out, how to
score it.

A guess rests on what columns are called (`column_names`) and on what they hold (`columns`, `answers`), and says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.datasets.answers import AnswerKind, Answers, answers_in, brief, kind_of
from benchmarks.datasets.checking import labels_of
from benchmarks.datasets.column_names import Sense, meaning_of
from benchmarks.datasets.columns import Column, columns_of
from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.records import Dataset
from benchmarks.datasets.roles import Place, Role, places_of, renames
from benchmarks.datasets.rows import Row
from benchmarks.errors import DataError

CLOSE = 4
"""A column that has at most so many points less than the best one might be the output, too."""
COLUMNS_SHOWN = 20
_POINTS_OF_NAME = {
    Sense.INPUT: -8,
    Sense.IDENTIFIER: -14,
    Sense.TIME: -14,
    Sense.SPLIT: -14,
    Sense.AFTERTHOUGHT: -6,
    Sense.GROUP: -3,
}
_POINTS_OF_ANSWERS = {AnswerKind.LABELS: 4, AnswerKind.JSON: 3, AnswerKind.NUMBERS: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a table of `rows` rows seems to be for.

    `places` has every column, in the order of the table; exactly one is the output and at least one an input.
    `rivals` might be the output as well, the likeliest first. `labels` are those of a classification, in the order of
    `labels_of`, else empty. `hints` are sentences about what only the user can know.
    """

    rows: int
    places: tuple[Place, ...]
    rivals: tuple[str, ...]
    answers: Answers
    labels: tuple[str, ...]
    hints: tuple[str, ...]

    def placed(self, role: Role) -> tuple[Place, ...]:
        """The columns with this role, and why they have it."""
        return tuple(place for place in self.places if place.role is role)

    @property
    def output(self) -> Place:
        """The column with the expected answers."""
        return self.placed(Role.OUTPUT)[0]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the columns that the model is shown."""
        return tuple(place.column for place in self.placed(Role.INPUT))


def profile_rows(rows: Sequence[Row], output: str | None = None) -> Profile:
    """What `rows`, at least one, seem to be for; `output` names the column of expected answers if that is known.

    Raises DataError, saying what to change, for an `output` that is no column or is the same in all rows, if no column
    looks like an answer, and if none is left to go in or its name cannot be a variable.
    """
    if output is not None:
        make_examples(rows, (), output, ())  # knows what to say about a column that is not there
    columns = columns_of(rows)
    if len(columns) < 2:
        raise DataError(_too_few(columns))
    if output is None:
        chosen, why, rivals = _likeliest_output(columns, rows)
    else:
        chosen, why, rivals = next(column for column in columns if column.name == output), "as you said", ()
    if chosen.distinct < 2:
        held = f"has only the answer {brief(next(iter(chosen.counts)))}" if chosen.counts else "is empty"
        raise DataError(
            f"The column {chosen.name!r} {held}: there is nothing to tell apart. Add rows with other answers, or name "
            f"another column with --output."
        )
    places = places_of(columns, chosen, why, rows)
    _check_inputs(places, chosen)
    answers = answers_in(chosen)
    labels = _labels(rows, chosen.name) if answers.kind is AnswerKind.LABELS else ()
    return Profile(
        rows=len(rows),
        places=places,
        rivals=rivals,
        answers=answers,
        labels=labels,
        hints=tuple(_hints(places, chosen, labels)),
    )


def _too_few(columns: Sequence[Column]) -> str:
    if not columns:
        return "The rows have no columns; each needs something that goes in and the expected answer."
    return (
        f"There is a single column, {columns[0].name!r}; a task needs one that goes in and one with the expected "
        f"answer. Add a column of answers."
    )


def _likeliest_output(columns: Sequence[Column], rows: Sequence[Row]) -> tuple[Column, str, tuple[str, ...]]:
    """The column that most looks like the answer, why, and the names of those that come close."""
    points = {column.name: _points(column, last=column is columns[-1]) for column in columns if column.distinct > 1}
    ranked = sorted((column for column in columns if column.name in points), key=lambda column: -points[column.name])
    if not ranked or points[ranked[0].name] < 0:
        shown = ", ".join(_shown(column) for column in columns[:COLUMNS_SHOWN])
        more = f" and {len(columns) - COLUMNS_SHOWN} more" if len(columns) > COLUMNS_SHOWN else ""
        raise DataError(
            f"None of the columns looks like the expected answer ({shown}{more}). Name the one that is with --output, "
            f"or add one."
        )
    first = ranked[0]
    # Models know words, so a label is better than its number.
    words = (column for column in ranked if column.longest <= 60 and not column.is_numeric)
    best = next((column for column in words if first.is_numeric and renames(column, first, rows)), first)
    rivals = [
        column.name
        for column in ranked
        if points[column.name] >= max(0, points[first.name] - CLOSE)
        and column is not best
        and not renames(column, best, rows)
    ]
    named = meaning_of(best.name).sense is Sense.ANSWER
    why = (
        f"says in words what {first.name!r} numbers"
        if best is not first
        else ("named like an answer" if named else "of all columns it looks most like an answer")
    )
    return best, why, tuple(rivals)


def _shown(column: Column) -> str:
    always = f" is always {brief(next(iter(column.counts)))}" if column.distinct == 1 else ""
    return f"{column.name!r}{always}"


def _points(column: Column, *, last: bool) -> float:
    meaning = meaning_of(column.name)
    points = _POINTS_OF_NAME.get(meaning.sense, 0) + meaning.strength + last
    points += _POINTS_OF_ANSWERS.get(kind_of(column), 0)
    if meaning.sense is not Sense.ANSWER and (column.is_identifier or column.is_date or column.is_address):
        points -= 10
    return points - 10 * (1 - column.filled / column.rows)


def _check_inputs(places: Sequence[Place], output: Column) -> None:
    inputs = [place.column for place in places if place.role is Role.INPUT]
    if not inputs:
        left = "; ".join(
            f"{place.column!r}: {place.why}" for place in places[:COLUMNS_SHOWN] if place.role is not Role.OUTPUT
        )
        raise DataError(
            f"With {output.name!r} as the output, no column is left that could go in ({left}). Add a column of texts, "
            f"or name another output with --output."
        )
    for name in inputs:
        if "{" in name or "}" in name or name != name.strip() or not name:
            raise DataError(
                f"The column {name!r} should go in, but its name cannot be a variable, which has no braces and no "
                f"white space around it. Rename the column in the file."
            )


def _labels(rows: Sequence[Row], output: str) -> tuple[str, ...]:
    examples = make_examples(rows, (), output, ())
    found = labels_of(Dataset(train=tuple(examples), validation=(), test=()))
    return tuple(label for label in found if label.strip())


def _hints(places: Sequence[Place], output: Column, labels: Sequence[str]) -> Iterator[str]:
    texts = [place.column for place in places if place.role is Role.INPUT and len(place.column.split()) >= 3]
    if texts and output.name in labels:
        yield (
            f"The columns are called {brief(texts[0])!r} and {output.name!r}, as if that were a row: if the first line "
            f"of the file does not name the columns, put one above it that does, such as text,label."
        )
    if labels and output.is_numeric:
        yield "The labels are numbers: say in the instruction what each of them stands for, else a model must guess."
