"""The `whet` command as a process of its own: started, signalled and judged from outside."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

SCRIPT = Path(sysconfig.get_path("scripts")) / "whet"
CHECKOUT = Path(__file__).resolve().parents[2]
LONGEST_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a command came to: its exit code (the negative number of the signal that killed it) and what it printed."""

    code: int
    out: str
    err: str


class Process(Protocol):
    """A process under way."""

    @property
    def pid(self) -> int: ...

    def wait(self, timeout: float) -> int:
        """Its exit code, once it has ended."""
        ...


class Launcher(Protocol):
    """Starts the console script with its output in two files."""

    def __call__(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path
    ) -> Process: ...


def launch_script(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path
) -> Process:
    """Starts it as a shell would."""
    with out.open("wb") as out_file, err.open("wb") as err_file:
        return subprocess.Popen(
            [str(SCRIPT), *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
        )


@dataclass(frozen=True, slots=True)
class _Forked:
    pid: int
    warm: subprocess.Popen[str]

    def wait(self, timeout: float) -> int:
        return _asked(self.warm, {"wait": self.pid})


def _asked(warm: subprocess.Popen[str], request: dict[str, Any]) -> int:
    assert warm.stdin is not None
    assert warm.stdout is not None
    warm.stdin.write(json.dumps(request) + "\n")
    warm.stdin.flush()
    return int(warm.stdout.readline())


@contextmanager
def warm_launcher(module: str = "tests.end_to_end.warm") -> Iterator[Launcher]:
    """Starts it in a fork of a process that has imported everything, see `tests.end_to_end.warm`."""
    with subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as warm:

        def launch(
            arguments: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path, err: Path
        ) -> Process:
            request = {
                "script": str(SCRIPT),
                "arguments": list(arguments),
                "folder": str(folder),
                "environment": dict(environment),
                "out": str(out),
                "err": str(err),
            }
            return _Forked(_asked(warm, {"start": request}), warm)

        yield launch


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A command under way."""

    process: Process
    out: Path
    err: Path

    def signal(self, number: int) -> None:
        """Sends a signal to this process alone."""
        os.kill(self.process.pid, number)

    def said(self) -> str:
        """What it has written to standard error so far; nothing before it has begun."""
        return self.err.read_text() if self.err.exists() else ""

    def finished(self) -> Finished:
        """What it came to, once it has ended."""
        code = self.process.wait(timeout=LONGEST_S)
        return Finished(code=code, out=self.out.read_text(), err=self.err.read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """A folder of somebody who uses `whet`: the task, the data, and `.whet` in it."""

    folder: Path
    launcher: Launcher
    environment: Mapping[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def home(self) -> Path:
        """Where whet keeps everything."""
        return self.folder / ".whet"

    def write_task(self, task: Mapping[str, Any]) -> None:
        """Writes `task.yaml`; JSON is YAML too."""
        (self.folder / "task.yaml").write_text(json.dumps(task, indent=1, ensure_ascii=False))

    def start(self, *arguments: str) -> Running:
        """Starts `whet` with these arguments, on a terminal of no kind, 200 columns wide."""
        number = next(self._numbers)
        out, err = (self.folder / f"{name}-{number}.txt" for name in ("out", "err"))
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = {**inherited, "COLUMNS": "200", **self.environment}
        process = self.launcher(arguments, self.folder, environment, out, err)
        return Running(process=process, out=out, err=err)

    def run(self, *arguments: str, code: int = 0) -> Finished:
        """Runs `whet` to its end, which must have this exit code and no traceback."""
        finished = self.start(*arguments).finished()
        assert "Traceback" not in finished.err, finished.err
        assert finished.code == code, finished.err
        return finished

    def optimize(self, *arguments: str) -> dict[str, Any]:
        """The result of `whet optimize task.yaml`."""
        finished = self.run("optimize", "task.yaml", "--no-progress", "--json", "-", *arguments)
        result: dict[str, Any] = json.loads(finished.out)
        return result
