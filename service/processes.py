"""Processes by names that say whether they still live, as far as this machine can tell."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

from benchmarks.digests import digest

PROC = Path("/proc")
_ENDED = frozenset("ZX")


def this_process() -> str:
    """The name of this process, `host:pid:machine:start`: no other process has it or will have it, on any machine.

    `machine` stands for this boot of the kernel and this space of process ids (a container has one of its own), `start`
    for the moment at which the process began.
    """
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_machine()}:{(_state(pid) or ('', '-'))[1]}"


def gone(name: str) -> bool:
    """Whether the process of that name has surely ended. False also says that this machine cannot know."""
    _, _, of_machine = name.partition(":")
    pid, _, rest = of_machine.partition(":")
    machine, _, start = rest.partition(":")
    if machine != _machine():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    found = _state(int(pid))
    return found is not None and (found[0] in _ENDED or found[1] != start)


@cache
def _machine() -> str:
    try:
        parts = [(PROC / "sys/kernel/random/boot_id").read_text(), os.readlink(PROC / "self/ns/pid")]
    except OSError:
        parts = [socket.gethostname()]  # Not Linux: the pid alone must do.
    return digest(parts)[:12]


def _state(pid: int) -> tuple[str, str] | None:
    """The state of a process and when it started, in ticks since boot (proc(5), /proc/pid/stat); None if unknown."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], fields[19]
