"""Rows that must not reach a prompt: whether a text repeats one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from benchmarks.datasets.records import Example

SHORTEST = 20
"""Texts of fewer characters (in scripts without spaces: bytes) say too little to be told from common phrases."""

_NO_WORD = re.compile(r"[\W_]+")


def squeezed(text: str) -> str:
    """`text` without white space, punctuation and case: what stays the same however it is copied."""
    return _NO_WORD.sub("", text.casefold())


class Leaks:
    """The texts of rows that proposers never saw.

    A text counts if it is long enough to be recognised, and if it does not stand in what proposers may know as well:
    in a train row, or in what the user wrote.
    """

    def __init__(self, hidden: Sequence[Example], known: Sequence[Example], written: Iterable[str]) -> None:
        open_texts = {squeezed(text) for example in known for text in _texts(example)}
        prose = [squeezed(text) for text in written]
        texts = {text: squeezed(text) for example in hidden for text in _texts(example) if _telling(text)}
        self._texts = sorted(
            {text for text in texts.values() if text not in open_texts and not any(text in known for known in prose)}
        )

    def found_in(self, text: str) -> bool:
        """Whether `text` repeats one of them, as a whole or within something longer, whatever the case, the white space
        and the punctuation."""
        haystack = squeezed(text)
        return any(needle in haystack for needle in self._texts)


def _texts(example: Example) -> Iterable[str]:
    return (*example.inputs.values(), example.answer)


def _telling(text: str) -> bool:
    return len(" ".join(text.split())) >= SHORTEST or len(squeezed(text).encode()) >= SHORTEST
