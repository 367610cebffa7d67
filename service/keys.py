"""Keys to the REST API. A key is 256 random bits; only its SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import InputError
from service.home import Home
from service.tables import api_keys

PREFIX = "whet_"
READ, WRITE, PROMOTE, ADMIN = "prompts:read", "jobs:write", "labels:promote", "admin"
SCOPES = (READ, WRITE, PROMOTE, ADMIN)
FEWEST_CHARACTERS = 16
"""A shorter admin key is refused: it could be guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: `id` for programs, `name` for people, and what they may do. The scope admin includes all others."""

    id: str
    name: str
    scopes: tuple[str, ...]

    def may(self, scope: str) -> bool:
        """Whether the caller has `scope`."""
        return scope in self.scopes or ADMIN in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key as lists show it, without the key itself; times are UTC in ISO 8601."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a home."""

    home: Home

    def create(self, name: str, scopes: Sequence[str]) -> str:
        """A new key, which is shown this once. Raises InputError for an unknown scope."""
        for scope in scopes:
            if scope not in SCOPES:
                raise InputError(
                    f"There is no scope '{scope}'; choose among {', '.join(SCOPES)}.{did_you_mean(scope, SCOPES)}"
                )
        key = PREFIX + secrets.token_urlsafe(32)
        with self.home.writing() as connection:
            connection.execute(
                api_keys.insert().values(
                    id=f"key-{secrets.token_hex(4)}",
                    name=name,
                    digest=_digest(key),
                    scopes=list(scopes),
                    created_at=self.home.timestamp(),
                )
            )
        return key

    def listed(self) -> list[KeyRow]:
        """All keys, revoked ones too, from the first."""
        shown = [api_keys.c[name] for name in KeyRow.__dataclass_fields__]
        with self.home.reading() as connection:
            rows = connection.execute(sa.select(*shown).order_by(api_keys.c.created_at, api_keys.c.id))
            return [KeyRow(**{**row._mapping, "scopes": tuple(row.scopes)}) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Ends the validity of a key; it stays in the list. Raises InputError if there is none with that id."""
        with self.home.writing() as connection:
            changed = connection.execute(
                sa.update(api_keys)
                .where(api_keys.c.id == key_id)
                .values(revoked_at=sa.func.coalesce(api_keys.c.revoked_at, self.home.timestamp()))
            )
        if not changed.rowcount:
            raise InputError(f"There is no key '{key_id}'; `whet keys list` shows them.")

    def caller(self, key: str) -> Caller | None:
        """Who holds `key`, if it is valid."""
        with self.home.reading() as connection:
            row = connection.execute(
                sa.select(api_keys).where(api_keys.c.digest == _digest(key), api_keys.c.revoked_at.is_(None))
            ).one_or_none()
        return None if row is None else Caller(id=row.id, name=row.name, scopes=tuple(row.scopes))

    def any_valid(self) -> bool:
        """Whether somebody holds a key."""
        with self.home.reading() as connection:
            valid = sa.select(api_keys.c.id).where(api_keys.c.revoked_at.is_(None)).limit(1)
            return connection.scalar(valid) is not None

    def any_made(self) -> bool:
        """Whether a key was ever made. Revoking the last one must not open what it protected."""
        with self.home.reading() as connection:
            return connection.scalar(sa.select(api_keys.c.id).limit(1)) is not None


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
