"""The texts that rows of the ledger share, by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from benchmarks.ledger.tables import texts

_INSERT = sa.text("INSERT INTO ledger_texts (text) VALUES (:text) ON CONFLICT (text) DO NOTHING")


class SharedTexts:
    """Gives texts their numbers and finds them again; what was seen once is remembered."""

    def __init__(self) -> None:
        self._number_of: dict[str, int] = {}
        self._text_of: dict[int, str] = {}

    def numbers(self, engine: sa.Engine, wanted: Iterable[str]) -> Mapping[str, int]:
        """The numbers of all texts seen so far, those `wanted` among them."""
        new = {text: storable(text) for text in wanted if text not in self._number_of}
        if new:
            stored = sorted(set(new.values()))
            # Committed before anybody remembers it, and in one order, so that writers cannot block each other.
            with engine.begin() as connection:
                connection.execute(_INSERT, [{"text": text} for text in stored])
                query = sa.select(texts.c.text, texts.c.number).where(texts.c.text.in_(stored))
                found = {row.text: row.number for row in connection.execute(query)}
            self._number_of.update((text, found[kept]) for text, kept in new.items())
        return self._number_of

    def texts(self, connection: sa.Connection, wanted: Iterable[int]) -> Mapping[int, str]:
        """The texts of all numbers seen so far, those `wanted` among them."""
        new = {number for number in wanted if number not in self._text_of}
        if new:
            query = sa.select(texts.c.number, texts.c.text).where(texts.c.number.in_(new))
            self._text_of.update((row.number, row.text) for row in connection.execute(query))
        return self._text_of


def storable(text: str) -> str:
    """`text` as every database can hold it: PostgreSQL knows no NUL."""
    return text.replace("\x00", "\ufffd")
