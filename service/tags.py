"""Tags: the words by which people find prompts."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from benchmarks.errors import InputError
from service.home import Home
from service.registry import Registry, UnknownPrompt
from service.tables import prompt_tags

TAG = r"^[a-z0-9][a-z0-9._-]*$"
"""A tag, at most 64 characters."""

MOST = 64
"""A prompt has no more tags."""


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of the prompts of a home."""

    home: Home

    def add(self, name: str, tag: str) -> list[str]:
        """All tags of `name`, `tag` among them. Raises UnknownPrompt, and InputError if there are as many as a prompt
        may have."""
        Registry(self.home).find(name, version=1)
        with self.home.writing() as connection:
            known = _of(connection, name)
            if tag not in known:
                if len(known) >= MOST:
                    raise InputError(
                        f"The prompt '{name}' has {MOST} tags, the most that one may have; remove one first."
                    )
                connection.execute(prompt_tags.insert().values(name=name, tag=tag))
        return sorted({*known, tag})

    def remove(self, name: str, tag: str) -> list[str]:
        """All tags of `name`, without `tag`. Raises UnknownPrompt if it has not got it."""
        Registry(self.home).find(name, version=1)
        with self.home.writing() as connection:
            known = _of(connection, name)
            connection.execute(sa.delete(prompt_tags).where(prompt_tags.c.name == name, prompt_tags.c.tag == tag))
        if tag not in known:
            raise UnknownPrompt(f"The prompt '{name}' has no tag '{tag}'; its tags: {', '.join(known) or 'none'}.")
        return [other for other in known if other != tag]


def _of(connection: sa.Connection, name: str) -> list[str]:
    query = sa.select(prompt_tags.c.tag).where(prompt_tags.c.name == name).order_by(prompt_tags.c.tag)
    return list(connection.scalars(query))
