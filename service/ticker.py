"""The ticker: in every process that serves or works, a thread that claims what is due."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.errors import StorageError, WhetError
from service.endpoints import read_endpoints
from service.home import Home
from service.nights import Nights, Ran
from service.schedules import Schedules

POLL_S = 1.0
LONGEST_STOP_S = 5.0

logger = logging.getLogger("whet.nights")


def tick(home: Home, environment: Mapping[str, str]) -> list[Ran]:
    """Claims what is due now, and returns it."""
    due = Schedules(home).due(home.now())
    if not due:
        return []
    endpoints, found = read_endpoints(home.folder, environment), Nights(home)
    claimed = []
    for schedule in due:
        try:
            claimed.append(found.claim(schedule, endpoints))
        except StorageError:
            raise
        except Exception:  # One schedule that cannot be claimed is no reason for the others to wait.
            logger.exception("%s: its night cannot be begun", schedule.id)
    return [night for night in claimed if night is not None]


@dataclass(slots=True)
class Ticker:
    """Ticks every second, from `start` to `stop`."""

    home: Home
    environment: Mapping[str, str]
    _thread: threading.Thread | None = field(default=None, repr=False)
    _stopping: threading.Event = field(default_factory=threading.Event, repr=False)

    def start(self) -> None:
        """Begins to tick."""
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Claims nothing more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(LONGEST_STOP_S)

    def _run(self) -> None:
        while not self._stopping.wait(POLL_S):
            # A database that is busy for once is no reason to stop, and neither is one schedule.
            with contextlib.suppress(StorageError):
                try:
                    tick(self.home, self.environment)
                except StorageError:
                    raise
                except WhetError as error:
                    logger.error("No nights are begun. %s", error)
                except Exception:
                    logger.exception("A tick met a defect of whet")
