"""`/v1/schedules`: what is measured every night, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from benchmarks.errors import BudgetError, DataError, TaskError, WhetError
from benchmarks.tasks.schema import BudgetSection
from service.api.replies import link_next
from service.api.schedule_bodies import NewBaselineBody, ScheduleBody, ScheduleChange
from service.api.schedule_replies import NightList, NightReply, ScheduleList, ScheduleReply
from service.api.security import allowed
from service.api.state import State
from service.baselines import BadAnchor, epochs_of, history
from service.connection import caps_of
from service.due_times import BadTimes
from service.endpoints import UnusableModel
from service.errors import blaming
from service.idempotency import once
from service.keys import WRITE, Caller
from service.quotas import Quotas
from service.registered_tasks import UnknownTask
from service.registry import UnknownPrompt
from service.schedules import Plan, Schedule
from service.scheduling import Scheduling

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])
May = Annotated[Caller, Depends(allowed(WRITE))]
Limit = Annotated[int, Query(ge=1, le=200)]

PLACES: dict[type[WhetError], str | Callable[[Any], str]] = {
    BadTimes: lambda error: f"#/{error.field}",
    BadAnchor: "#/anchor",
    UnknownPrompt: "#/prompt",
    UnusableModel: "#/task",
    UnknownTask: "#/task",
    DataError: "#/task",
    TaskError: "#/prompt",
    BudgetError: "#/budget",
}


@router.post("", status_code=201)
def create(body: ScheduleBody, request: Request, response: Response, caller: May) -> ScheduleReply:
    """Makes a schedule. Its first nights build the baseline, or its first runs, at once; from then on each night is
    judged."""
    state = State.of(request)
    with blaming(PLACES):
        plan = Plan(
            name=body.name,
            task=body.task,
            metric="",
            prompt=body.prompt or "",
            anchor=body.anchor_json,
            cron=body.cron,
            zone=body.zone,
            jitter_s=body.jitter_s,
            misfire=body.misfire,
            policy=body.policy.model_dump(),
            epochs=body.baseline.epochs,
            at_once=body.baseline.at_once,
            budget=_said(body.budget) or {},
            on_regression=body.on_regression,
            optimization_budget=_said(body.optimization_budget),
        )
        made = _scheduling(state).create(plan, caller)
    response.headers["Location"] = f"{router.prefix}/{made.id}"
    return _reply(made, state)


@router.get("")
def listed(
    request: Request,
    response: Response,
    _caller: May,
    cursor: Annotated[str, Query(max_length=128)] = "",
    limit: Limit = 50,
) -> ScheduleList:
    """Schedules by name."""
    state = State.of(request)
    found = state.schedules.listed(limit + 1, after=cursor)
    more = found[limit - 1].name if len(found) > limit else None
    if more:
        response.headers.update(link_next(router.prefix, {"cursor": more, "limit": str(limit)}))
    return ScheduleList(items=[_reply(schedule, state) for schedule in found[:limit]], next=more)


@router.get("/{schedule_id}")
def one(schedule_id: str, request: Request, _caller: May) -> ScheduleReply:
    """A schedule, by its id or name, with its baselines."""
    state = State.of(request)
    return _reply(state.schedules.get(schedule_id), state)


@router.patch("/{schedule_id}")
def change(schedule_id: str, body: ScheduleChange, request: Request, caller: May) -> ScheduleReply:
    """Changes a schedule. Another policy judges all nights since the baseline with the next one."""
    state = State.of(request)
    values = {name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None}
    for name in ("budget", "optimization_budget"):
        if name in values:
            values[name] = _said(values[name])
    schedule = state.schedules.get(schedule_id)
    if "policy" in values:
        values["policy"] = {**schedule.policy, **values["policy"].model_dump(exclude_unset=True)}
    with blaming(PLACES):
        changed = _scheduling(state).change(schedule, values, caller)
    return _reply(changed, state)


@router.delete("/{schedule_id}", status_code=204)
def delete(schedule_id: str, request: Request, caller: May) -> None:
    """Ends a schedule. A regression that it alone sees is resolved with that."""
    schedules = State.of(request).schedules
    schedules.delete(schedules.get(schedule_id), caller.name)


@router.post("/{schedule_id}/run", status_code=202)
def run(
    schedule_id: str,
    request: Request,
    caller: May,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> NightReply:
    """Runs a night now, in an epoch of its own; it counts as any other. While one is under way, there is no other
    (409)."""
    state = State.of(request)
    schedule = state.schedules.get(schedule_id)
    with once(state.home, caller.id, idempotency_key, {"run": schedule.id}) as earlier:
        if earlier.job is None:
            job = state.nights.by_hand(schedule)
            calls = caps_of(BudgetSection(**schedule.budget)).calls
            with Quotas(state.home).reserved(caller, job, calls):
                state.nights.begin(schedule, job, state.endpoints)
            earlier.job = job.id
        return NightReply.of(state.nights.of_job(earlier.job))


@router.post("/{schedule_id}/baseline", status_code=202)
def move_baseline(schedule_id: str, body: NewBaselineBody, request: Request, caller: May) -> ScheduleReply:
    """Begins a new baseline, of the version that the schedule's prompt refers to now. Nothing else ever moves it. What
    is open of this schedule is resolved with that."""
    state = State.of(request)
    with blaming(PLACES):
        schedule = state.schedules.get(schedule_id)
        moved = _scheduling(state).move_baseline(schedule, body.why, caller, at_once=body.at_once)
    return _reply(moved, state)


@router.get("/{schedule_id}/nights")
def nights(
    schedule_id: str,
    request: Request,
    response: Response,
    _caller: May,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 50,
) -> NightList:
    """The nights of a schedule, the latest first, with their verdicts."""
    state = State.of(request)
    schedule = state.schedules.get(schedule_id)
    found = state.nights.listed(schedule.id, limit + 1, before=cursor)
    more = found[limit - 1].due_at if len(found) > limit else None
    if more:
        path = f"{router.prefix}/{schedule.id}/nights"
        response.headers.update(link_next(path, {"cursor": more, "limit": str(limit)}))
    return NightList(items=[NightReply.of(night) for night in found[:limit]], next=more)


def _scheduling(state: State) -> Scheduling:
    return Scheduling(home=state.home, endpoints=state.endpoints, settings=state.settings)


def _said(budget: BudgetSection | None) -> dict[str, Any] | None:
    return None if budget is None else budget.model_dump(exclude_unset=True)


def _reply(schedule: Schedule, state: State) -> ScheduleReply:
    with state.home.reading() as connection:
        begun = [(baseline, len(epochs_of(connection, baseline))) for baseline in history(connection, schedule.id)]
    return ScheduleReply.of(schedule, begun)
