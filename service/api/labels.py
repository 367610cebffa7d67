"""`/v1/prompts/{name}/labels`: where labels point, and their moves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from benchmarks.tasks.schema import LABEL
from service.api.bodies import LabelBody, RollbackBody
from service.api.conditional import IfMatch, IfNoneMatch, demand
from service.api.replies import LabelHistory, Labelled, LabelMove, LabelReply, etag, link_next, matches
from service.api.security import allowed
from service.api.state import State
from service.keys import PROMOTE, READ, Caller
from service.labels import Guard, Move

router = APIRouter(prefix="/v1/prompts/{name}/labels", tags=["prompts"])
Reads = Annotated[Caller, Depends(allowed(READ))]
Promotes = Annotated[Caller, Depends(allowed(PROMOTE))]

Label = Annotated[str, Path(pattern=LABEL, max_length=64)]
"""As a task's `promote.label`."""

NO_REASON = RollbackBody()

Cursor = Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="As `next` of the page before gives it.")]


@router.get("/{label}", response_model=LabelReply)
def one(name: str, label: str, request: Request, _caller: Reads, if_none_match: IfNoneMatch = None) -> Response:
    """Where a label points, and by which move. The ETag goes into If-Match when it is moved."""
    state = State.of(request)
    last = state.registry.last_move(name, label)
    headers = {"ETag": _tag(last), "Cache-Control": "no-cache"}
    if matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    move = LabelMove.of(last).model_dump()
    reply = LabelReply(**move, name=name, label=label, protected=label in state.protected)
    return Response(reply.model_dump_json(), headers=headers, media_type="application/json")


@router.put("/{label}", responses={201: {"model": Labelled, "description": "The label was unset."}})
def move(
    name: str,
    label: Label,
    body: LabelBody,
    *,
    request: Request,
    response: Response,
    caller: Promotes,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Labelled:
    """Points a label to a version; the answer says which version it replaces. Every move is kept in the history. A
    protected label is moved only with If-Match (428 without it, 412 if the label has moved meanwhile), and set for the
    first time with `If-None-Match: *`."""
    moved = State.of(request).registry.move_label(
        name, label, body.version, body.why, caller.name, guard=_guard(request, label, if_match, if_none_match)
    )
    response.headers["ETag"] = _tag(moved.now)
    if moved.replaced is None:
        response.status_code = 201
    return Labelled.of(name, label, moved)


@router.post("/{label}/rollback")
def rollback(
    name: str,
    label: Label,
    *,
    request: Request,
    response: Response,
    caller: Promotes,
    body: RollbackBody = NO_REASON,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Labelled:
    """Takes the latest move of a label back: it points to the version before again. Once more takes back the move
    before that one. Rollbacks are kept in the history as all moves are, and need If-Match where the label is protected;
    where no version stood before: 409."""
    moved = State.of(request).registry.rollback(
        name, label, body.why, caller.name, guard=_guard(request, label, if_match, if_none_match)
    )
    response.headers["ETag"] = _tag(moved.now)
    return Labelled.of(name, label, moved)


@router.get("/{label}/history")
def history(
    name: str,
    label: str,
    *,
    request: Request,
    response: Response,
    _caller: Reads,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> LabelHistory:
    """The moves of a label, the latest first: when, by whom and why."""
    before = None if cursor is None else int(cursor)
    found = State.of(request).registry.history(name, label, limit=limit + 1, before=before)
    more = str(found[limit - 1].sequence) if len(found) > limit else None
    if more:
        response.headers.update(link_next(request.url.path, {"cursor": more, "limit": str(limit)}))
    return LabelHistory(items=[LabelMove.of(move) for move in found[:limit]], next=more)


def _guard(request: Request, label: str, if_match: str | None, if_none_match: str | None) -> Guard:
    look = demand(if_match, if_none_match, of=f"The label '{label}'", required=label in State.of(request).protected)
    return lambda last: look(None if last is None else _tag(last))


def _tag(move: Move) -> str:
    """A label that comes back to a version has moved all the same."""
    return etag(f"move-{move.sequence}")
