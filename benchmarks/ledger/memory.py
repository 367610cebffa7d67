"""A ledger for tests and throw-away runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from benchmarks.ledger.protocol import Entry, UnderWay


@dataclass(slots=True)
class MemoryLedger:
    """Keeps entries for as long as it lives."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    under_way: UnderWay = field(default_factory=UnderWay)

    async def find(self, key: bytes) -> Entry | None:
        """The entry under `key`."""
        return self.entries.get(key)

    async def find_all(self, keys: Sequence[bytes]) -> Sequence[Entry | None]:
        """The entries under `keys`."""
        return [await self.find(key) for key in keys]

    async def keep(self, entry: Entry) -> Entry:
        """Keeps `entry` unless its key is taken."""
        return self.entries.setdefault(entry.key, replace(entry, sequence=len(self.entries) + 1))

    async def mark(self) -> int:
        """The number of entries."""
        return len(self.entries)

    async def close(self) -> None:
        """Nothing to wait for."""
