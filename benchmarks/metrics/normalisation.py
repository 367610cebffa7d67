"""Normalisation: which differences between two short texts do not count."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TYPOGRAPHY = str.maketrans("‘’‚‛“”„‟‐‒–—−", "''''\"\"\"\"-----")
_MARKS = "*_`\"'"
_PAIRS = (("«", "»"), ("‹", "›"), ("「", "」"))
_FENCE = re.compile(r"```[\w+-]*\n(.*?)\n?```", re.DOTALL)
_SENTENCE_END = ".,;:!?。、"


# Labels and short answers come again and again.
@lru_cache(maxsize=4096)
def normalise(text: str, *, case_sensitive: bool = False) -> str:
    """`text` without the differences that do not make a short answer wrong.

    Unicode compatibility forms (NFKC), case (unless `case_sensitive`), typographic quotes and dashes, runs of white
    space, an enclosing code fence, quotes, backticks or Markdown emphasis, and punctuation that ends a sentence, as
    often as they are nested. Nothing is taken off if nothing would remain: `.` stays `.`. Idempotent.

    The case folding is that of Unicode's compatibility caseless matching (The Unicode Standard, section 3.13, D146).
    """
    while True:
        step = _step(text, case_sensitive)
        if step == text:
            return text
        text = step


def _step(text: str, case_sensitive: bool) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY)
    if not case_sensitive:
        text = text.casefold()
    fenced = _FENCE.fullmatch(text.strip())
    text = " ".join((fenced[1] if fenced and fenced[1].strip() else text).split())
    for mark in _MARKS:
        leading, trailing = len(text) - len(text.lstrip(mark)), len(text) - len(text.rstrip(mark))
        if depth := min(leading, trailing):
            text = text[depth:-depth].strip() or text
    for opening, closing in _PAIRS:
        if text.startswith(opening) and text.endswith(closing):
            text = text[1:-1].strip() or text
    return text.rstrip(_SENTENCE_END) or text
