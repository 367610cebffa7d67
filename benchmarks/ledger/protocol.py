"""What a ledger is: replies under the key of what was asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.digests import canonical
from benchmarks.models.protocol import Completion, Failure, ModelIdentity, Request
from benchmarks.records import record

MOST_REMEMBERED = 100_000
"""Keys of kept replies that are remembered: many more than are kept between a look-up and what follows it."""


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


@dataclass(slots=True)
class UnderWay:
    """What the jobs that share a ledger object are asking just now, and what was kept lately.

    `tasks` has the requests under way by key. Whoever looked a key up at some `moment` and found nothing asks
    `kept_since(key, moment)` before it sends: meanwhile another may have asked, and have been answered.
    """

    tasks: dict[bytes, asyncio.Task[Completion | Failure]] = field(default_factory=dict)
    moment: int = 0
    _kept: dict[bytes, int] = field(default_factory=dict)

    def end(self, key: bytes, *, kept: bool) -> None:
        """The request under `key` is answered, and its reply kept, or it came to nothing."""
        del self.tasks[key]
        if kept:
            self._kept[key] = self.moment
            self.moment += 1
            if len(self._kept) > MOST_REMEMBERED:
                del self._kept[next(iter(self._kept))]

    def kept_since(self, key: bytes, moment: int) -> bool:
        """Whether a reply was kept under `key` at `moment` or later."""
        return self._kept.get(key, -1) >= moment


class Ledger(Protocol):
    """Replies by key; append-only.

    Invariants: `keep` returns only once the entry is durable; a key is never overwritten, so all readers of a key see
    one reply for ever. All calls may be made concurrently within one event loop.
    """

    @property
    def under_way(self) -> UnderWay:
        """What the jobs that share this ledger object are asking."""
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
