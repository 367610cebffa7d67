"""Regex: the reply matches a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import re2

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.row_mean import RowMean


class Regex(RowMean):
    """1 if `pattern` occurs in the answer, else 0; without `pattern`, the expected answer is itself the pattern.

    Patterns are those of RE2 (github.com/google/re2/wiki/Syntax), whose matching takes time linear in the reply: no
    look-around, no back-references. `^` and `$` anchor to the whole answer, `(?i)` ignores case.
    """

    name = "regex"
    binary = True

    def __init__(self, *, pattern: str | None = None, extract: Extraction = "text", labels: Sequence[str] = ()) -> None:
        self.extractor = make_extractor(extract, labels)
        self._pattern = None if pattern is None else compiled(pattern, "The metric 'regex'")

    def score(self, answer: str, example: Example) -> float:
        """1.0 if the pattern occurs in `answer`, else 0.0.

        Raises MetricError if the expected answer is to be the pattern and is not one.
        """
        return float(occurs(self._pattern_for(example), answer))

    def check(self, example: Example) -> None:
        """Raises MetricError if the expected answer is to be the pattern and is not one."""
        self._pattern_for(example)

    def _pattern_for(self, example: Example) -> Any:
        return compiled(example.answer, example.origin) if self._pattern is None else self._pattern


@lru_cache(maxsize=4096)
def compiled(pattern: str, where: str) -> Any:
    """The RE2 pattern. Raises MetricError, beginning with `where`, if it is empty or not one."""
    if not pattern:
        raise MetricError(f"{where}: the pattern is empty and would match every reply; write one.")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error, re2.error) else "lone surrogate"
        raise MetricError(
            f"{where}: {pattern!r} is not a pattern that RE2 can match in linear time ({reason}); look-around and "
            "back-references are not among them."
        ) from error


def occurs(pattern: Any, text: str) -> bool:
    """Whether `pattern` occurs anywhere in `text`."""
    return pattern.search(text.encode(errors="replace").decode()) is not None
