"""One time limit for many requests."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.models.timeouts import Timeouts
from tests.endpoints.virtual_time import in_virtual_time


@given(work=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), min_size=1, max_size=12))
def test_each_ends_when_its_own_time_is_up(work: list[tuple[float, float]]) -> None:
    """What takes longer than 1 s is ended 1 s after it began, the rest is left alone."""

    async def main() -> None:
        timeouts, loop = Timeouts(1.0), asyncio.get_running_loop()

        async def one(begins_s: float, takes_s: float) -> None:
            await asyncio.sleep(begins_s)
            begun = loop.time()
            try:
                with timeouts.limited():
                    await asyncio.sleep(takes_s)
            except TimeoutError:
                assert takes_s >= 1.0
                assert loop.time() - begun == pytest.approx(1.0, abs=1e-6)
            else:
                assert takes_s <= 1.0
            await asyncio.sleep(0)

        await asyncio.gather(*(one(*item) for item in work))

    in_virtual_time(main())


def test_a_cancellation_is_not_taken_for_a_timeout() -> None:
    async def main() -> None:
        timeouts = Timeouts(1.0)

        async def one() -> None:
            with timeouts.limited():
                await asyncio.sleep(60)

        task = asyncio.create_task(one())
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    in_virtual_time(main())


def test_a_task_that_met_the_limit_goes_on_and_can_meet_it_again() -> None:
    async def main() -> int:
        timeouts, met = Timeouts(1.0), 0
        for _ in range(3):
            try:
                with timeouts.limited():
                    await asyncio.sleep(60)
            except TimeoutError:
                met += 1
        return met

    assert in_virtual_time(main()) == 3


def test_one_that_does_not_end_when_told_does_not_keep_others_from_theirs() -> None:
    async def main() -> list[str]:
        timeouts, said = Timeouts(1.0), list[str]()

        async def stubborn() -> None:
            try:
                with timeouts.limited():
                    try:
                        await asyncio.sleep(60)
                    finally:
                        await asyncio.sleep(5)
            except TimeoutError:
                said.append("stubborn")

        async def other() -> None:
            await asyncio.sleep(2)
            try:
                with timeouts.limited():
                    await asyncio.sleep(60)
            except TimeoutError:
                said.append("other")

        await asyncio.gather(stubborn(), other())
        return said

    assert in_virtual_time(main()) == ["other", "stubborn"]
