"""Which known name a mistyped one probably means."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import fuzz, process


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, whatever their case, or None when none is at least 60 % alike.

    Alike in the sense of rapidfuzz's `ratio`, the normalised insertion and deletion distance.
    """
    match = process.extractOne(name, sorted(known), scorer=fuzz.ratio, processor=str.casefold, score_cutoff=60)
    return match[0] if match else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: ` Did you mean 'label'?`, or nothing."""
    name_meant = nearest(name, known)
    return "" if name_meant is None else f" Did you mean {name_meant!r}?"
