"""Work that must end by a deadline, with the requests it has under way."""

from __future__ import annotations

import asyncio
import contextlib

from benchmarks.models.protocol import LanguageModel
from benchmarks.models.recorded import GRACE_S


def grace_of(cap_s: float) -> float:
    """The seconds at the end of a cap of `cap_s` in which nothing leaves any more and replies are waited for."""
    return min(GRACE_S, cap_s / 10)


async def withdraw_within(model: LanguageModel, seconds: float) -> None:
    """Withdraws the requests of `model`; replies that do not come within `seconds` are given up and charged as lost."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await model.withdraw()
