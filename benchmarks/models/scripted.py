"""A model that answers by a function: for tests, examples and stand-ins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, Message, ModelIdentity, Request

Script = Callable[[tuple[Message, ...]], "str | Failure"]


@dataclass(slots=True, kw_only=True)
class Scripted:
    """Answers each request with `script(messages)`: a reply's text, or the failure to report.

    Tokens are counted as four bytes each. `requests` keeps what was asked, in order.
    """

    script: Script
    identity: ModelIdentity = field(default_factory=lambda: ModelIdentity(endpoint="scripted", model="scripted"))
    tariff: Tariff = field(default_factory=lambda: Tariff(price=None))
    latency_s: float = 0.0
    requests: list[Request] = field(default_factory=list)

    async def complete(self, request: Request) -> Completion | Failure:
        """The scripted answer, after `latency_s`."""
        self.requests.append(request)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        answer = self.script(request.messages)
        if isinstance(answer, Failure):
            return answer
        prompt_tokens = sum(len(message.content.encode()) for message in request.messages) // 4 + 1
        return Completion(
            text=answer,
            usage=self.tariff.usage(prompt_tokens, len(answer.encode()) // 4 + 1),
            latency_s=self.latency_s,
        )

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""
