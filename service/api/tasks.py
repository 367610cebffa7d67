"""`/v1/tasks`: tasks by name, in immutable versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from benchmarks.errors import DataError, MetricError, TaskError, WhetError
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task
from service.api.bodies import TaskBody, VersionNumber, dumped
from service.api.data_replies import TaskList, TaskReply, TaskSummary
from service.api.replies import etag, link_next, matches
from service.api.security import allowed
from service.api.state import State
from service.endpoints import UnusableModel, with_endpoints
from service.errors import blaming
from service.keys import WRITE, Caller

PATH = "/v1/tasks"

router = APIRouter(prefix=PATH, tags=["tasks"])
Places = dict[type[WhetError], str | Callable[[Any], str]]
May = Annotated[Caller, Depends(allowed(WRITE))]


@router.post("", status_code=201, response_model=TaskReply, responses={200: {"model": TaskReply}})
def create(body: TaskBody, request: Request, caller: May) -> Response:
    """Registers a task: all that a task file says, with endpoints that the operator configured, and a registered
    dataset, whose version is settled now. It is checked as an optimization would be. The same content again is the
    version that there is."""
    state = State.of(request)
    content = dumped(body)
    data = "#/data/rows" if body.data.dataset is None else "#/data/dataset"
    places: Places = {UnusableModel: lambda error: f"#/{error.section}", DataError: data, MetricError: "#/metric"}
    with blaming({**places, TaskError: "#"}):
        if body.data.dataset is None:
            raise DataError("A registered task names its rows: send them to /v1/datasets, and name the dataset here.")
        spec = parse_task(with_endpoints(content, state.endpoints))
        task = load_task(spec, Path(), allow_code=False, datasets=state.datasets.find)
    content["data"] = {"dataset": task.spec.data.dataset}
    found, new = state.tasks.add(body.name, content, caller.name)
    headers = {"Location": f"{PATH}/{found.name}?version={found.version}"}
    return JSONResponse(TaskReply.of(found).model_dump(), status_code=201 if new else 200, headers=headers)


@router.get("")
def listed(
    request: Request,
    response: Response,
    _caller: May,
    cursor: Annotated[str, Query(max_length=128)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> TaskList:
    """Registered tasks by name, each in its latest version."""
    found = State.of(request).tasks.latest(limit + 1, after=cursor)
    more = found[limit - 1].name if len(found) > limit else None
    if more:
        response.headers.update(link_next(PATH, {"cursor": more, "limit": str(limit)}))
    return TaskList(items=[TaskSummary.of(task) for task in found[:limit]], next=more)


@router.get("/{name}", response_model=TaskReply)
def one(name: str, request: Request, _caller: May, version: VersionNumber | None = None) -> Response:
    """The latest version of a registered task, or the one with that number."""
    found = State.of(request).tasks.find(name if version is None else f"{name}@{version}")
    headers = {"ETag": etag(found.digest), "Cache-Control": "no-cache"}
    if matches(request.headers.get("if-none-match"), etag(found.digest)):
        return Response(status_code=304, headers=headers)
    return JSONResponse(TaskReply.of(found).model_dump(), headers=headers)
