"""`/v1/prompts`: versions with their evidence, labels, rendering, export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from benchmarks.prompts.export import export
from benchmarks.tasks.schema import LABEL
from service.api.bodies import LabelBody, RenderBody, VersionNumber
from service.api.replies import (
    LabelHistory,
    Labelled,
    LabelMove,
    MessageReply,
    PromptReply,
    Prompts,
    PromptSummary,
    RenderedPrompt,
    etag,
    link_next,
    matches,
)
from service.api.security import allowed
from service.api.state import State
from service.errors import Refused
from service.keys import PROMOTE, READ, Caller
from service.registry import Version

router = APIRouter(prefix="/v1/prompts", tags=["prompts"])
Reads = Annotated[Caller, Depends(allowed(READ))]
Promotes = Annotated[Caller, Depends(allowed(PROMOTE))]
IfNoneMatch = Annotated[str | None, Header()]
Format = Annotated[str | None, Query(pattern="^(openai|text|jinja)$", description="openai, text or jinja")]

Label = Annotated[str, Path(pattern=LABEL, max_length=64)]
"""As a task's `promote.label`."""

DEFAULT_LABEL = "production"
MOVING = "max-age=60, stale-while-revalidate=600, stale-if-error=86400"
IMMUTABLE = "private, max-age=31536000, immutable"


@router.get("")
def listed(
    request: Request,
    response: Response,
    _caller: Reads,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Prompts:
    """All prompts by name, with versions, evidence and labels."""
    registry = State.of(request).registry
    names = registry.names(limit + 1, after=cursor)
    more = names[limit - 1] if len(names) > limit else None
    if more:
        response.headers.update(link_next(router.prefix, {"cursor": more, "limit": str(limit)}))
    return Prompts(items=[PromptSummary.of(registry.overview(name)) for name in names[:limit]], next=more)


@router.get("/{name}", response_model=PromptReply)
def labelled(
    name: str,
    request: Request,
    _caller: Reads,
    label: str = DEFAULT_LABEL,
    form: Annotated[Format, Query(alias="format")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The version that a label points to; apps pull this one. An unknown label is an error, never another label."""
    found = State.of(request).registry.find(name, label=label)
    return _prompt(found, form, if_none_match, MOVING)


@router.get("/{name}/versions/{version}", response_model=PromptReply)
def version(
    name: str,
    version: VersionNumber,
    request: Request,
    _caller: Reads,
    form: Annotated[Format, Query(alias="format")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One version, which never changes."""
    found = State.of(request).registry.find(name, version=version)
    return _prompt(found, form, if_none_match, IMMUTABLE)


def _prompt(found: Version, form: str | None, if_none_match: str | None, cache_control: str) -> Response:
    digest = found.prompt.digest
    tag = etag(f"{digest}-{form}" if form else digest)
    headers = {"ETag": tag, "Cache-Control": cache_control}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    if form is None:
        return Response(PromptReply.of(found).model_dump_json(), headers=headers, media_type="application/json")
    text = export(found.prompt, form, {"name": found.name, "version": found.version})
    kind = "text/plain" if form == "text" else "application/json"
    return Response(text, headers=headers, media_type=kind)


@router.post("/{name}/render")
def render(name: str, body: RenderBody, request: Request, _caller: Reads) -> RenderedPrompt:
    """The messages to send, with every variable replaced by its value. Missing and extra variables are errors."""
    if body.label is not None and body.version is not None:
        raise Refused(422, "Label or version", "Give a label or a version, not both.")
    label = None if body.version is not None else body.label or DEFAULT_LABEL
    found = State.of(request).registry.find(name, label=label, version=body.version)
    messages = found.prompt.render(body.variables)
    return RenderedPrompt(
        name=found.name,
        version=found.version,
        digest=found.prompt.digest,
        messages=[MessageReply(role=m.role, content=m.content) for m in messages],
        config=dict(found.prompt.parameters),
    )


@router.put("/{name}/labels/{label}")
def move_label(name: str, label: Label, body: LabelBody, request: Request, caller: Promotes) -> Labelled:
    """Points a label to a version; the answer says which version it replaces. Every move is kept in the history."""
    replaced = State.of(request).registry.move_label(name, label, body.version, body.why, caller.name)
    return Labelled(name=name, label=label, version=body.version, replaced=replaced)


@router.get("/{name}/labels/{label}/history")
def history(name: str, label: str, request: Request, _caller: Reads) -> LabelHistory:
    """Every move of a label, the latest first: when, by whom and why."""
    return LabelHistory(items=[LabelMove.of(move) for move in State.of(request).registry.history(name, label)])


# Caches ask with HEAD whether what they hold is still the same; the server leaves the bodies out.
router.add_api_route("/{name}", labelled, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/{name}/versions/{version}", version, methods=["HEAD"], include_in_schema=False)
