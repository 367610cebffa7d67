"""What kind of answers a column holds, and which metric suits them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from benchmarks.datasets.checking import IMBALANCE
from benchmarks.datasets.column_names import is_amount
from benchmarks.datasets.columns import Column, is_number, words_in
from benchmarks.metrics.json_values import parsed

LONGEST_LABEL = 100
"""Characters."""
LABEL_WORDS = 8
ROWS_PER_LABEL = 5
FEW_LABELS = 10
"""With so many labels or fewer, two rows each will do; with more, at most a third of them may stand in a single row."""
MOST_NUMBERS_AS_LABELS = 11
"""Ratings from 0 to 10 are labels; more different numbers are amounts."""
SHORT_WORDS = 8
MOST_FIELDS = 20
SHOWN = 3
ENOUGH = 1000
"""So many values show in which script they are written."""


class AnswerKind(StrEnum):
    """What the expected answers are."""

    LABELS = "labels"
    NUMBERS = "numbers"
    JSON = "json"
    SHORT = "short texts"
    LONG = "long texts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The kind of the answers with the metric that suits them and its options. `why` is a sentence, `metric_why` goes
    on after the metric's name."""

    kind: AnswerKind
    why: str
    metric: str
    metric_why: str
    options: Mapping[str, Sequence[str]] = field(default_factory=dict)


def kind_of(column: Column) -> AnswerKind:
    """What the values of `column`, at least one, are."""
    if all(value.lstrip()[:1] in ("{", "[") and isinstance(parsed(value), dict | list) for value in column.counts):
        return AnswerKind.JSON
    labels = _are_labels(column)
    if column.is_numeric and not (labels and _are_ratings(column)):
        return AnswerKind.NUMBERS
    if labels:
        return AnswerKind.LABELS
    short = sum(rows for value, rows in column.counts.items() if words_in(value) <= SHORT_WORDS)
    return AnswerKind.SHORT if short >= 0.9 * column.filled else AnswerKind.LONG


def answers_in(column: Column) -> Answers:
    """What the values of `column`, at least one, are as expected answers."""
    match kind_of(column):
        case AnswerKind.LABELS:
            return _labels(column)
        case AnswerKind.NUMBERS:
            return _numbers(column)
        case AnswerKind.JSON:
            return _json([parsed(value) for value in column.counts])
        case AnswerKind.SHORT:
            return _short_texts(column)
        case AnswerKind.LONG:
            return _long_texts(column)


def shares(column: Column, shown: int = SHOWN) -> str:
    """`billing 31 %, orders 30 %, ...`: the commonest values and their shares of the rows that have one."""
    common = Counter(column.counts).most_common(shown)
    listed = ", ".join(f"{brief(value)} {100 * rows / column.filled:.0f} %" for value, rows in common)
    return listed + (", ..." if column.distinct > shown else "")


def brief(text: str, longest: int = 30) -> str:
    """`text` for a message: on one line, cut, and in quotes if it could be misread without them."""
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    plain = cut.isprintable() and cut.strip() == cut != "" and not cut.isdecimal() and not set(cut) & set(",;:#()")
    return cut if plain else repr(cut)


def _are_labels(column: Column) -> bool:
    if column.distinct < 2 or column.longest > LONGEST_LABEL or column.mean_words > LABEL_WORDS:
        return False
    if column.distinct <= FEW_LABELS:
        return column.filled >= 2 * column.distinct
    single = sum(rows == 1 for rows in column.counts.values())
    return column.filled >= ROWS_PER_LABEL * column.distinct and 3 * single <= column.distinct


def _are_ratings(column: Column) -> bool:
    small = all(value.strip().lstrip("+-−").isdecimal() and len(value.strip()) <= 2 for value in column.counts)
    return small and column.distinct <= MOST_NUMBERS_AS_LABELS and not is_amount(column.name)


