"""`/v1/optimizations`: jobs asked for, watched and cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from benchmarks.errors import BudgetError, DataError, MetricError, TaskError, WhetError
from benchmarks.tasks.schema import BudgetSection, parse_task
from benchmarks.tasks.task import Task, load_task
from service.api import waiting
from service.api.bodies import OptimizationBody
from service.api.replies import ForecastReply, Optimization, Optimizations, link_next
from service.api.security import allowed
from service.api.state import State
from service.api.waiting import RETRY_AFTER, Prefer, ended, shown
from service.endpoints import UnusableModel, endpoint_of, with_endpoints
from service.errors import Refused, blaming
from service.events import DONE, Recorded, events_after
from service.forecast import Forecast, forecast
from service.idempotency import once
from service.jobs import CANCELLED, CANCELLING, FAILED, OPEN, OPTIMIZATION, RUNNING, Job
from service.keys import WRITE, Caller
from service.quotas import Quotas
from service.submit import submit

router = APIRouter(prefix="/v1/optimizations", tags=["optimizations"])
May = Annotated[Caller, Depends(allowed(WRITE))]

COMMENT_S = 15.0


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
        given = body.content(lambda reference: state.tasks.find(reference).content)
        content = with_endpoints(given, state.endpoints)
        task = load_task(parse_task(content), Path(), allow_code=False, datasets=state.datasets.find)
        if task.spec.data.dataset is not None:
            # The job stays with the version that was the latest when it was asked for.
            content["data"] = {"dataset": task.spec.data.dataset}
        if dry_run:
            return JSONResponse(ForecastReply.of(_forecast(task, state, fresh=body.fresh)).model_dump())
        with once(state.home, caller.id, idempotency_key, body.said()) as earlier:
            job = state.jobs.get(earlier.job, OPTIMIZATION) if earlier.job else None
            if job is None:
                job = submit(
                    task,
                    content,
                    state.home,
                    state.settings,
                    fresh=body.fresh,
                    caller=caller,
                    endpoint=endpoint_of(given),
                    priority=body.priority,
                )
                earlier.job = job.id
    headers = {"Location": f"{router.prefix}/{job.id}", **(RETRY_AFTER if job.status in OPEN else {})}
    return JSONResponse(Optimization.of(job).model_dump(), status_code=202, headers=headers)


def _forecast(task: Task, state: State, *, fresh: bool) -> Forecast:
    return forecast(task, replace(state.settings, fresh=fresh), state.home)


def _places(body: OptimizationBody) -> dict[type[WhetError], str | Callable[[Any], str]]:
    """Where in the body is what each kind of mistake is about."""

    def within(section: str) -> str:
        if section in OptimizationBody.model_fields and getattr(body, section) is not None:
            return f"#/{section}"
        return "#/task" if isinstance(body.task, str) else f"#/task/{section}"

    data = "data" if isinstance(body.task, str) else f"data/{'dataset' if body.task.data.dataset else 'rows'}"
    return {
        UnusableModel: lambda error: within(error.section),
        BudgetError: within("budget"),
        DataError: within(data),
        MetricError: within("metric"),
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
    items = [Optimization.of(job).model_copy(update={"result": None, "best": None}) for job in jobs[:limit]]
    return Optimizations(items=items, next=more)


@router.get("/{job_id}", response_model=Optimization)
async def one(
    job_id: str,
    request: Request,
    _caller: May,
    if_none_match: Annotated[str | None, Header()] = None,
    prefer: Prefer = None,
) -> Response:
    """An optimization: status, progress, what it spent, and its result."""
    jobs = State.of(request).jobs
    job = await ended(lambda: jobs.get(job_id, OPTIMIZATION), prefer)
    return shown(job, Optimization.of(job), if_none_match)


@router.post("/{job_id}/cancel", status_code=202)
def cancel(job_id: str, request: Request, _caller: May) -> Optimization:
    """Stops an optimization, within two seconds. What was paid for is kept, and so is the prompt that leads by then
    (`best`); `resume`, or asking for the same optimization again, carries it on. One that a command runs is ended there
    (409)."""
    jobs = State.of(request).jobs
    if jobs.get(job_id, OPTIMIZATION).status == RUNNING and jobs.request(job_id) is None:
        raise Refused(409, "Run by a command", f"{job_id} is run by `whet optimize`; end it there, with Ctrl-C.")
    return Optimization.of(jobs.cancel(job_id))


@router.post("/{job_id}/resume", status_code=202)
def resume(job_id: str, request: Request, response: Response, caller: May) -> Optimization:
    """Carries an optimization on that was cancelled or has failed, from where it stopped. One that waits, is under way
    or is done stays as it is. One that only a command ran is resumed by that command, and one that is still being
    cancelled can be resumed when it has ended (409)."""
    home, jobs = State.of(request).home, State.of(request).jobs
    job, asked = jobs.get(job_id, OPTIMIZATION), jobs.request(job_id)
    if job.status == CANCELLING:
        raise Refused(409, "Being cancelled", f"{job_id} is still being cancelled; ask again.", RETRY_AFTER)
    if job.status in (FAILED, CANCELLED) and asked is None:
        raise Refused(409, "Run by a command", f"{job_id} was run by `whet optimize`; run the same command again.")
    with Quotas(home).reserved(caller, job, BudgetSection.model_validate((asked or {}).get("budget", {})).calls):
        resumed = jobs.resume(job_id)
    if resumed.status in OPEN:
        response.headers.update(RETRY_AFTER)
    return Optimization.of(resumed)


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
    state.jobs.get(job_id, OPTIMIZATION)
    after = last_event_id or "0"
    if not (after.isascii() and after.isdecimal() and len(after) < 19):
        raise Refused(400, "Not an event id", f"Last-Event-ID is the number of an event; it was {after!r:.40}.")
    return StreamingResponse(
        _events(state, job_id, int(after)), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _events(state: State, job_id: str, after: int) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    told: Any = None
    said = clock()

    def look() -> tuple[Job, list[Recorded]]:
        # The status first: where it says that the job has ended, `done` is among the events.
        return state.jobs.get(job_id), events_after(state.home, job_id, after)

    while not state.closing.is_set():
        job, new = await asyncio.to_thread(look)
        if job.progress is not None and job.progress != told:
            told = job.progress
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
        await asyncio.sleep(waiting.POLL_S)


def _sse(kind: str, data: Any, sequence: int | None = None) -> bytes:
    number = b"" if sequence is None else b"id: %d\n" % sequence
    return number + b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
