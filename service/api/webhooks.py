"""`/v1/webhooks`: who is told of what happens, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from benchmarks.errors import WhetError
from service.addresses import Forbidden
from service.api.bodies import WebhookBody, WebhookChange
from service.api.replies import link_next
from service.api.security import allowed
from service.api.state import State
from service.api.webhook_replies import DeliveryList, DeliveryReply, NewSecret, WebhookList, WebhookReply
from service.deliveries import Deliveries
from service.errors import blaming
from service.keys import ADMIN, Caller

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
Administers = Annotated[Caller, Depends(allowed(ADMIN))]
Limit = Annotated[int, Query(ge=1, le=200)]

URL: Mapping[type[WhetError], str] = {Forbidden: "#/url"}
SHOWN_ONCE = {"Cache-Control": "no-store"}


@router.post("", status_code=201)
def create(body: WebhookBody, request: Request, response: Response, caller: Administers) -> NewSecret:
    """Makes a webhook: from now on its address is told of these events. The secret that they are signed with (Standard
    Webhooks) is in this answer and in no later one."""
    with blaming(URL):
        made = State.of(request).webhooks.create(body.url, body.events, body.description, caller.name)
    response.headers.update({"Location": f"{router.prefix}/{made.id}", **SHOWN_ONCE})
    return NewSecret.of(made)


@router.get("")
def listed(
    request: Request, response: Response, _caller: Administers, cursor: str | None = None, limit: Limit = 50
) -> WebhookList:
    """Webhooks from the first."""
    found = State.of(request).webhooks.listed(limit + 1, after=cursor)
    more = found[limit - 1].id if len(found) > limit else None
    if more:
        response.headers.update(link_next(router.prefix, {"cursor": more, "limit": str(limit)}))
    return WebhookList(items=[WebhookReply.of(webhook) for webhook in found[:limit]], next=more)


@router.get("/{webhook_id}")
def one(webhook_id: str, request: Request, _caller: Administers) -> WebhookReply:
    """A webhook."""
    return WebhookReply.of(State.of(request).webhooks.get(webhook_id))


@router.patch("/{webhook_id}")
def change(webhook_id: str, body: WebhookChange, request: Request, _caller: Administers) -> WebhookReply:
    """Changes a webhook. While it is disabled, what happens is not kept for it; what was still to be delivered goes on
    once it is enabled again."""
    with blaming(URL):
        changed = State.of(request).webhooks.change(
            webhook_id, url=body.url, events=body.events, description=body.description, enabled=body.enabled
        )
    return WebhookReply.of(changed)


@router.delete("/{webhook_id}", status_code=204)
def delete(webhook_id: str, request: Request, _caller: Administers) -> None:
    """Ends a webhook and forgets its deliveries."""
    State.of(request).webhooks.delete(webhook_id)


@router.post("/{webhook_id}/rotate")
def rotate(webhook_id: str, request: Request, response: Response, _caller: Administers) -> NewSecret:
    """Gives a webhook a new secret, which is in this answer and in no later one. Messages are signed with the one
    before, too, for 24 hours; rotating twice ends that at once."""
    response.headers.update(SHOWN_ONCE)
    return NewSecret.of(State.of(request).webhooks.rotate(webhook_id))


@router.post("/{webhook_id}/test")
async def test(webhook_id: str, request: Request, _caller: Administers) -> DeliveryReply:
    """Sends an event `webhook.test` now, once, also to a webhook that is disabled, and says what came of it."""
    state = State.of(request)
    webhook = await asyncio.to_thread(state.webhooks.get, webhook_id)
    delivery = await asyncio.to_thread(Deliveries(state.home).begin_test, webhook)
    return DeliveryReply.of(await state.courier.attempt(delivery, last=True))


@router.get("/{webhook_id}/deliveries")
def delivered(
    webhook_id: str,
    request: Request,
    response: Response,
    _caller: Administers,
    cursor: str | None = None,
    limit: Limit = 50,
) -> DeliveryList:
    """Deliveries to a webhook, the newest first, with their attempts. They are kept for 30 days."""
    state = State.of(request)
    path = f"{router.prefix}/{state.webhooks.get(webhook_id).id}/deliveries"
    found = Deliveries(state.home).listed(webhook_id, limit + 1, before=cursor)
    more = found[limit - 1].id if len(found) > limit else None
    if more:
        response.headers.update(link_next(path, {"cursor": more, "limit": str(limit)}))
    return DeliveryList(items=[DeliveryReply.of(delivery) for delivery in found[:limit]], next=more)


@router.post("/deliveries/{delivery_id}/redeliver", status_code=202)
def redeliver(delivery_id: str, request: Request, _caller: Administers) -> DeliveryReply:
    """Delivers an event again, under the same `webhook-id`, whatever came of it before."""
    return DeliveryReply.of(Deliveries(State.of(request).home).redeliver(delivery_id))
