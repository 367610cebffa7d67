"""A wall clock that jumps by hours, forwards and backwards, while a job is under way: only timestamps show it."""

from __future__ import annotations

import asyncio
import datetime as real
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task
from service.home import Home, open_home
from service.optimize import Settings, run_optimization
from tests.end_to_end import tickets
from tests.end_to_end.interruption import untimed

HOURS_S = 10 * 3600.0


class Jumping:
    """The time, give or take hours that are drawn anew at every look at it."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._time = time.time
        self.looks = 0

    def time(self) -> float:
        self.looks += 1
        return self._time() + self._rng.uniform(-HOURS_S, HOURS_S)

    def time_ns(self) -> int:
        return int(self.time() * 1e9)

    def everywhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Makes it the clock of this process."""
        clock = self

        class Jumpy(real.datetime):
            @classmethod
            def now(cls, tz: real.tzinfo | None = None) -> real.datetime:  # type: ignore[override]
                return real.datetime.fromtimestamp(clock.time(), tz)

        monkeypatch.setattr(time, "time", self.time)
        monkeypatch.setattr(time, "time_ns", self.time_ns)
        for name, module in list(sys.modules.items()):
            if name.startswith(("benchmarks.", "optimizers.", "service.")):
                for place, value in list(vars(module).items()):
                    if value is real.datetime:
                        monkeypatch.setattr(module, place, Jumpy)


def optimized(folder: Path, url: str) -> dict[str, Any]:
    """The result of the tickets' task, with a seconds cap that is far away, in a home of its own."""
    tickets.write_csv(folder / "tickets.csv", tickets.rows(90))
    content = tickets.task(url, budget={"calls": 160, "seconds": 3600})
    task = load_task(parse_task(content), folder, allow_code=False)
    home: Home = open_home({"WHET_HOME": str(folder / "home")})
    try:
        return asyncio.run(run_optimization(task, home, Settings(environment={})))
    finally:
        home.engine.dispose()


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steady, jumpy = tmp_path / "steady", tmp_path / "jumpy"
    steady.mkdir()
    jumpy.mkdir()
    clock = Jumping(seed=0)
    with tickets.endpoint().in_thread() as endpoint:
        usual = optimized(steady, endpoint.url)
        answered = endpoint.answered
        clock.everywhere(monkeypatch)
        result = optimized(jumpy, endpoint.url)
        assert endpoint.answered == 2 * answered
    assert clock.looks > 10
    assert untimed(result) == untimed(usual)
    assert 0 < result["spent"]["seconds"] < 3600
