"""Waiting for jobs that are under way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Annotated

import orjson
from fastapi import Header, Response
from pydantic import BaseModel

from service.api.replies import etag, matches
from service.jobs import OPEN, Job

POLL_S = 0.3
LONGEST_WAIT_S = 60.0
RETRY_AFTER = {"Retry-After": "2"}

Prefer = Annotated[str | None, Header(description="wait=30 answers when it is done, or after 30 seconds.")]


async def ended(look: Callable[[], Job], prefer: str | None) -> Job:
    """The job that `look` finds, once it has ended, or as it is after the seconds that the header Prefer allows
    (RFC 7240)."""
    clock = asyncio.get_running_loop().time
    until = clock() + _wait_s(prefer)
    job = await asyncio.to_thread(look)
    while job.status in OPEN and clock() < until:
        await asyncio.sleep(POLL_S)
        job = await asyncio.to_thread(look)
    return job


def _wait_s(prefer: str | None) -> float:
    for part in (prefer or "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "wait" and value.isascii() and value.isdecimal():
            return min(float(value), LONGEST_WAIT_S)
    return 0.0


def shown(job: Job, reply: BaseModel, if_none_match: str | None) -> Response:
    """`job` as `reply` shows it, unless the client has just that already."""
    body = orjson.dumps(reply.model_dump())
    tag = etag(hashlib.sha256(body).hexdigest()[:32])
    headers = {"ETag": tag, "Cache-Control": "no-cache", **(RETRY_AFTER if job.status in OPEN else {})}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
