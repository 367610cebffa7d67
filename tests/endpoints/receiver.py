"""A receiver of webhooks: real HTTP or HTTPS on 127.0.0.1, that keeps what it got and answers as it is told.

with Receiver().in_thread() as receiver:
    ...  # receiver.url, receiver.received
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """What the body says."""
        content: dict[str, Any] = orjson.loads(self.body)
        return content


Responding = Callable[[int, web.Request], "web.StreamResponse | float"]
"""(number of the request from 1, the request) -> the answer, or seconds to say nothing."""


def accepting(_number: int, _request: web.Request) -> web.StreamResponse:
    """Takes everything."""
    return web.Response(status=204)


@dataclass(slots=True)
class Receiver:
    """The receiver. With `tls` it speaks HTTPS."""

    respond: Responding = accepting
    tls: ssl.SSLContext | None = None
    received: list[Received] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}/hook"

    @contextmanager
    def in_thread(self) -> Iterator[Self]:
        """Serves from an event loop in a thread of its own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            runner = asyncio.run_coroutine_threadsafe(self._serve(), loop).result(timeout=30)
            try:
                yield self
            finally:
                asyncio.run_coroutine_threadsafe(_ended(runner), loop).result(timeout=30)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _serve(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self.tls).start()
        self.port = runner.addresses[0][1]
        return runner

    async def _take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(path=request.path_qs, headers=headers, body=await request.read()))
        answer = self.respond(len(self.received), request)
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return web.Response(status=204)
        return answer


async def _ended(runner: web.AppRunner) -> None:
    await runner.cleanup()
    await asyncio.sleep(0.05)  # Connections that were aborted close their sockets some turns of the loop later.
