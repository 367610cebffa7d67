"""`/v1/evaluations`: a prompt scored on one split, watched, read row by row, and compared with another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from benchmarks.datasets.records import Split
from benchmarks.errors import BudgetError, DataError, MetricError, TaskError, WhetError
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import BudgetSection, parse_task
from benchmarks.tasks.task import Task, load_task
from service.api.bodies import EvaluationBody
from service.api.evaluation_replies import (
    ComparedArm,
    Evaluation,
    EvaluationComparison,
    EvaluationForecastReply,
    EvaluationItem,
    EvaluationItemList,
    Evaluations,
)
from service.api.replies import link_next
from service.api.security import allowed
from service.api.state import State
from service.api.waiting import RETRY_AFTER, Prefer, ended, shown
from service.comparison import compare_evaluations
from service.endpoints import UnusableModel, endpoint_of, with_endpoints
from service.errors import Refused, blaming
from service.evaluation_forecast import foresee
from service.evaluation_items import EvaluationItems
from service.evaluations import Asked, about, epoch_asked_for, submit_evaluation
from service.idempotency import once
from service.jobs import CANCELLING, EVALUATION, OPEN, SUCCEEDED, Job
from service.keys import ADMIN, WRITE, Caller
from service.quotas import Quotas
from service.registry import UnknownPrompt, parse_reference

PATH = "/v1/evaluations"

router = APIRouter(prefix=PATH, tags=["evaluations"])
May = Annotated[Caller, Depends(allowed(WRITE))]


@router.post("", status_code=202, response_model=Evaluation, responses={200: {"model": EvaluationForecastReply}})
def create(
    body: EvaluationBody,
    request: Request,
    caller: May,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    dry_run: Annotated[bool, Query(description="Forecast only; nothing is called or kept.")] = False,
) -> Response:
    """Starts an evaluation. The same prompt, rows, metric, model, budget and epoch again is the same evaluation: it is
    carried on if it was stopped, and returned with its result if it is finished. On test it counts as a look."""
    state = State.of(request)
    with blaming(_places(body)):
        given = body.content(lambda reference: state.tasks.find(reference).content)
        content = with_endpoints(given, state.endpoints)
        task = load_task(parse_task(content), Path(), allow_code=False, datasets=state.datasets.find)
        if task.spec.data.dataset is not None:
            # The job stays with the version that was the latest when it was asked for.
            content["data"] = {"dataset": task.spec.data.dataset}
        asked = _asked(body, task, state)
        if dry_run:
            forecast = foresee(asked, state.home, state.settings.environment)
            return JSONResponse(EvaluationForecastReply.of(forecast).model_dump())
        with once(state.home, caller.id, idempotency_key, {EVALUATION: body.said()}) as earlier:
            job = state.jobs.get(earlier.job, EVALUATION) if earlier.job else None
            if job is None:
                job = submit_evaluation(
                    asked, content, state.home, caller=caller, endpoint=endpoint_of(given), priority=body.priority
                )
                earlier.job = job.id
    headers = {"Location": f"{PATH}/{job.id}", **(RETRY_AFTER if job.status in OPEN else {})}
    return JSONResponse(_reply(job, state).model_dump(), status_code=202, headers=headers)


def _asked(body: EvaluationBody, task: Task, state: State) -> Asked:
    name, version = None, None
    if isinstance(body.prompt, str):
        name, label, number = parse_reference(body.prompt)
        found = state.registry.find(name, label=label, version=number)
        prompt, version = found.prompt, found.version
    elif body.prompt is not None:
        own = body.prompt.prompt
        # Without a limit no cap could hold.
        prompt = (
            own
            if own.parameters
            else Prompt(messages=own.messages, parameters=task.parameters, reply_format=own.reply_format)
        )
    else:
        prompt = task.baseline
    split = Split(body.split)
    epoch = epoch_asked_for(task, prompt, split, state.home, fresh=body.fresh, epoch=body.epoch)
    return Asked(task=task, prompt=prompt, split=split, epoch=epoch, fresh=body.fresh, name=name, version=version)


def _reply(job: Job, state: State) -> Evaluation:
    return Evaluation.of(job, about([job.id], state.home)[job.id])


def _places(body: EvaluationBody) -> dict[type[WhetError], str | Callable[[Any], str]]:
    """Where in the body is what each kind of mistake is about."""

    def within(section: str) -> str:
        if section in EvaluationBody.model_fields and getattr(body, section) is not None:
            return f"#/{section}"
        return "#/task" if isinstance(body.task, str) else f"#/task/{section}"

    return {
        UnusableModel: lambda error: within(error.section),
        UnknownPrompt: "#/prompt",
        BudgetError: within("budget"),
        DataError: within("data"),
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
) -> Evaluations:
    """Evaluations, the newest first."""
    state = State.of(request)
    jobs = state.jobs.listed(limit + 1, before=cursor, kind=EVALUATION)
    more = jobs[limit - 1].id if len(jobs) > limit else None
    if more:
        response.headers.update(link_next(PATH, {"cursor": more, "limit": str(limit)}))
    known = about([job.id for job in jobs[:limit]], state.home)
    return Evaluations(items=[Evaluation.of(job, known[job.id], whole=False) for job in jobs[:limit]], next=more)


@router.get("/{job_id}", response_model=Evaluation)
async def one(
    job_id: str,
    request: Request,
    _caller: May,
    if_none_match: Annotated[str | None, Header()] = None,
    prefer: Prefer = None,
) -> Response:
    """An evaluation: status, progress, what it spent, and its result."""
    state = State.of(request)
    job = await ended(lambda: state.jobs.get(job_id, EVALUATION), prefer)
    return shown(job, await asyncio.to_thread(_reply, job, state), if_none_match)


@router.get("/{job_id}/items")
def items(
    job_id: str,
    request: Request,
    response: Response,
    caller: May,
    *,
    cursor: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> EvaluationItemList:
    """What came of each row, once the evaluation has succeeded (409 before). Rows of test are for the scope admin only:
    whoever writes prompts should not have seen them."""
    state = State.of(request)
    job = state.jobs.get(job_id, EVALUATION)
    split = about([job_id], state.home)[job_id]["split"]
    if split == Split.TEST and not caller.may(ADMIN):
        raise Refused(
            403, "Not allowed", f"The key '{caller.name}' does not have the scope {ADMIN}, which rows of test need."
        )
    if job.status != SUCCEEDED:
        waits = RETRY_AFTER if job.status in OPEN else {}
        raise Refused(409, "Not there", f"{job_id} is {job.status}; rows are there once it has succeeded.", waits)
    found = list(islice(EvaluationItems(state.home).rows(job_id, after=cursor), limit + 1))
    more = str(cursor + limit) if len(found) > limit else None
    if more:
        response.headers.update(link_next(f"{PATH}/{job_id}/items", {"cursor": more, "limit": str(limit)}))
    return EvaluationItemList(items=[EvaluationItem.of(item, split) for item in found[:limit]], next=more)


@router.get("/{a}/compare/{b}")
def compare(a: str, b: str, request: Request, caller: May) -> EvaluationComparison:
    """What evaluation b has on a, row by row. Both must have succeeded, on the same rows with the same metric (409)."""
    state = State.of(request)
    first, second = (state.jobs.get(job_id, EVALUATION) for job_id in (a, b))
    found, known = compare_evaluations(first, second, state.home), about([a, b], state.home)
    arms = [ComparedArm.of(job, known[job.id]) for job in (first, second)]
    named = known[a]["split"] != Split.TEST or caller.may(ADMIN)
    return EvaluationComparison.of(found, *arms, named=named)


@router.post("/{job_id}/cancel", status_code=202)
def cancel(job_id: str, request: Request, _caller: May) -> Evaluation:
    """Stops an evaluation, within two seconds. What was paid for is kept; `resume`, or asking for the same evaluation
    again, carries it on."""
    state = State.of(request)
    state.jobs.get(job_id, EVALUATION)
    return _reply(state.jobs.cancel(job_id), state)


@router.post("/{job_id}/resume", status_code=202)
def resume(job_id: str, request: Request, response: Response, caller: May) -> Evaluation:
    """Carries an evaluation on that was cancelled or has failed, from where it stopped. One that waits, is under way or
    is done stays as it is, and one that is still being cancelled can be resumed when it has ended (409)."""
    state = State.of(request)
    job, asked = state.jobs.get(job_id, EVALUATION), state.jobs.request(job_id) or {}
    if job.status == CANCELLING:
        raise Refused(409, "Being cancelled", f"{job_id} is still being cancelled; ask again.", RETRY_AFTER)
    budget = BudgetSection.model_validate(asked["task"].get("budget", {}))
    with Quotas(state.home).reserved(caller, job, budget.calls):
        resumed = state.jobs.resume(job_id)
    if resumed.status in OPEN:
        response.headers.update(RETRY_AFTER)
    return _reply(resumed, state)
