"""`/v1/regressions`: what nights found."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.replies import link_next
from service.api.schedule_bodies import AckBody
from service.api.schedule_replies import RegressionDetail, RegressionList, RegressionReply
from service.api.security import allowed
from service.api.state import State
from service.keys import WRITE, Caller

router = APIRouter(prefix="/v1/regressions", tags=["regressions"])
May = Annotated[Caller, Depends(allowed(WRITE))]
MOST_NIGHTS = 200


@router.get("")
def listed(
    request: Request,
    response: Response,
    _caller: May,
    state: Literal["open", "resolved"] | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RegressionList:
    """Regressions, the newest first. At most one is open for each task and metric."""
    found = State.of(request).regressions.listed(limit + 1, state=state, before=cursor)
    more = found[limit - 1].id if len(found) > limit else None
    if more:
        kept = {} if state is None else {"state": state}
        response.headers.update(link_next(router.prefix, {**kept, "cursor": more, "limit": str(limit)}))
    return RegressionList(items=[RegressionReply.of(regression) for regression in found[:limit]], next=more)


@router.get("/{regression_id}")
def one(regression_id: str, request: Request, _caller: May) -> RegressionDetail:
    """A regression, with the nights that belong to it and their verdicts."""
    state = State.of(request)
    regression = state.regressions.get(regression_id)
    return RegressionDetail.with_nights(regression, state.nights.of_regression(regression.id, MOST_NIGHTS))


@router.post("/{regression_id}/ack")
def ack(regression_id: str, body: AckBody, request: Request, caller: May) -> RegressionReply:
    """Says that somebody has taken note of it, and what they make of it. It stays open until a night resolves it."""
    return RegressionReply.of(State.of(request).regressions.ack(regression_id, caller.name, body.note))
