"""Phrases: where a text mentions another one as whole words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

# Letters and digits, except of scripts that are written without spaces between words (Thai, Lao, Burmese, Khmer,
# Japanese, Chinese) or with particles attached to them (Korean): there a phrase may stand anywhere.
_WORD = "[^\\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"


@lru_cache(maxsize=4096)
def phrase_pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern that finds each of `phrases` where it stands as whole words, the longest where several fit."""
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile("|".join(map(_whole, longest_first)))


def mentioned(phrases: Iterable[str], text: str) -> set[str]:
    """Those of `phrases` that `text` mentions as whole words.

    A phrase within a longer mentioned one does not count: `not spam` does not mention `spam`. Neither the phrases nor
    the text are normalised here.
    """
    return set(phrase_pattern(tuple(phrases)).findall(text))


def _whole(phrase: str) -> str:
    before = f"(?<!{_WORD})" if re.match(_WORD, phrase) else ""
    after = f"(?!{_WORD})" if re.match(_WORD, phrase[-1:]) else ""
    return before + re.escape(phrase) + after
