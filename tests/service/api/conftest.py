"""Servers to speak to: one for each test, and one for all that has finished an optimization."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end import tickets
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.server import Server, endpoints, served
from tests.endpoints.wire import Json
from tests.service.api import requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A server whose one optimization has succeeded: what was sent, what was answered first, and what it came to.
    Others read it, too; what changes it belongs on a server of its own."""

    server: Server
    endpoint: LocalEndpoint
    body: Json
    first: Json
    job: Json

    @property
    def result(self) -> Json:
        """The job's result."""
        result: Json = self.job["result"]
        return result


@pytest.fixture(scope="session", autouse=True)
def _looking_often() -> Iterator[None]:
    """Servers look for what has changed more often than they would, so that less time is spent waiting."""
    with pytest.MonkeyPatch.context() as patching:
        for module in ("service.runner", "service.api.waiting"):
            patching.setattr(f"{module}.POLL_S", 0.03)
        yield


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    """A model that knows the tickets."""
    with tickets.endpoint().in_thread() as serving:
        yield serving


@pytest.fixture
def server(tmp_path: Path, endpoint: LocalEndpoint) -> Iterator[Server]:
    """A new server, open to this machine."""
    with served(tmp_path / "home", endpoints(endpoint.url)) as serving:
        yield serving


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """A server with a finished optimization."""
    folder = tmp_path_factory.mktemp("finished")
    with tickets.endpoint().in_thread() as endpoint, served(folder, endpoints(endpoint.url)) as server:
        body = requests.body()
        first = server.post(body)
        job = server.ended(first["id"])
        assert job["status"] == "succeeded", job["error"]
        yield Finished(server=server, endpoint=endpoint, body=body, first=first, job=job)
