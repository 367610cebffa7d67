"""`/v1/prompts`: versions with their evidence, tags, differences, rendering, export."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from benchmarks.prompts.export import export
from benchmarks.tasks.schema import NAME
from service.api.bodies import RenderBody, VersionBody, VersionNumber
from service.api.replies import (
    MessageReply,
    PromptDifference,
    PromptReply,
    Prompts,
    PromptSummary,
    PromptTags,
    RenderedPrompt,
    etag,
    link_next,
    matches,
)
from service.api.security import allowed
from service.api.state import State
from service.errors import Refused
from service.keys import PROMOTE, READ, Caller
from service.prompt_diff import difference
from service.registry import Version, parse_pointer
from service.tags import TAG, Tags

router = APIRouter(prefix="/v1/prompts", tags=["prompts"])
Reads = Annotated[Caller, Depends(allowed(READ))]
Promotes = Annotated[Caller, Depends(allowed(PROMOTE))]
IfNoneMatch = Annotated[str | None, Header()]
Format = Annotated[str | None, Query(pattern="^(openai|text|jinja)$", description="openai, text or jinja")]

Name = Annotated[str, Path(pattern=NAME)]
"""As a task's name."""

Tag = Annotated[str, Path(pattern=TAG, max_length=64)]

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
    tag: Annotated[str | None, Query(description="Only prompts with this tag.")] = None,
) -> Prompts:
    """Prompts by name, with versions, evidence, labels and tags."""
    registry = State.of(request).registry
    names = registry.names(limit + 1, after=cursor, tag=tag)
    more = names[limit - 1] if len(names) > limit else None
    if more:
        page = {"cursor": more, "limit": str(limit), **({} if tag is None else {"tag": tag})}
        response.headers.update(link_next(router.prefix, page))
    return Prompts(items=[PromptSummary.of(found) for found in registry.overviews(names[:limit])], next=more)


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


@router.post(
    "/{name}/versions",
    response_model=PromptReply,
    status_code=201,
    responses={200: {"model": PromptReply, "description": "The version that has been there."}},
)
def register(name: Name, body: VersionBody, request: Request, _caller: Promotes) -> Response:
    """Registers a prompt that somebody wrote, as a new version, which no label points to and nothing backs: its
    `evidence` is null. The same prompt again is the version that exists, with the evidence it has."""
    registry = State.of(request).registry
    number, new = registry.add(name, body.prompt, None)
    found = registry.find(name, version=number)
    headers = {"Location": f"{router.prefix}/{name}/versions/{number}", "ETag": etag(found.prompt.digest)}
    return Response(
        PromptReply.of(found).model_dump_json(),
        status_code=201 if new else 200,
        headers=headers,
        media_type="application/json",
    )


@router.get("/{name}/diff")
def diff(
    name: str,
    request: Request,
    _caller: Reads,
    before: Annotated[str, Query(alias="from", description="A version or a label.")],
    after: Annotated[str, Query(alias="to", description="A version or a label.")],
) -> PromptDifference:
    """What changes from one version of a prompt to another: the messages as unified diffs, what else differs, and the
    evidence of both."""
    registry = State.of(request).registry
    one, other = (registry.find(name, **parse_pointer(pointer)) for pointer in (before, after))
    return PromptDifference.of(difference(one, other))


@router.put("/{name}/tags/{tag}")
def tag(name: str, tag: Tag, request: Request, _caller: Promotes) -> PromptTags:
    """Gives a prompt a tag, by which `GET /v1/prompts?tag=` finds it."""
    return PromptTags(name=name, tags=Tags(State.of(request).home).add(name, tag))


@router.delete("/{name}/tags/{tag}")
def untag(name: str, tag: Tag, request: Request, _caller: Promotes) -> PromptTags:
    """Takes a tag from a prompt."""
    return PromptTags(name=name, tags=Tags(State.of(request).home).remove(name, tag))


# Caches ask with HEAD whether what they hold is still the same; the server leaves the bodies out.
router.add_api_route("/{name}", labelled, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/{name}/versions/{version}", version, methods=["HEAD"], include_in_schema=False)
