"""`/`, `/optimizations/{id}`, `/prompts/{name}`, what changed in it, `/schedules`, and `/docs` for browsers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.templating import Jinja2Templates
from starlette.staticfiles import StaticFiles

from service.api.replies import Optimization
from service.api.security import allowed
from service.api.state import State
from service.events import BEST, LOG, events_after
from service.jobs import OPEN, OPTIMIZATION
from service.keys import READ, WRITE, Caller
from service.pages.curve import curve
from service.pages.forest import forest
from service.pages.night_course import night_course
from service.prompt_diff import difference
from service.registry import parse_pointer
from service.regressions import OPEN as OPEN_REGRESSION

HERE = Path(__file__).parent
NEWEST = 50

router = APIRouter(include_in_schema=False)
Reads = Annotated[Caller, Depends(allowed(READ))]
Watches = Annotated[Caller, Depends(allowed(WRITE))]

_templates = Jinja2Templates(HERE / "templates")


def static_files() -> StaticFiles:
    """The style sheet."""
    return StaticFiles(directory=HERE / "static")


def _page(request: Request, name: str, **values: Any) -> Response:
    return _templates.TemplateResponse(request, name, values, headers={"Cache-Control": "no-store"})


@router.get("/")
def start(request: Request, _caller: Watches) -> Response:
    """Optimizations and prompts."""
    state = State.of(request)
    jobs = [Optimization.of(job) for job in state.jobs.listed(NEWEST)]
    prompts = state.registry.overviews(state.registry.names(NEWEST))
    busy = any(job.status in OPEN for job in jobs)
    return _page(request, "start.html", jobs=jobs, prompts=prompts, refresh=busy)


@router.get("/optimizations/{job_id}")
def optimization(job_id: str, request: Request, _caller: Watches) -> Response:
    """One run: its curve, its result, its front, and what mattered."""
    state = State.of(request)
    job = Optimization.of(state.jobs.get(job_id, OPTIMIZATION))
    events = events_after(state.home, job_id, 0)
    return _page(
        request,
        "optimization.html",
        job=job,
        curve=curve([event.data for event in events if event.kind == BEST]),
        forest=forest(((job.result or {}).get("mattered") or {}).get("ablation", ())),
        notices=[event.data["message"] for event in events if event.kind == LOG],
        refresh=job.status in OPEN,
    )


@router.get("/prompts/{name}")
def prompt(name: str, request: Request, _caller: Reads) -> Response:
    """One prompt: its newest versions, its labels and their latest moves."""
    state = State.of(request)
    overview = state.registry.overview(name)
    shown = overview.versions[-NEWEST:]
    return _page(
        request,
        "prompt.html",
        prompt=overview,
        shown=shown,
        found={v.version: state.registry.find(name, version=v.version).prompt for v in shown},
        moves={label: state.registry.history(name, label, limit=NEWEST) for label in overview.labels},
        protected=state.protected,
    )


@router.get("/prompts/{name}/diff")
def diff(
    name: str,
    request: Request,
    _caller: Reads,
    before: Annotated[str, Query(alias="from")],
    after: Annotated[str, Query(alias="to")],
) -> Response:
    """What changes from one version of a prompt to another."""
    registry = State.of(request).registry
    one, other = (registry.find(name, **parse_pointer(pointer)) for pointer in (before, after))
    return _page(request, "diff.html", found=difference(one, other))


@router.get("/schedules")
def schedules(request: Request, _caller: Watches) -> Response:
    """What is open, and the course of each schedule's latest nights."""
    state = State.of(request)
    found = [(schedule, state.nights.listed(schedule.id, NEWEST)[::-1]) for schedule in state.schedules.listed(NEWEST)]
    return _page(
        request,
        "schedules.html",
        regressions=state.regressions.listed(NEWEST, state=OPEN_REGRESSION),
        schedules=[(schedule, nights, night_course(nights)) for schedule, nights in found],
    )


@router.get("/docs")
def docs(request: Request) -> Response:
    """The REST API in words, from its OpenAPI document."""
    return _page(request, "docs.html", api=request.app.openapi())
