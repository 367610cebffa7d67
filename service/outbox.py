"""What happened, for whoever subscribed to it: an event is written down in the transaction of its fact, or not at all.

Bodies are CloudEvents 1.0 in JSON (structured mode). They name the resource, which says the rest to whoever may read
it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from service.tables import deliveries, webhooks

EventType = Literal[
    "optimization.completed",
    "optimization.failed",
    "evaluation.completed",
    "regression.detected",
    "regression.resolved",
    "prompt.version.created",
    "prompt.label.moved",
]
"""What webhooks can subscribe to."""

TEST = "webhook.test"
"""Sent on demand only; nobody subscribes to it."""

SOURCE = "whet"

PENDING = "pending"


def announce(connection: sa.Connection, kind: EventType, subject: str, data: Mapping[str, Any], *, at: str) -> None:
    """Puts an event up for delivery to every webhook that is subscribed to its kind now.

    `connection` is that of the transaction that writes the fact down; `subject` is the path of the resource that the
    event is about, and `data` says what happened to it: no secrets, no texts of prompts or rows. `at` is the time, as
    rows keep it.
    """
    enabled = sa.select(webhooks.c.id, webhooks.c.events).where(webhooks.c.enabled).order_by(webhooks.c.id)
    subscribed = [row.id for row in connection.execute(enabled) if kind in row.events]
    if subscribed:
        event, body = event_of(kind, subject, data, at=at)
        rows = [delivery_of(webhook, event, kind, body, at=at) for webhook in subscribed]
        connection.execute(deliveries.insert(), rows)


def event_of(kind: str, subject: str, data: Mapping[str, Any], *, at: str) -> tuple[str, str]:
    """The id of a new event, and its body."""
    event = f"evt-{secrets.token_hex(12)}"
    content = {
        "specversion": "1.0",
        "id": event,
        "source": SOURCE,
        "type": kind,
        "subject": subject,
        "time": at,
        "datacontenttype": "application/json",
        "data": {**data, "href": subject},
    }
    return event, orjson.dumps(content).decode()


def delivery_of(webhook: str, event: str, kind: str, body: str, *, at: str) -> dict[str, Any]:
    """A delivery of an event to a webhook, due now, as its row."""
    return {
        "id": f"dlv-{secrets.token_hex(12)}",
        "webhook": webhook,
        "event": event,
        "type": kind,
        "body": body,
        "status": PENDING,
        "due_at": at,
        "claims": 0,
        "failures": 0,
        "attempts": [],
        "created_at": at,
    }
