"""A PostgreSQL server of our own for tests: throw-away, on a free port of 127.0.0.1, behind a password."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import sqlalchemy as sa

PASSWORD = "s3cret-of-the-tests"
MISSING = (
    "NOT TESTED ON POSTGRESQL: it is not installed here. Run scripts/test as root, which installs Debian's package, or "
    "set WHET_TEST_DATABASE_URL to a server where tests may make databases."
)
LONGEST_S = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A PostgreSQL server; `url` is the database to begin with, whose user may make others. One of our `own` asks for
    the password."""

    url: sa.URL
    own: bool
    _numbers: Iterator[int] = field(default_factory=count)

    @contextmanager
    def database(self, **options: str) -> Iterator[str]:
        """The URL of a new, empty database, which is dropped afterwards whoever is still connected."""
        name = f"whet_test_{os.getpid()}_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}" {" ".join(f"{key} {value}" for key, value in options.items())}')
        try:
            yield self.url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Runs one statement in the first database."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


@contextmanager
def postgresql_server(*, durable: bool = False) -> Iterator[Server | None]:
    """A server made for the occasion, else the one at WHET_TEST_DATABASE_URL, else None. One that is not `durable`
    does not wait for its disk."""
    programs = _programs()
    named = os.environ.get("WHET_TEST_DATABASE_URL")
    if programs is not None:
        with _throw_away(programs, durable=durable) as url:
            yield Server(url, own=True)
    elif named:
        yield Server(sa.make_url(named).set(drivername="postgresql+psycopg"), own=False)
    else:
        yield None


def _programs() -> Path | None:
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return Path(found).resolve().parent if found else debian[-1].parent if debian else None


@contextmanager
def _throw_away(programs: Path, *, durable: bool) -> Iterator[sa.URL]:
    # PostgreSQL refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="whet-postgresql-"))
    try:
        password = folder / "password"
        password.write_text(PASSWORD)
        if user is not None:
            for path in (folder, password):
                os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        data = folder / "data"
        with (folder / "log").open("wb") as log:
            subprocess.run(
                [programs / "initdb", "-D", data, "-U", "whet", f"--pwfile={password}", "--auth=scram-sha-256",
                 "--encoding=UTF8", "--locale=C", "--no-sync"],
                user=user, cwd="/", stdout=log, stderr=log, check=True,
            )  # fmt: skip
            port = free_port()
            settings = {
                "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder,
                "fsync": "on" if durable else "off", "max_connections": 200,
            }  # fmt: skip
            arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, *arguments], user=user, cwd="/", stdout=log, stderr=log
            )
        try:
            url = sa.URL.create("postgresql+psycopg", "whet", PASSWORD, "127.0.0.1", port, "postgres")
            _wait_for(url, server)
            yield url
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _wait_for(url: sa.URL, server: subprocess.Popen[bytes]) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    until = time.monotonic() + LONGEST_S
    while True:
        assert server.poll() is None
        try:
            engine.connect().close()
            return
        except sa.exc.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.05)