def _labels(column: Column) -> Answers:
    ranked = Counter(column.counts).most_common()
    (largest, most), (smallest, least) = ranked[0], ranked[-1]
    sizes = f"{brief(largest)} has {most} rows and {brief(smallest)} {least}"
    if most > IMBALANCE * least:
        metric, why = "macro_f1", f"gives every label the same weight, however rare ({sizes})"
    elif most == least:
        metric, why = "accuracy", f"the share of right answers; every label has {most} rows"
    else:
        metric, why = "accuracy", f"the share of right answers; the labels are balanced enough ({sizes})"
    if column.is_numeric:
        why += ". If the numbers are amounts, take numeric and leave out the labels"
    return Answers(
        kind=AnswerKind.LABELS,
        why=f"{column.distinct} distinct values in {column.name!r} ({shares(column)}), so: classification.",
        metric=metric,
        metric_why=f"{why}.",
    )


def _numbers(column: Column) -> Answers:
    return Answers(
        kind=AnswerKind.NUMBERS,
        why=f"All {column.filled} answers are numbers ({_some(column)}).",
        metric="numeric",
        metric_why="compares by value, so 1,234.50 is 1234.5. To allow 1 % more or less: {name: numeric, "
        "relative_tolerance: 0.01}.",
    )


def _json(contents: Sequence[object]) -> Answers:
    keys = {tuple(sorted(content)) if isinstance(content, dict) else None for content in contents}
    common = next(iter(keys)) if len(keys) == 1 else None
    if common is not None and 2 <= len(common) <= MOST_FIELDS and not any("." in key or not key for key in common):
        return Answers(
            kind=AnswerKind.JSON,
            why="All answers are JSON objects with the same keys.",
            metric="json_match",
            options={"fields": common},
            metric_why="scores the share of these fields that are right. Without fields a row scores 1 only "
            "if all of it is right.",
        )
    return Answers(
        kind=AnswerKind.JSON,
        why="All answers are JSON.",
        metric="json_match",
        metric_why="scores 1 if all of the JSON is right, else 0; the order of keys does not count. "
        "fields: [...] scores parts.",
    )


def _short_texts(column: Column) -> Answers:
    why = "wants the expected text, whatever its case and punctuation"
    numbers = sum(rows for value, rows in column.counts.items() if is_number(value))
    if numbers > column.filled / 2:
        odd = next(value for value in column.counts if not is_number(value))
        why += (
            f". {column.filled - numbers} of the {column.filled} answers are no single number, such as {brief(odd)}; "
            f"without them it would be numeric"
        )
    return Answers(
        kind=AnswerKind.SHORT, why=f"{_found(column)}: short texts.", metric="exact_match", metric_why=f"{why}."
    )


def _long_texts(column: Column) -> Answers:
    if _mostly_ascii(column):
        metric, why = "rouge_l", "the word overlap with the expected text"
    else:
        metric, why = "chrf", "the overlap of runs of characters with the expected text, for any script"
    return Answers(
        kind=AnswerKind.LONG,
        why=f"{_found(column)}: longer texts.",
        metric=metric,
        metric_why=f"{why}; it says little about truth, so a metric of your own may be better (file.py:function).",
    )


def _found(column: Column) -> str:
    return f"{column.distinct} distinct values in {column.filled} rows, of about {words(column)} each"


def words(column: Column) -> str:
    """How long the values of `column` are: `1 word`, `12 words`."""
    number = max(1, round(column.mean_words))
    return f"{number} word" if number == 1 else f"{number} words"


def _mostly_ascii(column: Column) -> bool:
    some = islice(column.counts, ENOUGH)
    letters = [character for value in some for character in value if character.isalpha()]
    return sum(character.isascii() for character in letters) >= 0.9 * len(letters)


def _some(column: Column) -> str:
    listed = ", ".join(value.strip() for value in islice(column.counts, SHOWN))
    return listed + (", ..." if column.distinct > SHOWN else "")
