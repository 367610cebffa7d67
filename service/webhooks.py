"""Webhooks: addresses that are told of events, each with a secret of its own."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from benchmarks.errors import InputError
from service.addresses import Allowed, check_named, parse_url
from service.home import Home
from service.signatures import new_secret
from service.tables import deliveries, webhooks

MOST_WEBHOOKS = 100
OVERLAP = timedelta(hours=24)
"""So long the secret before signs, too, once there is a new one."""


class UnknownWebhook(InputError):
    """There is no such webhook, or no such delivery."""


class TooManyWebhooks(InputError):
    """No more webhooks are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook: its `url` is told of the `events` of these types while it is `enabled`; `why_disabled` says why it is
    not, where whet has done that itself. Times are UTC in ISO 8601."""

    id: str
    url: str
    events: Sequence[str]
    description: str
    enabled: bool
    why_disabled: str | None
    created_by: str
    created_at: str
    updated_at: str
    secret: str = field(repr=False)
    previous_secret: str | None = field(repr=False)
    previous_until: str | None

    def live_secrets(self, now: datetime) -> tuple[str, ...]:
        """The secrets that sign at that time."""
        if self.previous_secret is None or self.previous_until is None:
            return (self.secret,)
        overlapping = now < datetime.fromisoformat(self.previous_until)
        return (self.secret, self.previous_secret) if overlapping else (self.secret,)


_SHOWN = [webhooks.c[name] for name in Webhook.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The webhooks of a home, where the operator has `allowed` some addresses beyond the public ones."""

    home: Home
    allowed: Allowed

    def create(self, url: str, events: Sequence[str], description: str, created_by: str) -> Webhook:
        """A new webhook. Raises Forbidden for an address that is never sent to, and TooManyWebhooks."""
        now = self.home.timestamp()
        made = Webhook(
            id=f"whk-{secrets.token_hex(8)}",
            url=self._checked(url),
            events=sorted(set(events)),
            description=description,
            enabled=True,
            why_disabled=None,
            created_by=created_by,
            created_at=now,
            updated_at=now,
            secret=new_secret(),
            previous_secret=None,
            previous_until=None,
        )
        with self.home.writing() as connection:
            if (connection.scalar(sa.select(sa.func.count()).select_from(webhooks)) or 0) >= MOST_WEBHOOKS:
                raise TooManyWebhooks(f"There are {MOST_WEBHOOKS} webhooks, which is the most. Delete one first.")
            connection.execute(webhooks.insert().values(asdict(made)))
        return made

    def listed(self, limit: int | None = None, after: str | None = None) -> list[Webhook]:
        """Webhooks, from the first: at most `limit`, from the one after the webhook `after`. Raises UnknownWebhook."""
        place = (webhooks.c.created_at, webhooks.c.id)
        query = sa.select(*_SHOWN).order_by(*place).limit(limit)
        if after is not None:
            last = self.get(after)
            query = query.where(sa.tuple_(*place) > (last.created_at, last.id))
        with self.home.reading() as connection:
            return [Webhook(**row._mapping) for row in connection.execute(query)]

    def get(self, webhook_id: str) -> Webhook:
        """The webhook with that id. Raises UnknownWebhook."""
        return find_webhook(self.home, webhook_id)

    def change(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """The webhook with what is given in place of what it had. Enabled again, it gets what was still to be delivered
        when it was disabled, and nothing of what happened meanwhile. Raises UnknownWebhook and Forbidden."""
        values = {
            "url": None if url is None else self._checked(url),
            "events": None if events is None else sorted(set(events)),
            "description": description,
            "enabled": enabled,
        }
        given: dict[str, object] = {name: value for name, value in values.items() if value is not None}
        if enabled is not None:
            given["why_disabled"] = None
        with self.home.writing() as connection:
            _found(connection, webhook_id)
            self._set(connection, webhook_id, **given)
            return _found(connection, webhook_id)

    def rotate(self, webhook_id: str) -> Webhook:
        """The webhook with a new secret; the one before signs, too, for 24 hours, and the one before that no more.
        Raises UnknownWebhook."""
        until = (self.home.now() + OVERLAP).isoformat(timespec="milliseconds")
        with self.home.writing() as connection:
            earlier = _found(connection, webhook_id).secret
            self._set(connection, webhook_id, secret=new_secret(), previous_secret=earlier, previous_until=until)
            return _found(connection, webhook_id)

    def delete(self, webhook_id: str) -> None:
        """Forgets the webhook and its deliveries, sent or not. Raises UnknownWebhook."""
        with self.home.writing() as connection:
            _found(connection, webhook_id)
            connection.execute(sa.delete(deliveries).where(deliveries.c.webhook == webhook_id))
            connection.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id))

    def _checked(self, url: str) -> str:
        parsed = parse_url(url)
        check_named(parsed, self.allowed)
        return str(parsed)

    def _set(self, connection: sa.Connection, webhook_id: str, **values: object) -> None:
        found = sa.update(webhooks).where(webhooks.c.id == webhook_id)
        connection.execute(found.values(**values, updated_at=self.home.timestamp()))


def find_webhook(home: Home, webhook_id: str) -> Webhook:
    """The webhook with that id. Raises UnknownWebhook."""
    with home.reading() as connection:
        return _found(connection, webhook_id)


def _found(connection: sa.Connection, webhook_id: str) -> Webhook:
    row = connection.execute(sa.select(*_SHOWN).where(webhooks.c.id == webhook_id)).one_or_none()
    if row is None:
        raise UnknownWebhook(f"There is no webhook '{webhook_id}'; GET /v1/webhooks lists them.")
    return Webhook(**row._mapping)
