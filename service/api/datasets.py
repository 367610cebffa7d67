"""`/v1/datasets`: labelled rows, uploaded once, split for good, and named by their digest."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from benchmarks.datasets.ingest import ingest
from benchmarks.datasets.json_files import parsed
from benchmarks.datasets.limits import LONGEST_NAME
from benchmarks.datasets.reading import decoded
from benchmarks.datasets.records import Split
from benchmarks.datasets.splitting import SplitPlan
from benchmarks.datasets.uploads import KINDS, Upload, inline, promptfoo, read_upload
from benchmarks.errors import DataError
from service.api.bodies import DatasetBody, SplitChoice
from service.api.data_replies import DatasetList, DatasetReply, DatasetRows, DatasetSummary
from service.api.replies import etag, link_next, matches
from service.api.security import allowed, media_type
from service.api.state import State
from service.errors import Refused, blaming
from service.keys import ADMIN, WRITE, Caller

PATH = "/v1/datasets"
JSON = "application/json"

router = APIRouter(prefix=PATH, tags=["datasets"])
May = Annotated[Caller, Depends(allowed(WRITE))]
Digest = Annotated[str, Path(pattern="^[0-9a-f]{8,64}$")]
IMMUTABLE = "private, max-age=31536000, immutable"

_SCHEMAS: dict[str, Any] = {
    "text/csv": {"type": "string"},
    "text/tab-separated-values": {"type": "string"},
    "application/x-ndjson": {"type": "string", "description": "One JSON object a line."},
    "application/vnd.apache.parquet": {"type": "string", "format": "binary"},
    "application/yaml": {"type": "string", "description": "promptfoo's tests."},
}


async def _content(request: Request) -> bytes:
    return await request.body()


def asked(
    request: Request,
    *,
    name: Annotated[str | None, Query(description="Of a file; a JSON body says it itself, as all below.")] = None,
    column: Annotated[list[str] | None, Query(alias="input", description="Goes in; may be repeated.")] = None,
    output: Annotated[str | None, Query(description="The column with the expected answers.")] = None,
    train: Annotated[float | None, Query(ge=0)] = None,
    validation: Annotated[float | None, Query(ge=0)] = None,
    test: Annotated[float | None, Query(ge=0)] = None,
    seed: int | None = None,
    near_duplicates: Literal["warn", "group"] | None = None,
    split_column: Annotated[str | None, Query(description="The column that says train, validation or test.")] = None,
) -> dict[str, Any]:
    """What the query says about a file. Raises Refused for what it cannot say, which is everything about JSON."""
    known = _OF_FILES if media_type(request) != JSON else frozenset()
    if strange := sorted(request.query_params.keys() - known):
        rule = f"about a file it may say {', '.join(sorted(known))}" if known else "a JSON body says everything itself"
        raise Refused(422, "The request is not valid", f"The query says {strange[0]!r}; {rule}.")
    split = {
        "train": train,
        "validation": validation,
        "test": test,
        "seed": seed,
        "near_duplicates": near_duplicates,
        "column": split_column,
    }
    said = {"name": name, "inputs": column, "output": output, "split": _given(split) or None}
    return _given(said)


_OF_FILES = frozenset(
    ("name", "input", "output", "train", "validation", "test", "seed", "near_duplicates", "split_column")
)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if value is not None}


def described(
    request: Request, content: Annotated[bytes, Depends(_content)], said: Annotated[dict[str, Any], Depends(asked)]
) -> DatasetBody:
    """What the body, or about a file the query, says. Raises Refused or RequestValidationError."""
    if "content-encoding" in request.headers:
        raise Refused(415, "Packed", "Send the file as it is: nothing is unpacked here.")
    charset = request.headers.get("content-type", "").lower().partition("charset=")[2].strip(' "')
    if charset not in ("", "utf-8", "utf8"):
        raise Refused(415, "Not UTF-8", f"The charset is {charset:.40}; save the file as UTF-8 and send it again.")
    if media_type(request) != JSON:
        return _valid(said, "query")
    with blaming({DataError: "#"}):
        body = _valid(parsed(decoded(content, "The body"), "The body"), "body")
        if (body.rows is None) == (body.tests is None):
            raise DataError("Give rows, or promptfoo's tests.")
    return body


def uploaded(
    request: Request, content: Annotated[bytes, Depends(_content)], body: Annotated[DatasetBody, Depends(described)]
) -> Upload:
    """What is uploaded, whatever its kind. Raises Refused for what cannot be read."""
    with blaming({DataError: "#/rows" if body.rows else "#/tests" if body.tests else "#"}):
        if body.rows is not None:
            return inline(body.rows)
        return promptfoo(body.tests) if body.tests is not None else read_upload(content, media_type(request))


def _valid(content: Any, where: str) -> DatasetBody:
    try:
        return DatasetBody.model_validate(content)
    except ValidationError as error:
        found = [{**e, "loc": (where, *e["loc"])} for e in error.errors()]
        raise RequestValidationError(found, body=content) from None


@router.post(
    "",
    status_code=201,
    response_model=DatasetReply,
    responses={200: {"model": DatasetReply, "description": "The same rows and split are there already."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"$ref": "#/components/schemas/DatasetBody"}},
                **{kind: {"schema": schema} for kind, schema in _SCHEMAS.items()},
            },
        }
    },
)
def create(
    caller: May,  # The first to be looked at: nothing is read for somebody who may not send it.
    body: Annotated[DatasetBody, Depends(described)],
    upload: Annotated[Upload, Depends(uploaded)],
    request: Request,
) -> Response:
    """Keeps labelled rows as a version of a dataset, which never changes, and says what is in it. Its split is drawn
    now, for good; the digest covers rows, columns and split."""
    with blaming({DataError: "#"}):
        ingested = ingest(body.name, upload, inputs=body.inputs, output=body.output, split=_plan(body.split))
    stored, new = State.of(request).datasets.add(ingested, caller.name)
    location = f"{PATH}/{stored.name}/versions/{stored.digest}"
    reply = DatasetReply.of(stored).model_dump()
    return JSONResponse(reply, status_code=201 if new else 200, headers={"Location": location})


def _plan(split: SplitChoice) -> SplitPlan | str:
    if split.column is not None:
        return split.column
    return SplitPlan(
        train=split.train,
        validation=split.validation,
        test=split.test,
        seed=split.seed,
        near_duplicates=split.near_duplicates,
    )


@router.get("")
def listed(
    request: Request,
    response: Response,
    _caller: May,
    name: Annotated[str | None, Query(max_length=LONGEST_NAME, description="Only versions of this one.")] = None,
    cursor: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DatasetList:
    """Versions of datasets, the newest first."""
    found = State.of(request).datasets.listed(limit + 1, name=name, before=cursor)
    more = str(found[limit - 1].number) if len(found) > limit else None
    if more:
        same = {"name": name} if name else {}
        response.headers.update(link_next(PATH, {**same, "cursor": more, "limit": str(limit)}))
    return DatasetList(items=[DatasetSummary.of(stored) for stored in found[:limit]], next=more)


@router.get("/{name}/versions/{digest}", response_model=DatasetReply)
def version(name: str, digest: Digest, request: Request, _caller: May) -> Response:
    """One version: its columns, its profile, and what is noteworthy about it. The first eight digits will do."""
    stored = State.of(request).datasets.describe(f"{name}@{digest}")
    headers = {"ETag": etag(stored.digest), "Cache-Control": IMMUTABLE}
    if matches(request.headers.get("if-none-match"), etag(stored.digest)):
        return Response(status_code=304, headers=headers)
    return JSONResponse(DatasetReply.of(stored).model_dump(), headers=headers)


@router.get("/{name}/versions/{digest}/rows")
def rows(
    name: str,
    digest: Digest,
    request: Request,
    response: Response,
    caller: May,
    *,
    split: Split = Split.TRAIN,
    cursor: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DatasetRows:
    """Rows of one split, in the order of their file. Rows of test are for the scope admin only: whoever writes prompts
    should not have seen them."""
    if split is Split.TEST and not caller.may(ADMIN):
        raise Refused(
            403, "Not allowed", f"The key '{caller.name}' does not have the scope {ADMIN}, which rows of test need."
        )
    found = State.of(request).datasets.rows(f"{name}@{digest}", split, limit + 1, after=cursor)
    more = str(found[limit - 1][0]) if len(found) > limit else None
    if more:
        path = f"{PATH}/{name}/versions/{digest}/rows"
        response.headers.update(link_next(path, {"split": split.value, "cursor": more, "limit": str(limit)}))
    return DatasetRows(split=split.value, items=[dict(values) for _, values in found[:limit]], next=more)


def schemas() -> dict[str, Any]:
    """The schemas of a JSON body, which the OpenAPI document does not find by itself."""
    schema = DatasetBody.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "DatasetBody": schema}


ACCEPTED = frozenset((JSON, *KINDS))
"""What may be sent to PATH."""
