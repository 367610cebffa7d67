"""The local endpoint as a process of its own: `python -m tests.endpoints.local --port 0 --behaviour echo`.

It prints its URL on one line and serves until it is terminated. GET /seen beside /v1 answers with its counters.
"""

from __future__ import annotations

import argparse
import asyncio
import signal

from tests.endpoints.faults import Fault
from tests.endpoints.keyword import KeywordModel
from tests.endpoints.landscape import Landscape, load
from tests.endpoints.local import Answer, LocalEndpoint, echo
from tests.endpoints.wire import Reply


def behaviour(options: argparse.Namespace) -> Answer:
    """The model that the command line asks for."""
    if options.behaviour == "echo":
        return echo
    if options.behaviour == "keyword":
        keywords = KeywordModel(labels=options.labels)
        return lambda messages, body: Reply(text=keywords.answer(messages))
    landscape = Landscape(load(options.task, options.task_model), rows=options.rows, seed=options.seed)
    return lambda messages, body: Reply(text=landscape.answer(messages))


async def serve(options: argparse.Namespace) -> None:
    """Serves until SIGTERM or SIGINT."""
    late = Fault(delay_s=options.delay_s)

    def fault(request_number: int) -> Fault | None:
        return late

    async with LocalEndpoint(
        behaviour(options), models=(options.model,), key=options.key, fault=fault, port=options.port
    ) as endpoint:
        print(endpoint.url, flush=True)  # noqa: T201
        terminated = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, terminated.set)
        await terminated.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.endpoints.local", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--behaviour", choices=["echo", "landscape", "keyword"], default="echo")
    parser.add_argument("--model", default="local", help="the name it is served under")
    parser.add_argument("--key", help="the Bearer token it asks for")
    parser.add_argument("--delay-s", type=float, default=0.0, help="before every answer")
    parser.add_argument("--labels", nargs="+", default=[], help="keyword: all labels of the task")
    parser.add_argument("--task", default="first_alphabetically", help="landscape: the LMentry task")
    parser.add_argument("--task-model", default="vicuna-13b", help="landscape: whose accuracies")
    parser.add_argument("--rows", type=int, default=1000, help="landscape: how many rows there are")
    parser.add_argument("--seed", type=int, default=0, help="landscape: of rows and replies")
    asyncio.run(serve(parser.parse_args()))
