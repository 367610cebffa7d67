"""Keys to the REST API. A key is 256 random bits; only its SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

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


class UnknownKey(InputError):
    """There is no such key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: `id` for programs, `name` for people, and what they may do. The scope admin includes all others.
    `calls_per_day` is what the jobs may spend that are asked for on one day; None is no limit."""

    id: str
    name: str
    scopes: tuple[str, ...]
    calls_per_day: int | None = None

    def may(self, scope: str) -> bool:
        """Whether the caller has `scope`."""
        return scope in self.scopes or ADMIN in self.scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A key as lists show it, without the key itself; times are UTC in ISO 8601. `last_used_at` is right to within a
    minute."""

    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: str
    revoked_at: str | None
    expires_at: str | None
    calls_per_day: int | None
    last_used_at: str | None


_SHOWN = [api_keys.c[name] for name in KeyRow.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a home."""

    home: Home

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        expires_at: datetime | None = None,
        calls_per_day: int | None = None,
    ) -> str:
        """As `make`: the key alone."""
        return self.make(name, scopes, expires_at=expires_at, calls_per_day=calls_per_day)[0]

    def make(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        expires_at: datetime | None = None,
        calls_per_day: int | None = None,
    ) -> tuple[str, KeyRow]:
        """A new key, which is shown this once, and what is kept of it. It is valid until `expires_at`.

        Raises InputError for an unknown scope, and for an `expires_at` that is past.
        """
        for scope in scopes:
            if scope not in SCOPES:
                raise InputError(
                    f"There is no scope '{scope}'; choose among {', '.join(SCOPES)}.{did_you_mean(scope, SCOPES)}"
                )
        if expires_at is not None and expires_at <= self.home.now():
            raise InputError(f"A key that expires at {_kept(expires_at)} would never be valid; choose a later time.")
        key = PREFIX + secrets.token_urlsafe(32)
        row = KeyRow(
            id=f"key-{secrets.token_hex(8)}",
            name=name,
            scopes=tuple(scopes),
            created_at=self.home.timestamp(),
            revoked_at=None,
            expires_at=None if expires_at is None else _kept(expires_at),
            calls_per_day=calls_per_day,
            last_used_at=None,
        )
        with self.home.writing() as connection:
            connection.execute(
                api_keys.insert().values(
                    id=row.id,
                    name=row.name,
                    digest=_digest(key),
                    scopes=list(row.scopes),
                    created_at=row.created_at,
                    expires_at=row.expires_at,
                    calls_per_day=row.calls_per_day,
                )
            )
        return key, row

    def listed(self, limit: int | None = None, after: str | None = None) -> list[KeyRow]:
        """Keys, revoked ones too, from the first: at most `limit`, from the one after the key `after`. Raises
        UnknownKey."""
        place = (api_keys.c.created_at, api_keys.c.id)
        query = sa.select(*_SHOWN).order_by(*place).limit(limit)
        if after is not None:
            last = self.get(after)
            query = query.where(sa.tuple_(*place) > (last.created_at, last.id))
        with self.home.reading() as connection:
            return [_row(row) for row in connection.execute(query)]

    def get(self, key_id: str) -> KeyRow:
        """The key with that id. Raises UnknownKey."""
        with self.home.reading() as connection:
            row = connection.execute(sa.select(*_SHOWN).where(api_keys.c.id == key_id)).one_or_none()
        if row is None:
            raise UnknownKey(_unknown(key_id))
        return _row(row)

    def revoke(self, key_id: str) -> None:
        """Ends the validity of a key; it stays in the list. Raises UnknownKey."""
        with self.home.writing() as connection:
            changed = connection.execute(
                sa.update(api_keys)
                .where(api_keys.c.id == key_id)
                .values(revoked_at=sa.func.coalesce(api_keys.c.revoked_at, self.home.timestamp()))
            )
        if not changed.rowcount:
            raise UnknownKey(_unknown(key_id))

    def caller(self, key: str) -> Caller | None:
        """Who holds `key`, if it is valid."""
        with self.home.reading() as connection:
            row = connection.execute(
                sa.select(api_keys).where(api_keys.c.digest == _digest(key), self._valid())
            ).one_or_none()
        if row is None:
            return None
        return Caller(id=row.id, name=row.name, scopes=tuple(row.scopes), calls_per_day=row.calls_per_day)

    def used(self, times: Mapping[str, str]) -> None:
        """Writes down when keys were last used: by their ids, UTC in ISO 8601."""
        earlier = api_keys.c.last_used_at
        with self.home.writing() as connection:
            for key_id, at in sorted(times.items()):
                connection.execute(
                    sa.update(api_keys)
                    .where(api_keys.c.id == key_id, earlier.is_(None) | (earlier < at))
                    .values(last_used_at=at)
                )

    def any_valid(self) -> bool:
        """Whether somebody holds a key."""
        with self.home.reading() as connection:
            return connection.scalar(sa.select(api_keys.c.id).where(self._valid()).limit(1)) is not None

    def _valid(self) -> sa.ColumnElement[bool]:
        expires = api_keys.c.expires_at
        return api_keys.c.revoked_at.is_(None) & (expires.is_(None) | (expires > self.home.timestamp()))

    def any_made(self) -> bool:
        """Whether a key was ever made. Revoking the last one must not open what it protected."""
        with self.home.reading() as connection:
            return connection.scalar(sa.select(api_keys.c.id).limit(1)) is not None


def _row(row: sa.Row[Any]) -> KeyRow:
    return KeyRow(**{**row._mapping, "scopes": tuple(row.scopes)})


def _unknown(key_id: str) -> str:
    return f"There is no key '{key_id}'; `whet keys list` shows them."


def _kept(time: datetime) -> str:
    """As rows keep times."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
