"""A faithful local OpenAI-compatible endpoint: real HTTP on 127.0.0.1, a model that is a function, faults on demand.

In a test's own event loop, for a client in the same process:

    async with LocalEndpoint(echo) as endpoint:
        ...  # endpoint.url, endpoint.requests, endpoint.max_in_flight

In a thread, for a client that runs as a subprocess:

    with LocalEndpoint(echo).in_thread() as endpoint:
        ...

As a process of its own (`tests.endpoints.serve`), for tests in which everything else is killed:

    python -m tests.endpoints.local --port 0 --behaviour echo
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from tests.endpoints import wire
from tests.endpoints.faults import Fault, FaultKind, json_response, refuse, spoil
from tests.endpoints.wire import Json, Reply

Answer = Callable[[list[Json], Json], Reply | Fault]
"""(messages, whole body) -> the model's reply, or the fault that this prompt meets; what spoils an answer on its way
spoils an empty one."""


def no_fault(request_number: int) -> Fault | None:
    """Nothing goes wrong."""
    return None


def echo(messages: list[Json], body: Json) -> Reply:
    """Answers with the last message."""
    return Reply(text=messages[-1]["content"])


class LocalEndpoint:
    """The endpoint. Tokens are counted by `count_tokens`, cached ones as vLLM's prefix cache would.

    `models` are the names it serves; `key`, when given, must come as a Bearer token; a prompt above `context_tokens`
    is refused. `fault(n)` is asked at every request to chat completions, n = 1, 2, ... in order of arrival.

    What it saw: `requests` to chat completions, refused ones too; `in_flight` and `max_in_flight`, those under way at
    once; `bodies`, the last `bodies_kept` of them; `times_answered`, how often each distinct body (by digest) was sent
    a whole good answer. `billed_calls` and `billed_tokens` are what it would charge for, answers that were spoilt on
    their way included.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        models: tuple[str, ...] = ("local",),
        key: str | None = None,
        context_tokens: int = 1_000_000,
        fault: Callable[[int], Fault | None] = no_fault,
        count_tokens: Callable[[str], int] = wire.count_tokens,
        port: int = 0,
        bodies_kept: int = 1000,
    ) -> None:
        self._answer = answer
        self._models = models
        self._key = key
        self._context_tokens = context_tokens
        self._fault = fault
        self._count_tokens = count_tokens
        self._port = port
        self._prefixes = wire.PrefixCache()
        self.requests = 0
        self.in_flight = 0
        self.max_in_flight = 0
        self.bodies: deque[Json] = deque(maxlen=bodies_kept)
        self.times_answered: Counter[bytes] = Counter()
        self.billed_calls = self.billed_tokens = 0

    @property
    def url(self) -> str:
        """The api_base that clients are given."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def answered(self) -> int:
        """How many requests got a good answer."""
        return self.times_answered.total()

    @property
    def answered_again(self) -> int:
        """How many of those answers had been given before to the same body: calls that were paid twice."""
        return self.answered - len(self.times_answered)

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=64 * 2**20)
        self._add_routes(application.router)
        self._closing = asyncio.Event()
        # A handler ends with its client's connection, so that in_flight counts only those still waiting.
        self._runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        await self._runner.cleanup()

    @contextmanager
    def in_thread(self) -> Iterator[Self]:
        """Serves from an event loop in a thread of its own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.__aenter__(), loop).result(timeout=30)
            try:
                yield self
            finally:
                asyncio.run_coroutine_threadsafe(self.__aexit__(None, None, None), loop).result(timeout=30)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v1/chat/completions", self._chat_completions)
        router.add_get("/v1/models", self._list_models)
        router.add_get("/seen", self._seen)

    async def _chat_completions(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        number = self.requests
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            return await self._respond(request, number)
        finally:
            self.in_flight -= 1

    async def _respond(self, request: web.Request, number: int) -> web.StreamResponse:
        content = await request.read()
        try:
            body = orjson.loads(content)
        except orjson.JSONDecodeError:
            return json_response(wire.invalid("We could not parse the JSON body of your request."), 400)
        self.bodies.append(body)
        fault = self._fault(number) or Fault()
        if fault.kind is not FaultKind.SLOW_DRIP:
            await asyncio.sleep(fault.delay_s)
        if not fault.answers:
            return await refuse(fault, self._closing)
        refusal = self._denied(request) or self._invalid(body)
        if refusal is not None:
            return refusal
        reply = self._answer(body["messages"], body)
        if isinstance(reply, Fault) and not reply.answers:
            return await refuse(reply, self._closing)
        if isinstance(reply, Fault):
            fault, reply = reply, Reply(text="")
        prompt = wire.prompt_text(body["messages"])
        prompt_tokens = self._count_tokens(prompt)
        answer = wire.completion(
            reply,
            body=body,
            number=number,
            prompt_tokens=prompt_tokens,
            cached_tokens=self._told(prompt_tokens, self._prefixes.cached_tokens(prompt)),
            count=self._count_tokens,
        )
        self.billed_calls += 1
        self.billed_tokens += answer["usage"]["total_tokens"]
        response: web.StreamResponse = json_response(answer)
        if fault.kind is not None:
            response = await spoil(fault, answer, request)
        if fault.kind in (None, FaultKind.SLOW_DRIP, FaultKind.WRONG_CONTENT_TYPE):
            self.times_answered[hashlib.blake2b(content, digest_size=16).digest()] += 1
        return response

    def _told(self, prompt_tokens: int, cached_tokens: int) -> int | None:
        """The cached tokens that a reply tells of; None leaves them out."""
        return cached_tokens

    async def _list_models(self, request: web.Request) -> web.Response:
        return self._denied(request) or json_response(wire.model_list(self._models))

    async def _seen(self, request: web.Request) -> web.Response:
        names = ("requests", "answered", "answered_again", "in_flight", "max_in_flight")
        return json_response({name: getattr(self, name) for name in names})

    def _denied(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if self._key is None or given == self._key:
            return None
        return json_response(wire.wrong_key(given) if given else wire.missing_key(), 401)

    def _invalid(self, body: dict[str, Any]) -> web.Response | None:
        if body.get("model") not in self._models:
            return json_response(wire.unknown_model(body.get("model")), 404)
        if not body.get("messages"):
            return json_response(wire.invalid("Missing required parameter: 'messages'.", param="messages"), 400)
        for name in ("stream", "tools", "n"):
            if body.get(name) and (name, body[name]) != ("n", 1):
                return json_response(wire.invalid(f"Unsupported parameter: '{name}'.", param=name), 400)
        asked = wire.count_tokens(wire.prompt_text(body["messages"]))
        if asked > self._context_tokens:
            return json_response(wire.context_too_long(self._context_tokens, asked), 400)
        return None


if __name__ == "__main__":
    from tests.endpoints.serve import main

    main()
