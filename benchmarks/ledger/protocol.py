"""What a ledger is: replies under the key of what was asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.digests import canonical
from benchmarks.models.protocol import Completion, Failure, ModelIdentity, Request
from benchmarks.records import record


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


@record
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
    one reply for ever. All calls may be made concurrently within one event loop.
    """

    @property
    def under_way(self) -> dict[bytes, asyncio.Task[Completion | Failure]]:
        """What is being asked just now by the jobs that share this ledger object, by key."""
        ...

    async def find(self, key: bytes) -> Entry | None:
        """The entry under `key`."""
        ...

    async def find_all(self, keys: Sequence[bytes]) -> Sequence[Entry | None]:
        """The entries under `keys`, parallel to them, looked up at once."""
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
