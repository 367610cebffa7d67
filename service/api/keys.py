"""`/v1/api-keys`: keys made, listed and ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.bodies import KeyBody
from service.api.replies import KeyList, KeyReply, NewKey, link_next
from service.api.security import allowed
from service.api.state import State
from service.keys import ADMIN, Caller, Keys
from service.quotas import Quotas

router = APIRouter(prefix="/v1/api-keys", tags=["keys"])
Administers = Annotated[Caller, Depends(allowed(ADMIN))]


@router.post("", status_code=201)
def create(body: KeyBody, request: Request, response: Response, _caller: Administers) -> NewKey:
    """Makes a key. It is in this answer and nowhere else: only its SHA-256 is kept."""
    key, row = Keys(State.of(request).home).make(
        body.name, tuple(dict.fromkeys(body.scopes)), expires_at=body.expires_at, calls_per_day=body.calls_per_day
    )
    response.headers.update({"Location": f"{router.prefix}/{row.id}", "Cache-Control": "no-store"})
    return NewKey(**KeyReply.of(row, 0).model_dump(), key=key)


@router.get("")
def listed(
    request: Request,
    response: Response,
    _caller: Administers,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> KeyList:
    """Keys from the first, also those that are valid no more, without the keys themselves."""
    home = State.of(request).home
    rows = Keys(home).listed(limit + 1, after=cursor)
    more = rows[limit - 1].id if len(rows) > limit else None
    if more:
        response.headers.update(link_next(router.prefix, {"cursor": more, "limit": str(limit)}))
    used = Quotas(home).used([row.id for row in rows[:limit]])
    return KeyList(items=[KeyReply.of(row, used.get(row.id, 0)) for row in rows[:limit]], next=more)


@router.get("/{key_id}")
def one(key_id: str, request: Request, _caller: Administers) -> KeyReply:
    """A key, without the key itself."""
    home = State.of(request).home
    return KeyReply.of(Keys(home).get(key_id), Quotas(home).used([key_id]).get(key_id, 0))


@router.delete("/{key_id}", status_code=204)
def revoke(key_id: str, request: Request, _caller: Administers) -> None:
    """Ends the validity of a key. It stays in the list."""
    Keys(State.of(request).home).revoke(key_id)
