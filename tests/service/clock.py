"""A clock that goes only when it is told to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class Clock:
    """Time, which `pass_` lets pass."""

    time: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        """The time."""
        return self.time

    def pass_(self, seconds: float) -> None:
        """Lets so many seconds pass."""
        self.time += timedelta(seconds=seconds)
