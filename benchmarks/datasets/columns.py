"""What a column of a table holds, whatever it is called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from benchmarks.datasets.rows import Row
from benchmarks.metrics.numerals import only_number

MOST_GROUPS = 20
"""A column with more different values is no slice: each part would be too small to say anything."""
ROWS_PER_GROUP = 4
LONGEST_GROUP = 60
"""Characters of the longest value that still names a group."""
TEXT_WORDS = 3
TEXT_CHARACTERS = 20
"""Values with, on average, so many words or characters are text that somebody wrote."""

_NUMBER = re.compile(r"[+−-]?\s?[$€£¥₹]?\s?[+−-]?\.?\d[\d,.\u00a0\u2009\u202f]*(?:[eE][+-]?\d{1,3})?\s?[%€]?")
_DATE = re.compile(r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2}))(?:[T ,]+\d{1,2}:\d{2}.*)?")
_ADDRESS = re.compile(r"https?://\S+|[^@\s]+@[^@\s][^@\s.]*\.[^@\s]+")  # linear in the length, whatever the value
_CODE = re.compile(r"(?=.*\d)(?:[0-9a-fA-F]{8,}|[0-9a-fA-F]{4,}(?:-[0-9a-fA-F]{2,}){2,}|[A-Za-z]{1,8}[-_#/]?\d{2,})")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_WHOLE = re.compile(r"\d{1,18}")


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its name, the number of rows of the table, and how many rows hold each value that is not blank."""

    name: str
    rows: int
    counts: Mapping[str, int]

    @property
    def distinct(self) -> int:
        """How many different values there are, blank ones aside."""
        return len(self.counts)

    @cached_property
    def filled(self) -> int:
        """How many rows have a value that is not blank."""
        return sum(self.counts.values())

    @property
    def constant(self) -> bool:
        """Whether it tells no two rows apart: a single value throughout, or none at all."""
        return self.distinct == 0 or (self.distinct == 1 and self.filled == self.rows)

    @cached_property
    def longest(self) -> int:
        """Characters of the longest value, 0 if there is none."""
        return max(map(len, self.counts), default=0)

    @cached_property
    def mean_words(self) -> float:
        """Words of a value, on average over the rows that have one."""
        return sum(words_in(value) * rows for value, rows in self.counts.items()) / max(1, self.filled)

    @cached_property
    def is_text(self) -> bool:
        """Whether its values read like something that somebody wrote."""
        characters = sum(len(value) * rows for value, rows in self.counts.items()) / max(1, self.filled)
        return self.mean_words >= TEXT_WORDS or characters >= TEXT_CHARACTERS

    @property
    def is_group(self) -> bool:
        """Whether it divides the rows into a few groups, each under a short name."""
        few = 2 <= self.distinct <= MOST_GROUPS and self.filled >= ROWS_PER_GROUP * self.distinct
        return few and self.longest <= LONGEST_GROUP

    @cached_property
    def is_numeric(self) -> bool:
        """Whether every value is a number and nothing else, as `benchmarks.metrics.numerals` reads numbers."""
        return self._all(is_number)

    @cached_property
    def is_date(self) -> bool:
        """Whether every value is a date, with or without a time of day."""
        return self._all(lambda value: _DATE.fullmatch(value.strip()))

    @cached_property
    def is_address(self) -> bool:
        """Whether every value is a web or mail address."""
        return self._all(lambda value: _ADDRESS.fullmatch(value.strip()))

    @cached_property
    def is_identifier(self) -> bool:
        """Whether it numbers the rows: every value occurs once, and all are codes (`LH-64420`, a UUID), whole numbers
        without a gap, or whole numbers of one length, six digits or more."""
        if self.distinct < max(2, self.filled):
            return False
        values = [value.strip() for value in self.counts]
        if not all(_WHOLE.fullmatch(value) for value in values):
            return self._all(lambda value: _CODE.fullmatch(value.strip()))
        numbers = sorted(map(int, values))
        gapless = all(after == before + 1 for before, after in pairwise(numbers))
        return gapless or (min(map(len, values)) >= 6 and len({len(value) for value in values}) == 1)

    def _all(self, holds: Callable[[str], object]) -> bool:
        return bool(self.counts) and all(holds(value) for value in self.counts)


def is_number(text: str) -> bool:
    """Whether `text` is one number and nothing else but a currency or percent sign."""
    return _NUMBER.fullmatch(text.strip()) is not None and only_number(text) is not None


def words_in(text: str) -> int:
    """How many words `text` has; in scripts without spaces between words, two characters are taken for one."""
    return len(text.split()) + len(_UNSPACED.findall(text)) // 2


def columns_of(rows: Sequence[Row]) -> list[Column]:
    """The columns of a table, in the order of their first appearance."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for name, value in row.values.items():
            counts.setdefault(name, Counter())[value] += 1
    return [
        Column(name=name, rows=len(rows), counts={value: number for value, number in found.items() if value.strip()})
        for name, found in counts.items()
    ]
