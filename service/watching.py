"""Finding out whether anybody still runs a job."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from service.jobs import Job
from service.processes import gone

SILENT_S = 8.0
"""An owner who was not heard of for so long is taken for dead or frozen."""
FORGOTTEN_S = 3600.0


@dataclass(slots=True)
class Watch:
    """Watches the heartbeats of jobs that other processes hold. What is seen is compared with what was seen before, by
    a clock of its own (seconds that only grow), so that machines whose clocks differ do not take each other for dead.
    """

    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[tuple[int, str | None], float]] = field(default_factory=dict)

    def silent(self, job: Job) -> bool:
        """Whether nobody runs `job` any more: its owner is known to have ended, or showed no sign of life in 8 s of
        looking."""
        if job.owner is None or gone(job.owner):
            return True
        beat, now = (job.fence, job.heartbeat_at), self.clock()
        self._seen = {seen: (last, since) for seen, (last, since) in self._seen.items() if now - since < FORGOTTEN_S}
        known, since = self._seen.get(job.id, (None, now))
        if beat != known:
            since = now
        self._seen[job.id] = (beat, since)
        return now - since >= SILENT_S
