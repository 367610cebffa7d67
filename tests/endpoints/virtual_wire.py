"""Virtual time for a client and an endpoint in one event loop, which speak real HTTP: time passes only while nothing is
on its way between them."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Returned = TypeVar("Returned")

ON_ITS_WAY_S = 0.001
"""What was sent on 127.0.0.1 has arrived after this time; it is at once, but for the kernel's scheduling."""


class _PatientSelector(selectors.DefaultSelector):
    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(ON_ITS_WAY_S if timeout is None or timeout > 0 else 0)
        if not found and timeout is None:
            raise AssertionError("everything waits for something that never comes")
        if not found and timeout is not None:
            self.now_s += max(0.0, timeout)
        return found


class VirtualWireLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer when nothing is to be done and nothing arrives. What happens in
    other threads would be overtaken by it."""

    def __init__(self) -> None:
        self._patient = _PatientSelector()
        super().__init__(self._patient)

    def time(self) -> float:
        return self._patient.now_s


def in_virtual_time(main: Coroutine[Any, Any, Returned]) -> Returned:
    """What `main` returns; what it leaves behind is cancelled."""
    with asyncio.Runner(loop_factory=VirtualWireLoop) as runner:
        return runner.run(main)
