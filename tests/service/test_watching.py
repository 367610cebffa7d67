"""A process is taken for dead when it is known to have ended, or was not heard of for a while by one's own clock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from service.jobs import RUNNING, Job
from service.processes import gone, this_process
from service.watching import SILENT_S, Watch
from tests.service.begun import DEAD, OWNER

JOB = Job(id="opt-1", identity="i", epoch_number=0, task="t", status=RUNNING, owner=OWNER, heartbeat_at="then", fence=1)


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_who_is_not_heard_of_for_a_while_is_silent() -> None:
    clock = Clock()
    watch = Watch(clock)
    assert not watch.silent(JOB)
    clock.now_s += SILENT_S - 0.1
    assert not watch.silent(JOB)
    clock.now_s += 0.1
    assert watch.silent(JOB)


@pytest.mark.parametrize("news", [{"heartbeat_at": "before then, by another clock"}, {"fence": 2}])
def test_any_news_is_a_sign_of_life(news: dict[str, object]) -> None:
    clock = Clock()
    watch = Watch(clock)
    assert not watch.silent(JOB)
    clock.now_s += SILENT_S
    heard = replace(JOB, **news)  # type: ignore[arg-type]
    assert not watch.silent(heard)
    clock.now_s += SILENT_S
    assert watch.silent(heard)


def test_jobs_are_watched_each_for_itself() -> None:
    clock = Clock()
    watch = Watch(clock)
    assert not watch.silent(JOB)
    clock.now_s += SILENT_S
    assert not watch.silent(replace(JOB, id="opt-2"))
    assert watch.silent(JOB)


@pytest.mark.parametrize("owner", [None, DEAD], ids=["nobody", "a dead process"])
def test_who_is_gone_is_silent_at_once(owner: str | None) -> None:
    assert Watch(Clock()).silent(replace(JOB, owner=owner))


def test_a_process_is_known_by_its_name_until_it_has_ended() -> None:
    program = "from service.processes import this_process; print(this_process(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert name.split(":")[1] == str(process.pid)
        assert not gone(name)
        process.send_signal(signal.SIGSTOP)
        assert not gone(name)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert gone(name)  # Nobody has asked for its exit code yet.
    assert gone(name)


def test_of_other_machines_nothing_is_known() -> None:
    assert not gone(this_process())
    assert not gone(OWNER)
    assert gone(DEAD)
