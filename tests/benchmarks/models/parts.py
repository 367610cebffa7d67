"""What tests of models share: requests, scripts, a model that answers when it is let, and servers of any behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, Message, ModelIdentity, Request
from benchmarks.models.scripted import Script

IDENTITY = ModelIdentity(endpoint="here", model="local")
FREE = Tariff(price=None)
PRICED = Tariff(price=Price(prompt_usd_per_million=1.0, completion_usd_per_million=2.0))
KEY = "sk-very-secret-0123456789"


def ask(text: str = "Which team?", **fields: Any) -> Request:
    """A request with one user message."""
    fields.setdefault("parameters", {"max_tokens": 16})
    return Request(messages=(Message(role="user", content=text),), **fields)


def failure(kind: FailureKind, **fields: Any) -> Failure:
    """A failure for the script of a model."""
    return Failure(kind=kind, detail=f"scripted: {kind}", **fields)


def in_turn(*answers: str | Failure) -> Script:
    """Gives `answers` one after the other; the last one for ever."""
    left = list(answers)
    return lambda messages: left.pop(0) if len(left) > 1 else left[0]


def echo(messages: tuple[Message, ...]) -> str:
    """Answers with the last message."""
    return messages[-1].content


@dataclass(slots=True)
class Held:
    """Answers with the last message, but only once `release` is set. `asked` keeps what was asked."""

    release: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Request] = field(default_factory=list)
    identity: ModelIdentity = IDENTITY

    async def complete(self, request: Request) -> Completion | Failure:
        self.asked.append(request)
        await self.release.wait()
        return Completion(text=request.messages[-1].content, usage=PRICED.usage(10, 5))

    async def withdraw(self) -> None:
        """Nothing waits here that has not left."""

    async def close(self) -> None:
        """Nothing to release."""


async def settle() -> None:
    """Lets every task run until it waits for something outside."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server that gives whatever `answer` makes of a request, as real HTTP; yields its api_base."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
