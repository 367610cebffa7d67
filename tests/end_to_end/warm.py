"""A process that has imported what `whet` needs and forks at request: `python -m tests.end_to_end.warm`.

Imports take seconds on a slow machine, which dozens of commands would pay one after the other. Every command is still
a process of its own, with its own arguments, folder, environment and files for its output, and runs the installed
console script and what was registered to happen at its end; only the interpreter's tear-down, which is as slow, is
left out.

One JSON object a line comes in: {"start": {...}} is answered with the new pid, {"wait": pid} with its exit status.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import sys
from importlib import import_module

WANTED = (
    "benchmarks.models.batch.lane",
    "benchmarks.models.direct",
    "optuna",
    "pandas",
    "rich.progress",
    "service.api.app",
    "service.cli.evaluate",
    "service.cli.keys",
    "service.cli.main",
    "service.cli.optimize",
    "service.cli.pull",
    "service.cli.serve",
    "uvicorn",
)
LONGEST_S = 300


def main() -> None:
    """Serves requests until the input ends."""
    for name in WANTED:
        import_module(name)
    gc.freeze()  # Else the first collection of every child copies all of it.
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            answer = os.fork()
            if answer == 0:
                _become(**request["start"])
        print(answer, flush=True)  # noqa: T201


def _become(*, script: str, arguments: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> None:
    """Makes this child the command, and ends with it; a command that hangs is ended by an alarm."""
    signal.alarm(LONGEST_S)
    written = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, mode in ((0, os.devnull, os.O_RDONLY), (1, out, written), (2, err, written)):
        os.dup2(os.open(path, mode, 0o644), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [script, *arguments]
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
