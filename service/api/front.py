"""`/v1/optimizations/{id}/front/{number}`: prompts of the front of an optimization, for export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from benchmarks.prompts.export import export
from service.api.prompts import Format
from service.api.replies import FrontMember
from service.api.security import allowed
from service.api.state import State
from service.front import member_of, prompt_of
from service.jobs import OPTIMIZATION
from service.keys import WRITE, Caller

router = APIRouter(prefix="/v1/optimizations", tags=["optimizations"])
May = Annotated[Caller, Depends(allowed(WRITE))]


@router.get("/{job_id}/front/{number}", response_model=FrontMember)
def front(
    job_id: str,
    number: Annotated[int, Path(ge=1, description="From 1, the winner.")],
    request: Request,
    _caller: May,
    form: Annotated[Format, Query(alias="format")] = None,
) -> Response:
    """One prompt of the front of an optimization that has succeeded, as `result.front` lists them; with `format`, as
    registered prompts are exported."""
    member = member_of(State.of(request).jobs.get(job_id, OPTIMIZATION).result, number, job_id)
    if form is None:
        return Response(FrontMember(**member).model_dump_json(), media_type="application/json")
    text = export(prompt_of(member), form, {"optimization_id": job_id, "front": number})
    return Response(text, media_type="text/plain" if form == "text" else "application/json")
