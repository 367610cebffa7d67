"""`/v1/optimizations`: jobs asked for, watched and cancelled."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from benchmarks.errors import BudgetError, DataError, MetricError, TaskError, WhetError
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service.api.bodies import OptimizationBody
from service.api.replies import ForecastReply, Optimization, Optimizations, etag, link_next, matches
from service.api.security import allowed
from service.api.state import State
from service.endpoints import UnusableModel, with_endpoints
from service.errors import Refused, blaming
from service.events import DONE, Recorded, events_after
from service.forecast import Forecast, forecast
from service.idempotency import once
from service.jobs import OPEN, RUNNING, Job
from service.keys import WRITE, Caller
from service.submit import submit

router = APIRouter(prefix="/v1/optimizations", tags=["optimizations"])
May = Annotated[Caller, Depends(allowed(WRITE))]

POLL_S = 0.3
COMMENT_S = 15.0
LONGEST_WAIT_S = 60.0
RETRY_AFTER = {"Retry-After": "2"}


@router.post("", status_code=202, response_model=Optimization, responses={200: {"model": ForecastReply}})
def create(
    body: OptimizationBody,
    request: Request,
    caller: May,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    dry_run: Annotated[bool, Query(description="Forecast only; nothing is called or kept.")] = False,
) -> Response:
    """Starts an optimization. The same task, data, model, seed and budget again is the same optimization: it is carried
    on if it was stopped, and returned with its result if it is finished, unless `fresh` is set."""
    state = State.of(request)
    with blaming(_places(body)):
        content = with_endpoints(body.content(), state.endpoints)
        task = load_task(parse_task(content), Path(), allow_code=False)
        if dry_run:
            return JSONResponse(ForecastReply.of(_forecast(task, state, fresh=body.fresh)).model_dump())
        with once(state.home, caller.id, idempotency_key, [content, body.fresh]) as earlier:
            job = state.jobs.get(earlier.optimization) if earlier.optimization else None
            if job is None:
                job = submit(task, content, state.home, state.settings, fresh=body.fresh)
                earlier.optimization = job.id
    headers = {"Location": f"{router.prefix}/{job.id}", **(RETRY_AFTER if job.status in OPEN else {})}
    return JSONResponse(Optimization.of(job).model_dump(), status_code=202, headers=headers)


def _forecast(task: Task, state: State, *, fresh: bool) -> Forecast:
    return forecast(task, replace(state.settings, fresh=fresh), state.home)


def _places(body: OptimizationBody) -> dict[type[WhetError], str | Callable[[Any], str]]:
    """Where in the body is what each kind of mistake is about."""

    def model(error: UnusableModel) -> str:
        return f"#/task/{error.section}" if getattr(body, error.section) is None else f"#/{error.section}"

    return {
        UnusableModel: model,
        BudgetError: "#/task/budget" if body.budget is None else "#/budget",
        DataError: "#/task/data/rows",
        MetricError: "#/task/metric",
        TaskError: "#/task",
    }


@router.get("")
def listed(
    request: Request,
    response: Response,
    _caller: May,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Optimizations:
    """Optimizations, the newest first."""
    jobs = State.of(request).jobs.listed(limit + 1, before=cursor)
    more = jobs[limit - 1].id if len(jobs) > limit else None
    if more:
        response.headers.update(link_next(router.prefix, {"cursor": more, "limit": str(limit)}))
    items = [Optimization.of(job).model_copy(update={"result": None}) for job in jobs[:limit]]
    return Optimizations(items=items, next=more)


@router.get("/{job_id}", response_model=Optimization)
async def one(
    job_id: str,
    request: Request,
    _caller: May,
    if_none_match: Annotated[str | None, Header()] = None,
    prefer: Annotated[str | None, Header(description="wait=30 answers when it is done, or after 30 seconds.")] = None,
) -> Response:
    """An optimization: status, progress, what it spent, and its result."""
    jobs = State.of(request).jobs
    job = await asyncio.to_thread(jobs.get, job_id)
    until = asyncio.get_running_loop().time() + _wait_s(prefer)
    while job.status in OPEN and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(POLL_S)
        job = await asyncio.to_thread(jobs.get, job_id)
    body = orjson.dumps(Optimization.of(job).model_dump())
    tag = etag(hashlib.sha256(body).hexdigest()[:32])
    headers = {"ETag": tag, "Cache-Control": "no-cache", **(RETRY_AFTER if job.status in OPEN else {})}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _wait_s(prefer: str | None) -> float:
    for part in (prefer or "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "wait" and value.isascii() and value.isdecimal():
            return min(float(value), LONGEST_WAIT_S)
    return 0.0


@router.post("/{job_id}/cancel", status_code=202)
def cancel(job_id: str, request: Request, _caller: May) -> Optimization:
    """Stops an optimization. What was paid for is kept; asking for the same optimization again carries it on. One that
    a command runs is ended there (409)."""
    jobs = State.of(request).jobs
    if jobs.get(job_id).status == RUNNING and jobs.request(job_id) is None:
        raise Refused(409, "Run by a command", f"{job_id} is run by `whet optimize`; end it there, with Ctrl-C.")
    return Optimization.of(jobs.cancel(job_id))


@router.get("/{job_id}/events", response_class=StreamingResponse)
def stream(
    job_id: str,
    request: Request,
    _caller: May,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """What happens, as server-sent events: `phase`, `best`, `log`, `progress`, and `done` at the end. Each but
    `progress` has an id; `Last-Event-ID` replays what came after it. Of an optimization that was stopped and carried on
    only the last `done` is told."""
    state = State.of(request)
    state.jobs.get(job_id)
    after = last_event_id or "0"
    if not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise Refused(400, "Not an event id", f"Last-Event-ID is the number of an event; it was {after!r:.40}.")
    return StreamingResponse(
        _events(state, job_id, int(after)), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _events(state: State, job_id: str, after: int) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    shown: Any = None
    said = clock()

    def look() -> tuple[Job, list[Recorded]]:
        # The status first: where it says that the job has ended, `done` is among the events.
        return state.jobs.get(job_id), events_after(state.home, job_id, after)

    while not state.closing.is_set():
        job, new = await asyncio.to_thread(look)
        if job.progress is not None and job.progress != shown:
            shown = job.progress
            yield _sse("progress", job.progress)
        for event in new:
            if event.kind == DONE and (job.status in OPEN or event is not new[-1]):
                continue  # It had ended, and was carried on; or it ends just now, which the next look sees.
            after, said = event.sequence, clock()
            yield _sse(event.kind, event.data, after)
        if job.status not in OPEN:
            return
        if clock() - said >= COMMENT_S:
            said = clock()
            yield b": still here\n\n"
        await asyncio.sleep(POLL_S)


def _sse(kind: str, data: Any, sequence: int | None = None) -> bytes:
    number = b"" if sequence is None else b"id: %d\n" % sequence
    return number + b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
