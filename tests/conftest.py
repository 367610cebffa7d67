"""Databases of both kinds, for whatever must work on both; and a garbage collector that leaves alone what stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endpoints.postgresql import MISSING, Server, postgresql_server


def pytest_collection() -> None:
    """Nothing that is imported or collected becomes garbage soon."""
    gc.disable()


def pytest_collection_finish() -> None:
    """It stays to the end, so the collector need not walk through it again and again, an eighth of all time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def _server() -> Iterator[Server | None]:
    with postgresql_server() as server:
        yield server


@pytest.fixture
def postgresql(_server: Server | None) -> Server:
    """A PostgreSQL server."""
    if _server is None:
        pytest.skip(MISSING)
    return _server


@pytest.fixture
def database_url(postgresql: Server) -> Iterator[str]:
    """The URL of a new database on it."""
    with postgresql.database() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new database can be, of either kind: the path of a file, or a URL."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("database_url"))
    return str(tmp_path / "home" / "whet.sqlite")


@pytest.fixture
def home_environment(place: str, tmp_path: Path) -> dict[str, str]:
    """The variables that name a new home with a database of either kind."""
    environment = {"WHET_HOME": str(tmp_path / "home")}
    return {**environment, "WHET_DATABASE_URL": place} if "://" in place else environment
