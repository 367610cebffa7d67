"""The REST API under a real server: uvicorn in a thread, on a free port of 127.0.0.1, with a home of its own.

with LocalEndpoint(answer).in_thread() as endpoint, served(folder, endpoint.url) as server:
    job = server.optimize(body)
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from service.api.app import Serving, create_app
from service.api.state import State
from service.cli.serve import LOCAL_NAMES
from service.home import Home, open_home
from tests.endpoints.wire import Json

ENDED = ("succeeded", "failed", "cancelled")
LONGEST_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server under way. `client` speaks to it, without a key; `state` is what stands behind its routes."""

    url: str
    home: Home
    state: State
    client: httpx.Client

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rpartition(":")[2])

    def post(self, body: Json, **headers: str) -> Json:
        """The optimization that `body` asks for, as it was answered."""
        answer = self.client.post("/v1/optimizations", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        job: Json = answer.json()
        return job

    def get(self, job_id: str) -> Json:
        """Where an optimization stands."""
        job: Json = self.client.get(f"/v1/optimizations/{job_id}").json()
        return job

    def ended(self, job_id: str, longest_s: float = LONGEST_S) -> Json:
        """An optimization, once it has ended."""
        until = time.monotonic() + longest_s
        while time.monotonic() < until:
            answer = self.client.get(f"/v1/optimizations/{job_id}", headers={"Prefer": "wait=10"})
            job: Json = answer.json()
            if job["status"] in ENDED:
                return job
        raise AssertionError(f"{job_id} has not ended within {longest_s} s: {self.get(job_id)}")

    def optimize(self, body: Json) -> Json:
        """What `body` comes to, which must be a success."""
        job = self.ended(self.post(body)["id"])
        assert job["status"] == "succeeded", job["error"]
        return job

    def events(self, job_id: str, after: int | None = None) -> list[Json]:
        """All events of an optimization until its stream ends, see `read_events`."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        with self.client.stream("GET", f"/v1/optimizations/{job_id}/events", headers=headers) as answer:
            return list(read_events(answer))


def read_events(answer: httpx.Response) -> Iterator[Json]:
    """The events of a stream, as `{"id": number or None, "event": kind, "data": JSON}`; comments are left out.

    Source: the HTML standard, section 9.2.6, "Interpreting an event stream".
    """
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line:
            if "data" in fields:
                number = fields.get("id")
                yield {
                    "id": None if number is None else int(number),
                    "event": fields["event"],
                    "data": json.loads(fields["data"]),
                }
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


def endpoints(url: str, **fields: Any) -> dict[str, str]:
    """The environment in which the operator offers the endpoint at `url` under the name `local`."""
    section = {"model": "hosted_vllm/local", "api_base": url, "identity": "local", **fields}
    return {"WHET_ENDPOINTS": json.dumps({"local": section})}


@contextmanager
def served(
    folder: Path,
    environment: Mapping[str, str],
    *,
    hosts: tuple[str, ...] = LOCAL_NAMES,
    jobs: int = 2,
) -> Iterator[Server]:
    """A server for the home in `folder`, as `whet serve` would start it on 127.0.0.1."""
    home = open_home({"WHET_HOME": str(folder)})
    app = create_app(Serving(home=home, environment=environment, loopback=True, hosts=hosts, jobs=jobs))
    # Without a configuration of its own, uvicorn logs to where tests can read it.
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, server_header=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        until = time.monotonic() + LONGEST_S
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < until
            time.sleep(0.01)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=LONGEST_S, trust_env=False) as client:
            yield Server(url=url, home=home, state=app.state.whet, client=client)
    finally:
        app.state.whet.closing.set()
        server.should_exit = True
        thread.join()
        home.engine.dispose()
