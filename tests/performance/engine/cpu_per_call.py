"""CPU per call of whet's whole evaluation path, beside other clients, as a table.

A stub endpoint in a process of its own answers at once, so what a client takes is its own doing. Every client runs in
a fresh process, on one core, and measures its CPU time (user and system, all threads) after a warm-up. Runs of
different clients alternate, and the median counts. Nothing is asserted about time: compare ratios within one table,
because machines differ, and one machine differs from hour to hour.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from statistics import median

HERE = "tests.performance.engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client that can be measured: what the table calls it, where it is, and how many requests a call makes."""

    title: str
    module: str
    function: str
    event_loop: str = "asyncio"
    slow: bool = False
    requests_per_call: int = 1


CLIENTS = {
    "aiohttp": Client(title="bare aiohttp", module="peers", function="bare_aiohttp"),
    "aiohttp-uvloop": Client(
        title="bare aiohttp on uvloop", module="peers", function="bare_aiohttp", event_loop="uvloop"
    ),
    "whet": Client(title="whet, whole path, empty ledger", module="whet", function="cold", event_loop="uvloop"),
    "whet-warm": Client(
        title="whet, whole path, all in the ledger",
        module="whet",
        function="warm",
        event_loop="uvloop",
        requests_per_call=0,
    ),
    "httpx": Client(title="bare httpx", module="peers", function="bare_httpx", slow=True),
    "openai": Client(title="`openai.AsyncOpenAI`", module="peers", function="openai", slow=True),
    "litellm": Client(title="`litellm.acompletion`", module="peers", function="litellm", slow=True),
    "dspy": Client(title="`dspy.Evaluate`, no cache", module="peers", function="dspy", slow=True),
}
BASELINE = "aiohttp"
VERSIONS = ("aiohttp", "uvloop", "httpx", "openai", "litellm", "dspy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One line of the table: the medians over the runs of one client."""

    client: Client
    concurrency: int
    calls: int
    runs: int
    cpu_ms_per_call: float
    calls_per_s: float
    peak_rss_mib: float


@contextmanager
def stub_endpoint(latency_s: float = 0.0) -> Iterator[str]:
    """The stub as a process, which answers after `latency_s`; its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", f"{HERE}.stub", str(latency_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def measure(client: Client, url: str, *, calls: int, warm_up: int, concurrency: int) -> dict[str, float]:
    """The figures of one run of `client` in a fresh process (see `client_process`).

    Raises RuntimeError if the endpoint did not see as many requests as the client was to make.
    """
    load = json.dumps({"url": url, "calls": calls, "warm_up": warm_up, "concurrency": concurrency})
    command = [
        sys.executable,
        "-m",
        f"{HERE}.client_process",
        f"{HERE}.{client.module}",
        client.function,
        client.event_loop,
        load,
    ]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    expected = calls * client.requests_per_call
    if figures["requests"] != expected:
        raise RuntimeError(f"{client.title} made {figures['requests']} requests for {calls} calls, not {expected}.")
    return figures


def table(
    clients: Sequence[Client],
    *,
    calls: int,
    slow_calls: int,
    warm_up: int,
    concurrency: Sequence[int],
    runs: int,
    latency_s: float = 0.0,
) -> list[Measured]:
    """The lines of the table, by concurrency: fast clients `runs` times with `calls` calls, slow ones once with
    `slow_calls`."""
    figures: dict[tuple[int, Client], list[dict[str, float]]] = defaultdict(list)
    with stub_endpoint(latency_s) as url:
        for at_once, run, client in product(concurrency, range(runs), clients):
            if run == 0 or not client.slow:
                made = slow_calls if client.slow else calls
                found = measure(client, url, calls=made, warm_up=warm_up, concurrency=at_once)
                figures[at_once, client].append(found)
    lines = []
    for (at_once, client), measured in figures.items():
        made = slow_calls if client.slow else calls
        lines.append(
            Measured(
                client=client,
                concurrency=at_once,
                calls=made,
                runs=len(measured),
                cpu_ms_per_call=median(f["cpu_s"] for f in measured) / made * 1000,
                calls_per_s=made / median(f["wall_s"] for f in measured),
                peak_rss_mib=median(f["peak_rss_kib"] for f in measured) / 1024,
            )
        )
    return lines


def render(lines: Sequence[Measured]) -> str:
    """The table in Markdown."""
    bare = {line.concurrency: line.cpu_ms_per_call for line in lines if line.client == CLIENTS[BASELINE]}
    rows = [
        "| at once | client | calls | CPU ms per call | × bare aiohttp | calls/s | peak RSS MiB |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for line in lines:
        calls = f"{line.runs} × {line.calls:,}" if line.runs > 1 else f"{line.calls:,}"
        ratio = f"{line.cpu_ms_per_call / bare[line.concurrency]:.1f}" if bare else ""
        rows.append(
            f"| {line.concurrency} | {line.client.title} | {calls} | {line.cpu_ms_per_call:.2f} | {ratio} "
            f"| {line.calls_per_s:,.0f} | {line.peak_rss_mib:.0f} |"
        )
    return "\n".join(rows)


def setting() -> str:
    """Machine and versions, in a line."""
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return (
        f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()}), "
        f"{platform.python_implementation()} {platform.python_version()}, {versions}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {HERE}.cpu_per_call", description=__doc__)
    parser.add_argument("--calls", type=int, default=3000, help="of fast clients")
    parser.add_argument("--slow-calls", type=int, default=400, help="of slow clients")
    parser.add_argument("--warm-up", type=int, default=200, help="calls that do not count")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16, 64, 256], help="calls under way at once")
    parser.add_argument("--latency-s", type=float, default=0.0, help="until the endpoint answers")
    parser.add_argument("--runs", type=int, default=7, help="of fast clients")
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    options = parser.parse_args()
    lines = table(
        [CLIENTS[name] for name in options.clients],
        calls=options.calls,
        slow_calls=options.slow_calls,
        warm_up=options.warm_up,
        concurrency=options.concurrency,
        runs=options.runs,
        latency_s=options.latency_s,
    )
    print(render(lines))
    print(f"\n{setting()}")


if __name__ == "__main__":
    main()
