"""From whet's mistakes to HTTP: every error is a problem document (RFC 9457, application/problem+json)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, get_type_hints

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.errors import EndpointError, InputError, StorageError, WhetError
from benchmarks.tasks.schema import explain
from service.datasets import UnknownDataset
from service.deliveries import Disabled
from service.evaluation_items import NotComparable
from service.front import UnknownMember
from service.jobs import UnknownJob
from service.keys import UnknownKey
from service.labels import NothingBefore
from service.nights import Busy
from service.registered_tasks import UnknownTask
from service.registry import UnknownPrompt
from service.regressions import UnknownRegression
from service.schedules import ScheduleExists, UnknownSchedule
from service.webhooks import TooManyWebhooks, UnknownWebhook

MEDIA_TYPE = "application/problem+json"

logger = logging.getLogger("whet.api")


class ErrorPlace(BaseModel):
    """One thing that is wrong with a body: where (a JSON pointer) and what."""

    pointer: str
    detail: str


class Refused(HTTPException):
    """A request that is turned down; `status` and `headers` are those of the answer, `errors` the places at fault."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        *,
        errors: Sequence[ErrorPlace] = (),
    ) -> None:
        super().__init__(status, detail, headers)
        self.title, self.errors = title, errors


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[ErrorPlace] = []


def problem(
    status: int,
    title: str,
    detail: str,
    errors: Sequence[ErrorPlace] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that says what went wrong."""
    places = [ErrorPlace(pointer=_writable(place.pointer), detail=_writable(place.detail)) for place in errors]
    document = Problem(title=title, status=status, detail=_writable(detail), errors=places)
    return JSONResponse(document.model_dump(), status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def _writable(text: str) -> str:
    """`text` with what UTF-8 cannot write (half a character, quoted from a request) escaped."""
    return text.encode(errors="backslashreplace").decode()


def answer_errors(app: FastAPI) -> None:
    """Makes `app` answer every error with a problem document."""

    @app.exception_handler(Refused)
    def refused(_request: Request, error: Refused) -> Response:
        return problem(error.status_code, error.title, error.detail, error.errors, headers=error.headers)

    @app.exception_handler(WhetError)
    def mistaken(_request: Request, error: WhetError) -> Response:
        status, title, headers = _classified(error)
        return problem(status, title, str(error), headers=headers)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        body = get_type_hints(request.scope["endpoint"]).get("body", BaseModel)
        places = _places(error, body)
        said = "; ".join(f"{place.pointer}: {place.detail}" for place in places)
        return problem(422, "The request is not valid", said, places)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        detail = f"There is no {request.url.path}." if error.status_code == 404 else str(error.detail)
        return problem(error.status_code, str(error.detail), detail, headers=error.headers)


@contextmanager
def blaming(places: Mapping[type[WhetError], str | Callable[[Any], str]]) -> Iterator[None]:
    """Says of mistakes found within where in the body they are: by the first kind of `places` that fits, a JSON
    pointer, or what gives it for a mistake. Others pass as they are."""
    try:
        yield
    except tuple(places) as error:
        found = next(place for kind, place in places.items() if isinstance(error, kind))
        pointer = found if isinstance(found, str) else found(error)
        status, title, headers = _classified(error)
        if status == 404:
            # What a body names and there is not makes the body wrong; its address is right.
            status, title = 422, "The request cannot be carried out"
        place = ErrorPlace(pointer=pointer, detail=str(error))
        raise Refused(status, title, str(error), headers, errors=[place]) from error


UNKNOWN = (
    UnknownPrompt,
    UnknownJob,
    UnknownMember,
    UnknownKey,
    UnknownDataset,
    UnknownTask,
    UnknownWebhook,
    UnknownSchedule,
    UnknownRegression,
)


def _classified(error: WhetError) -> tuple[int, str, dict[str, str]]:
    if isinstance(error, UNKNOWN):
        return 404, "Not found", {}
    if isinstance(error, NothingBefore):
        return 409, "Nothing stood before", {}
    if isinstance(error, (Disabled, NotComparable, TooManyWebhooks, ScheduleExists, Busy)):
        return 409, "Not as things stand", {}
    if isinstance(error, StorageError):
        return 503, "The database cannot be used", {"Retry-After": "5"}
    if isinstance(error, EndpointError):
        return 502, "The model endpoint cannot be used", {}
    title = "The request cannot be carried out" if isinstance(error, InputError) else "The budget is too small"
    return 422, title, {}


class Defects:
    """Answers what no handler knows, within the border: the log has the details, the answer none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        begun = False

        async def observed(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            logger.exception("%s %s met a defect", scope["method"], scope["path"])
            answer = problem(500, "A defect of whet", "whet met a defect; the server's log has the details.")
            await answer(scope, receive, send)


def _places(error: RequestValidationError, body: type[BaseModel]) -> list[ErrorPlace]:
    """What is wrong at each place; pydantic says of every type that a value might have had why it has not."""
    details: dict[str, list[str]] = {}
    for found in error.errors():
        where, *path = found["loc"]
        if found["type"] == "json_invalid":
            pointer, detail = "#", f"not JSON: {found['ctx']['error']} at character {path[0]}"
        elif where == "body":
            pointer = "#" + "".join(f"/{_escaped(part)}" for part in _within(error.body, path, found["type"]))
            detail = explain({**found, "loc": tuple(path)}, body)
        else:
            pointer, detail = f"#/{where}/{'/'.join(map(str, path))}", found["msg"]
        details.setdefault(pointer, []).append(detail)
    return [ErrorPlace(pointer=pointer, detail="; ".join(found)) for pointer, found in details.items()]


def _within(content: Any, path: Sequence[Any], kind: str) -> Iterator[Any]:
    """The part of `path` that leads into `content`, or to what is missing there; pydantic goes on with the type that
    it tried."""
    for part in path:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            if kind == "missing":
                yield part
            return
        yield part


def _escaped(part: Any) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
