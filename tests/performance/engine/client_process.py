"""One client in a process of its own, which measures itself: started by `cpu_per_call`."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import resource
import sys
import time
import urllib.request

import uvloop

from tests.performance.engine.load import Load
from tests.performance.engine.protocol import Client


def requests_seen(url: str) -> int:
    """How many requests the stub has answered so far."""
    with urllib.request.urlopen(url) as response:
        return int(response.read())


async def measured(client: Client, load: Load) -> dict[str, float]:
    """CPU and wall-clock seconds of the counted calls, how many requests they made, and the process's memory."""
    async with client(load) as ask:
        await ask(load.uncounted)
        seen = requests_seen(load.url)
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        await ask(load.counted)
        cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
        requests = requests_seen(load.url) - seen
    peak_rss_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_s": cpu_s, "wall_s": wall_s, "requests": requests, "peak_rss_kib": peak_rss_kib}


def on_one_core() -> None:
    """Keeps this process, threads and all, on the first of the cores it may use; the endpoint has the others."""
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def main(module: str, function: str, event_loop: str, load: str) -> None:
    on_one_core()
    logging.disable(logging.WARNING)
    client: Client = getattr(importlib.import_module(module), function)
    run = uvloop.run if event_loop == "uvloop" else asyncio.run
    print(json.dumps(run(measured(client, Load(**json.loads(load))))))


if __name__ == "__main__":
    main(*sys.argv[1:])
