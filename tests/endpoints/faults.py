"""What can go wrong between a client and an endpoint, each acted out on a real connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum

import orjson
from aiohttp import web

from tests.endpoints import wire

HTML_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Welcome</h1></body></html>"


class FaultKind(StrEnum):
    """The kinds of faults. The first group comes instead of an answer, the second spoils the answer on its way."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    BAD_GATEWAY = "bad_gateway"
    CONTENT_FILTER = "content_filter"
    REVOKED_KEY = "revoked_key"
    HTML = "html"
    HANG = "hang"

    RESET = "reset"
    STALL = "stall"
    TRUNCATED_JSON = "truncated_json"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    EMPTY_CHOICES = "empty_choices"
    SLOW_DRIP = "slow_drip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. `kind` None is a good answer, only late. `delay_s` passes before anything is answered, for a slow
    drip it is spread over the body. `retry_after_s` is the Retry-After header of a 429 or 503; None leaves it out. With
    `clock_ahead_s` it is a date, by a clock that is so many seconds ahead of ours."""

    kind: FaultKind | None = None
    delay_s: float = 0.0
    retry_after_s: float | None = None
    clock_ahead_s: float | None = None

    @property
    def answers(self) -> bool:
        """Whether the model's answer is computed, and so would be billed."""
        return self.kind is None or self.kind in _SPOILING


_SPOILING = {
    FaultKind.RESET,
    FaultKind.STALL,
    FaultKind.TRUNCATED_JSON,
    FaultKind.WRONG_CONTENT_TYPE,
    FaultKind.EMPTY_CHOICES,
    FaultKind.SLOW_DRIP,
}
_REFUSALS = {
    FaultKind.RATE_LIMITED: (429, wire.rate_limited),
    FaultKind.SERVER_ERROR: (500, wire.server_error),
    FaultKind.OVERLOADED: (503, wire.overloaded),
    FaultKind.CONTENT_FILTER: (400, wire.content_filter),
    FaultKind.REVOKED_KEY: (401, wire.missing_key),
}


def json_response(content: wire.Json, status: int = 200, **headers: str) -> web.Response:
    """`content` as a JSON response."""
    return web.Response(body=orjson.dumps(content), status=status, headers=headers, content_type="application/json")


async def refuse(fault: Fault, closing: asyncio.Event) -> web.Response:
    """The response of a fault that comes instead of an answer; a hang lasts until `closing` is set."""
    if fault.kind is FaultKind.HANG:
        await closing.wait()
        return web.Response(status=503)
    if fault.kind in (FaultKind.HTML, FaultKind.BAD_GATEWAY):
        status = 200 if fault.kind is FaultKind.HTML else 502
        return web.Response(text=HTML_PAGE, status=status, content_type="text/html")
    assert fault.kind is not None
    status, content = _REFUSALS[fault.kind]
    return json_response(content(), status, **_retry_after(fault))


def _retry_after(fault: Fault) -> dict[str, str]:
    if fault.retry_after_s is None:
        return {}
    if fault.clock_ahead_s is None:
        return {"Retry-After": f"{fault.retry_after_s:g}"}
    now = datetime.now(UTC) + timedelta(seconds=fault.clock_ahead_s)
    until = now + timedelta(seconds=fault.retry_after_s)
    return {"Date": format_datetime(now, usegmt=True), "Retry-After": format_datetime(until, usegmt=True)}


async def spoil(fault: Fault, content: wire.Json, request: web.Request) -> web.StreamResponse:
    """The good response `content`, spoilt by `fault` on its way; a stall lasts until the client has had enough."""
    if fault.kind is FaultKind.EMPTY_CHOICES:
        return json_response({**content, "choices": []})
    body = orjson.dumps(content)
    if fault.kind is FaultKind.TRUNCATED_JSON:
        return web.Response(body=body[: len(body) // 2], content_type="application/json")
    if fault.kind is FaultKind.WRONG_CONTENT_TYPE:
        return web.Response(body=body, content_type="text/plain")
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    if fault.kind is FaultKind.RESET:
        await response.write(body[: len(body) // 2])
        _reset(request)
        return response
    if fault.kind is FaultKind.STALL:
        await response.write(body[: len(body) // 2])
        await asyncio.Event().wait()
    pieces = [body[start : start + 64] for start in range(0, len(body), 64)]
    for piece in pieces:
        await asyncio.sleep(fault.delay_s / len(pieces))
        await response.write(piece)
    return response


def _reset(request: web.Request) -> None:
    """Closes the connection with a TCP reset: a socket that may linger for 0 s drops what is unsent."""
    assert request.transport is not None
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
