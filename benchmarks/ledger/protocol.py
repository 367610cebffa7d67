"""What a ledger is: replies under the key of what was asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from benchmarks.digests import canonical
from benchmarks.models.protocol import Completion, Failure, ModelIdentity, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """On whose account, and on which occasion, calls are made.

    `project` keeps accounts apart: hits never cross it. `epoch` is empty unless the same question is to be asked
    anew, because the model may have changed (`--fresh`, a nightly rerun).
    """

    project: str = "default"
    epoch: str = ""


def ledger_key(occasion: Occasion, model: ModelIdentity, request: Request) -> bytes:
    """The 32 bytes under which the reply to `request` is kept: the sha256 of all that decides the reply."""
    return hashlib.sha256(
        canonical(
            [
                occasion.project,
                model.endpoint,
                model.model,
                dict(request.parameters),
                [[message.role, message.content] for message in request.messages],
                occasion.epoch,
                request.repeat,
            ]
        )
    ).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row: a reply, or a failure that the same request would meet again, with what it answers.

    `sequence` grows with every row; 0 means not yet kept.
    """

    key: bytes
    reply: Completion | Failure
    occasion: Occasion
    model: ModelIdentity
    prompt_digest: str
    example_id: str
    repeat: int = 0
    sequence: int = 0


class Ledger(Protocol):
    """Replies by key; append-only.

    Invariants: `keep` returns only once the entry is durable; a key is never overwritten, so all readers of a key see
    one reply for ever. Both calls may be made concurrently within one event loop.
    """

    async def find(self, key: bytes) -> Entry | None:
        """The entry under `key`."""
        ...

    async def keep(self, entry: Entry) -> Entry:
        """Keeps `entry` unless its key is taken; returns the entry that now stands under the key."""
        ...

    async def mark(self) -> int:
        """The highest sequence so far; 0 in an empty ledger."""
        ...

    async def close(self) -> None:
        """Waits for what is being written."""
        ...
