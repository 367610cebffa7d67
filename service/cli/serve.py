"""`whet serve` and `whet worker`."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

from benchmarks.errors import InputError
from service import loop, telemetry
from service.addresses import read_allowed
from service.api.security import is_loopback
from service.cli.session import environment
from service.durable import Durable
from service.endpoints import read_endpoints
from service.home import open_home
from service.keys import FEWEST_CHARACTERS, Keys

GRACE_S = 5
"""Seconds that requests under way may still take when the server is stopped."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def serve_command(host: str, port: int, *, hosts: Sequence[str], jobs: int) -> None:
    """Serves until it is stopped."""
    home = open_home(environment())
    admin_key = environment().get("WHET_ADMIN_KEY") or ""
    if admin_key and len(admin_key) < FEWEST_CHARACTERS:
        raise InputError(f"WHET_ADMIN_KEY has fewer than {FEWEST_CHARACTERS} characters; take a longer one.")
    keyed = bool(admin_key) or Keys(home).any_valid()
    if not is_loopback(host) and not keyed:
        raise InputError(
            f"{host} can be reached from other machines, and there is no key. Set WHET_ADMIN_KEY, or make a key with "
            "`whet keys create`, or serve on 127.0.0.1."
        )
    # FastAPI and uvicorn take a second to import.
    import uvicorn  # noqa: PLC0415

    from service.api.app import Serving, create_app  # noqa: PLC0415

    # A page in somebody's browser could call a server on loopback under a name of its own.
    names = (*LOCAL_NAMES, *hosts) if is_loopback(host) or hosts else ("*",)
    queue = Durable(home)
    app = create_app(
        Serving(home=home, environment=environment(), loopback=is_loopback(host), hosts=names, jobs=jobs, queue=queue)
    )

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # Streams of events would keep the server waiting.
            app.state.whet.closing.set()
            super().handle_exit(sig, frame)

    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0]
        raise InputError(f"Cannot listen on {host}, port {port}: {why}. Choose another port with --port.") from None
    shown = f"[{host}]" if ":" in host else host
    sys.stderr.write(
        f"whet serves {home.place} on http://{shown}:{port} "
        f"({'open to this machine, without keys' if app.state.gate.open else 'with keys'}). Ctrl-C stops it.\n"
    )
    loop.collect_seldom()
    with telemetry.exporting(environment()):
        Server(uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=GRACE_S)).run(
            sockets=[listening]
        )


def worker_command(jobs: int) -> None:
    """Runs jobs until it is stopped."""
    home = open_home(environment())
    read_endpoints(home.folder, environment())
    from service.courier import Courier  # noqa: PLC0415
    from service.runner import Runner  # noqa: PLC0415
    from service.sending import Sender  # noqa: PLC0415
    from service.ticker import Ticker  # noqa: PLC0415

    ticker = Ticker(home, environment())
    courier = Courier(home=home, send=Sender(allowed=read_allowed(environment())).send)
    runner = Runner(home=home, environment=environment(), most=jobs, queue=Durable(home))

    async def work() -> None:
        running = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            running.add_signal_handler(number, runner.ask_to_stop)
        courier.start()
        ticker.start()
        try:
            await runner.work()
        finally:
            await asyncio.to_thread(ticker.stop)
            await asyncio.to_thread(courier.stop)

    sys.stderr.write(f"whet runs the jobs of {home.place}. Ctrl-C stops it.\n")
    loop.collect_seldom()
    with telemetry.exporting(environment()):
        loop.run(work())
