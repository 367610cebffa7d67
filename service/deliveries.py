"""Deliveries: each takes one event to one webhook, by as many attempts as it needs, up to a limit.

Any number of processes deliver. Whoever tries a delivery first puts off when it is due next; so nobody else tries it
meanwhile, and one whose deliverer dies becomes due again by itself. An attempt may be made twice, never none: receivers
tell by the event's id, which stays the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.errors import InputError
from service.home import Home
from service.outbox import PENDING, TEST, delivery_of, event_of
from service.tables import deliveries, webhooks
from service.webhooks import UnknownWebhook, Webhook

DELIVERED = "delivered"
FAILED = "failed"

DELAYS_S = (5.0, 60.0, 300.0, 1800.0, 7200.0, 28_800.0, 86_400.0)
"""How long after each failed attempt the next one comes. The one after the last delay is the last."""
JITTER = 0.2
"""Delays are up to this share longer, so that what failed together does not come back together."""
LONGEST_DELAY_S = 86_400.0
"""A receiver's Retry-After is obeyed up to this."""
CLAIM_S = 30.0
"""An attempt that has not ended after so long was lost with its process. It is longer than an attempt may take."""
MOST_AT_ONCE = 4
"""So many attempts for one webhook a process makes at the same time."""
MOST_LOGGED = 20
"""Of each delivery the latest attempts are kept, so many."""
KEPT = timedelta(days=30)

GONE = 410
BUSY = (429, 503)


