"""`/v1/optimizations/{id}/trials` and `/report`: what was tried, and what came of it."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from service.api.replies import Optimization, Trial, Trials, link_next
from service.api.security import allowed
from service.api.state import State
from service.errors import Refused
from service.events import events_after
from service.jobs import OPEN, OPTIMIZATION
from service.keys import WRITE, Caller
from service.pages.report import page, policy
from service.report import Report
from service.trials import trials_of

router = APIRouter(prefix="/v1/optimizations", tags=["optimizations"])
May = Annotated[Caller, Depends(allowed(WRITE))]

MEDIA_TYPES = {"html": "text/html", "markdown": "text/markdown", "json": "application/json"}


@router.get("/{job_id}/trials")
def trials(
    job_id: str,
    request: Request,
    response: Response,
    _caller: May,
    cursor: Annotated[int, Query(ge=-1, le=2**31, description="Only trials after this number.")] = -1,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Trials:
    """The prompts that an optimization tried, in the order in which it first ran them; 0 is the prompt it started from.
    Of one that is under way, as far as it is known. Their scores are those by which the search chose: no proof."""
    state = State.of(request)
    job = state.jobs.get(job_id, OPTIMIZATION)
    found = [one for one in trials_of(state.home, job_id) if one["trial"] > cursor]
    more = found[limit - 1]["trial"] if len(found) > limit else None
    if more is not None:
        path = f"{router.prefix}/{job_id}/trials"
        response.headers.update(link_next(path, {"cursor": str(more), "limit": str(limit)}))
    return Trials(
        items=[Trial(**one) for one in found[:limit]],
        next=None if more is None else str(more),
        complete=job.status not in OPEN,
        proof=False,
    )


@router.get(
    "/{job_id}/report",
    response_class=Response,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
)
def report(
    job_id: str,
    request: Request,
    _caller: May,
    form: Annotated[Literal["html", "markdown", "json"] | None, Query(alias="format")] = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """What the page of an optimization shows, in one piece that needs no server: HTML, Markdown or JSON, by `format` or
    else by Accept; JSON if neither says."""
    state = State.of(request)
    told = Report.of(state.home, state.jobs.get(job_id, OPTIMIZATION))
    chosen = form or _accepted(accept)
    headers = {"Cache-Control": "no-store", "Vary": "Accept"}
    match chosen:
        case "html":
            headers["Content-Security-Policy"] = policy()
            body: bytes | str = page(told, events_after(state.home, job_id, 0))
        case "markdown":
            body = told.markdown()
        case _:
            content = Optimization.of(told.job).model_dump()
            body = orjson.dumps(
                {"title": told.title, "optimization": content, "trials": told.trials, "notices": told.notices}
            )
    return Response(body, media_type=MEDIA_TYPES[chosen], headers=headers)


def _accepted(accept: str) -> str:
    """The form that an Accept header wants most (RFC 9110, section 12.5.1). Raises Refused (406) if it takes none."""
    wanted: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((p.removeprefix("q=") for p in parameters if p.startswith("q=")), "1")
        try:
            wanted[kind] = float(weight)
        except ValueError:
            wanted[kind] = 0.0
    if not accept.strip():
        return "json"

    def weight_of(kind: str) -> float:
        family = f"{kind.partition('/')[0]}/*"
        return next((wanted[name] for name in (kind, family, "*/*") if name in wanted), 0.0)

    # In this order where an Accept header has no preference.
    best = max(("json", "html", "markdown"), key=lambda form: weight_of(MEDIA_TYPES[form]))
    if weight_of(MEDIA_TYPES[best]) <= 0:
        raise Refused(406, "Not offered", f"A report is {', '.join(MEDIA_TYPES.values())}; Accept was {accept!r:.80}.")
    return best
