"""What is measured: a client that is given calls to make."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from tests.performance.engine.load import Load

Ask = Callable[[Sequence[int]], Awaitable[None]]
"""Makes the calls with the given numbers (see `Load`) and returns when all are answered."""

Client = Callable[[Load], AbstractAsyncContextManager[Ask]]
"""A client that is ready to put a load on an endpoint for as long as the context lasts."""