class Disabled(InputError):
    """The webhook is told of nothing now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an attempt: the receiver's HTTP `status`, None if it did not answer, and then a short `error`.
    `retry_after_s` is what it asked for."""

    status: int | None = None
    error: str | None = None
    duration_s: float = 0.0
    retry_after_s: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the receiver has the event."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt as the log keeps it; `at` is when it ended, UTC in ISO 8601."""

    at: str
    status: int | None
    error: str | None
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery of an `event` to a `webhook`: pending, delivered or failed. While it is pending it is tried at
    `due_at`."""

    id: str
    webhook: str
    event: str
    type: str
    body: str
    status: str
    due_at: str
    claims: int
    failures: int
    attempts: Sequence[Attempt]
    created_at: str


_SHOWN = [deliveries.c[name] for name in Delivery.__dataclass_fields__]
_OF_WEBHOOKS = [webhooks.c[name] for name in Webhook.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The deliveries of a home."""

    home: Home

    def claim(self, busy: Mapping[str, int]) -> list[Delivery]:
        """Deliveries that are due, for this process to try now: for each webhook up to four, less those it is `busy`
        with. Nobody else gets them for 30 seconds."""
        found = self._due(busy)
        if not found:
            return []
        row, claimed = deliveries.c, []
        with self.home.writing() as connection:
            for delivery_id in found:
                taken = connection.execute(
                    sa.update(deliveries)
                    .where(row.id == delivery_id, row.status == PENDING, row.due_at <= self.home.timestamp())
                    .values(due_at=self._in(CLAIM_S), claims=row.claims + 1)
                )
                if taken.rowcount:
                    claimed.append(_found(connection, delivery_id))
        return claimed

    def _due(self, busy: Mapping[str, int]) -> list[str]:
        """The ids of what is due, the oldest of each webhook first."""
        row = deliveries.c
        due = (row.status == PENDING, row.due_at <= self.home.timestamp())
        with self.home.reading() as connection:
            waiting = connection.scalars(
                sa.select(webhooks.c.id)
                .where(webhooks.c.enabled, sa.exists().where(row.webhook == webhooks.c.id, *due))
                .order_by(webhooks.c.id)
            ).all()
            found: list[str] = []
            for webhook in waiting:
                room = MOST_AT_ONCE - busy.get(webhook, 0)
                if room > 0:
                    query = sa.select(row.id).where(row.webhook == webhook, *due).order_by(row.due_at, row.id)
                    found += connection.scalars(query.limit(room))
        return found

    def settle(self, delivery: Delivery, answer: Answer, *, jitter: float, last: bool = False) -> Delivery:
        """The delivery after an attempt that came to `answer`. One that failed is tried again, `jitter` (from 0 to 1)
        of a fifth later than planned, unless it was the `last` attempt. A webhook that is gone (410) is disabled.

        Nothing is written if somebody else has claimed the delivery since, or if it was deleted.
        """
        attempt = Attempt(
            at=self.home.timestamp(), status=answer.status, error=answer.error, duration_s=round(answer.duration_s, 3)
        )
        values: dict[str, Any] = {"attempts": [asdict(one) for one in (*delivery.attempts, attempt)][-MOST_LOGGED:]}
        if answer.accepted:
            values["status"] = DELIVERED
        else:
            values["failures"] = delivery.failures + 1
            if last or answer.status == GONE or delivery.failures >= len(DELAYS_S):
                values["status"] = FAILED
            else:
                asked_for = (answer.retry_after_s or 0.0) if answer.status in BUSY else 0.0
                planned = DELAYS_S[delivery.failures] * (1.0 + JITTER * jitter)
                values["due_at"] = self._in(max(planned, min(asked_for, LONGEST_DELAY_S)))
        row = deliveries.c
        with self.home.writing() as connection:
            written = connection.execute(
                sa.update(deliveries)
                .where(row.id == delivery.id, row.claims == delivery.claims, row.status == PENDING)
                .values(values)
            )
            if not written.rowcount:
                return delivery
            if answer.status == GONE:
                _disable(connection, delivery.webhook, at=attempt.at)
            return _found(connection, delivery.id)

    def begin_test(self, webhook: Webhook) -> Delivery:
        """A delivery of an event that says nothing, for this process to try now."""
        now = self.home.timestamp()
        event, body = event_of(TEST, f"/v1/webhooks/{webhook.id}", {}, at=now)
        row = delivery_of(webhook.id, event, TEST, body, at=now) | {"due_at": self._in(CLAIM_S), "claims": 1}
        with self.home.writing() as connection:
            connection.execute(deliveries.insert().values(row))
            return _found(connection, row["id"])

    def redeliver(self, delivery_id: str) -> Delivery:
        """The delivery, due now, with all attempts before it, whatever came of it earlier. Raises UnknownWebhook if
        there is no such delivery, and Disabled if its webhook is."""
        with self.home.writing() as connection:
            found = _found(connection, delivery_id)
            if not connection.scalar(sa.select(webhooks.c.enabled).where(webhooks.c.id == found.webhook)):
                raise Disabled(f"The webhook '{found.webhook}' is disabled. Enable it, then redeliver.")
            connection.execute(
                sa.update(deliveries)
                .where(deliveries.c.id == delivery_id)
                .values(status=PENDING, due_at=self.home.timestamp(), failures=0)
            )
            return _found(connection, delivery_id)

    def listed(self, webhook_id: str, limit: int, before: str | None = None) -> list[Delivery]:
        """At most `limit` deliveries to a webhook, the newest first, from the one after `before`. Raises UnknownWebhook
        if there is no delivery `before`."""
        place = (deliveries.c.created_at, deliveries.c.id)
        query = sa.select(*_SHOWN).where(deliveries.c.webhook == webhook_id)
        query = query.order_by(*(column.desc() for column in place)).limit(limit)
        with self.home.reading() as connection:
            if before is not None:
                last = _found(connection, before)
                query = query.where(sa.tuple_(*place) < (last.created_at, last.id))
            return [_delivery(dict(row._mapping)) for row in connection.execute(query)]

    def forget(self) -> None:
        """Deletes the deliveries of events that are more than 30 days old."""
        before = (self.home.now() - KEPT).isoformat(timespec="milliseconds")
        with self.home.writing() as connection:
            connection.execute(sa.delete(deliveries).where(deliveries.c.created_at < before))

    def _in(self, seconds: float) -> str:
        at: datetime = self.home.now() + timedelta(seconds=seconds)
        return at.isoformat(timespec="milliseconds")


def _disable(connection: sa.Connection, webhook_id: str, *, at: str) -> None:
    why = "The receiver answered 410 Gone."
    disabled = {"enabled": False, "why_disabled": why, "updated_at": at}
    connection.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id).values(disabled))


def _found(connection: sa.Connection, delivery_id: str) -> Delivery:
    row = connection.execute(sa.select(*_SHOWN).where(deliveries.c.id == delivery_id)).one_or_none()
    if row is None:
        raise UnknownWebhook(f"There is no delivery '{delivery_id}'; they are kept for {KEPT.days} days.")
    return _delivery(dict(row._mapping))


def _delivery(columns: Mapping[str, Any]) -> Delivery:
    return Delivery(**{**columns, "attempts": tuple(Attempt(**one) for one in columns["attempts"])})
