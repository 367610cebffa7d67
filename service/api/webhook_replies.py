"""What the API answers about webhooks and deliveries."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from pydantic import BaseModel

from service.deliveries import Delivery
from service.outbox import PENDING
from service.webhooks import Webhook


class WebhookReply(BaseModel):
    """A webhook, without its secret. `why_disabled` says why whet has disabled it; `previous_secret_until` is until
    when the secret before the present one signs, too."""

    id: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    why_disabled: str | None
    previous_secret_until: str | None
    created_by: str
    created_at: str
    updated_at: str

    @staticmethod
    def of(webhook: Webhook) -> WebhookReply:
        """The webhook as the API shows it."""
        return WebhookReply(**_shown(webhook))


class NewSecret(WebhookReply):
    """A webhook with a new secret, which is shown this once."""

    secret: str

    @staticmethod
    def of(webhook: Webhook) -> NewSecret:
        """The webhook as the API shows it this once."""
        return NewSecret(**_shown(webhook), secret=webhook.secret)


class WebhookList(BaseModel):
    """A page of webhooks, from the first."""

    items: list[WebhookReply]
    next: str | None


class AttemptReply(BaseModel):
    """One attempt to deliver: when it ended, the receiver's HTTP status, or why there was none."""

    at: str
    status: int | None
    error: str | None
    duration_s: float


class DeliveryReply(BaseModel):
    """A delivery of an `event` to a webhook. `status` is pending, delivered or failed; one that is pending is tried at
    `due_at`. `body` is what is sent; `attempts` are the latest 20."""

    id: str
    webhook: str
    event: str
    type: str
    status: str
    due_at: str | None
    body: dict[str, Any]
    attempts: list[AttemptReply]
    created_at: str

    @staticmethod
    def of(delivery: Delivery) -> DeliveryReply:
        """The delivery as the API shows it."""
        return DeliveryReply(
            id=delivery.id,
            webhook=delivery.webhook,
            event=delivery.event,
            type=delivery.type,
            status=delivery.status,
            due_at=delivery.due_at if delivery.status == PENDING else None,
            body=orjson.loads(delivery.body),
            attempts=[AttemptReply(**asdict(attempt)) for attempt in delivery.attempts],
            created_at=delivery.created_at,
        )


class DeliveryList(BaseModel):
    """A page of deliveries, the newest first."""

    items: list[DeliveryReply]
    next: str | None


def _shown(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "description": webhook.description,
        "enabled": webhook.enabled,
        "why_disabled": webhook.why_disabled,
        "previous_secret_until": webhook.previous_until,
        "created_by": webhook.created_by,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }
