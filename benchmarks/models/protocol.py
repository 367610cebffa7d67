"""The one seam between whet and every language model.

Everything that answers prompts has the shape of `LanguageModel`, and so has everything that is put around it:

    Recorded( Throttled( Kept( Retrying( Paced( Metered( Hedged( Direct ) ) ) ) ) ) )
    look up   places     keep  retries   pace   budget   stragglers  the wire

`Throttled` bounds what is open, from leaving to being kept; `Paced` what is under way at the endpoint, which all jobs
that use it share; `Hedged` is there only where the user allows paying for it.

A model answers with a value: a `Completion`, or a `Failure` that says whether the same request would meet it again.
Mistakes that concern the endpoint as a whole (a wrong key, an address that answers HTML) are exceptions
(`benchmarks.errors.EndpointError`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from benchmarks.budget import Charge
from benchmarks.records import record

Setting = str | int | float | bool | None | list[str]
"""The value of a decoding parameter that a user may set."""

ParameterValue = Setting | Mapping[str, Any]
"""The value of a decoding parameter; whet itself sets such as response_format, which is a mapping."""


@record
class Message:
    """One chat message. `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(slots=True, kw_only=True)
class Request:
    """One question to a model: the rendered messages and the decoding parameters.

    `repeat` counts repeated draws of the same question. `prompt_digest` and `example_id` say what was rendered; they
    are provenance, not part of what is asked. `key` is where the ledger keeps the reply: `Recorded` writes it down,
    once; nothing else ever changes.
    """

    messages: tuple[Message, ...]
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    repeat: int = 0
    prompt_digest: str = ""
    example_id: str = ""
    key: bytes = b""


@record
class Usage:
    """What one call took. Tokens as the endpoint counted them (estimated where it does not say); `cost_usd` is None
    when no price is known."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None


@record
class Completion:
    """A model's reply. `truncated` means the endpoint cut it off at max_tokens. `latency_s` is the time of the
    answering attempt. `lost_attempts` counts earlier attempts that may have been billed although no reply came."""

    text: str
    usage: Usage
    truncated: bool = False
    latency_s: float = 0.0
    lost_attempts: int = 0


class FailureKind(StrEnum):
    """Why there is no reply. The first group is no fault of the request (transient); the second would be met again.

    `UNAFFORDABLE` means that the budget had no room for the attempt, which did not leave.
    """

    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    GARBLED = "garbled"
    UNAFFORDABLE = "unaffordable"

    CONTEXT_TOO_LONG = "context_too_long"
    CONTENT_FILTER = "content_filter"
    REJECTED = "rejected"

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed at another time. Such a row is missing, after retries; the others
        score 0 and are counted."""
        return self not in (FailureKind.CONTEXT_TOO_LONG, FailureKind.CONTENT_FILTER, FailureKind.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """No reply, and why. `detail` is for people and never holds a key. `retry_after_s` is what the endpoint asked
    for. `maybe_billed` says that the request may have been answered, and charged, although the reply was lost.
    `lost_attempts` counts such attempts, this one included."""

    kind: FailureKind
    detail: str
    retry_after_s: float | None = None
    maybe_billed: bool = False
    lost_attempts: int = 0
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """Under which name replies are kept: `endpoint` is the operator's name for it, else the normalised api_base;
    `model` is the name the endpoint knows the model by."""

    endpoint: str
    model: str


class LanguageModel(Protocol):
    """Anything that answers a request.

    Invariants: `complete` never raises for what can happen to one request (that is a `Failure`); it raises
    `EndpointError` when no request can succeed, and `asyncio.CancelledError` passes through untouched. It may be
    called concurrently within one event loop. `close` may be called twice.
    """

    @property
    def identity(self) -> ModelIdentity:
        """Under which name replies are kept."""
        ...

    async def complete(self, request: Request) -> Completion | Failure:
        """The reply to `request`, or why there is none."""
        ...

    async def withdraw(self) -> None:
        """Lets no waiting request leave any more, and returns once those under way are answered, kept or given up,
        which takes a few seconds at most. The model can be used again afterwards."""
        ...

    async def close(self) -> None:
        """Releases connections."""
        ...


@runtime_checkable
class Remembering(LanguageModel, Protocol):
    """A model that remembers replies, and sees requests through whatever becomes of those who asked."""

    async def recall(self, requests: Sequence[Request]) -> Sequence[Completion | Failure | None]:
        """What is known, parallel to `requests`, looked up at once; None where the model must be asked."""
        ...

    @property
    def charges(self) -> int:
        """How many replies this run was charged with so far."""
        ...

    async def accounted(self, requests: Sequence[Request], since: int) -> Charge:
        """What this run was charged with for replies to `requests` that are kept, which a later run will be, too;
        without those that were charged when `charges` was below `since`."""
        ...

    def start(self, request: Request) -> asyncio.Task[Completion | Failure]:
        """Asks; the task goes on if nobody waits for it, and only `withdraw` ends it before its time."""
        ...
