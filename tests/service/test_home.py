"""A home is made where the environment says, by whoever comes first, and keeps a second process out of a job."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.errors import StorageError
from service.home import Home, open_home
from service.tables import looks

CHECKOUT = Path(__file__).resolve().parents[2]
HOLD = """
import json, sys
from service.home import open_home
with open_home(json.loads(sys.argv[1])).lock("job"):
    print("held", flush=True)
    sys.stdin.read()
"""


def python(source: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", source, json.dumps(environment)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_is_the_folder_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = open_home({"WHET_HOME": str(tmp_path / "a" / "b")})
    assert named.database == str(tmp_path / "a" / "b" / "whet.sqlite")
    assert Path(named.database).is_file()
    monkeypatch.chdir(tmp_path)
    for environment in ({}, {"WHET_HOME": ""}):
        assert open_home(environment).folder == Path(".whet")
    assert (tmp_path / ".whet" / "whet.sqlite").is_file()


def test_a_place_that_cannot_be_written_is_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="set WHET_HOME to another folder"):
        open_home({"WHET_HOME": str(tmp_path / "file")})


def test_whoever_comes_to_a_new_home_at_once_finds_it_made(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def come(folder: Path) -> str:
        together.wait(60)
        return open_home({"WHET_HOME": str(folder)}).database

    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            folder = tmp_path / str(number)
            assert set(pool.map(come, [folder] * 8)) == {str(folder / "whet.sqlite")}


def test_a_lock_keeps_others_out_until_its_process_is_gone(home: Home, home_environment: dict[str, str]) -> None:
    with python(HOLD, home_environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StorageError, match="Another process is running job"), home.lock("job"):
            pass
        with home.lock("another job"):
            pass
        process.kill()
        process.wait(60)
        with home.lock("job"):
            pass
    with home.lock("job"):
        pass


def test_a_lock_is_kept_out_of_within_one_process_too(home: Home) -> None:
    with home.lock("job"):
        with pytest.raises(StorageError, match=f"Another process is running job in {re.escape(home.place)}"):
            home.lock("job").__enter__()
        with home.lock("another job"):
            pass
    with home.lock("job"):
        pass


def test_any_number_of_locks_leaves_connections_for_everything_else(home: Home) -> None:
    with ExitStack() as held:
        for number in range(30):
            held.enter_context(home.lock(f"job-{number}"))
        for _ in range(30):
            with pytest.raises(StorageError, match="Another process"), home.lock("job-0"):
                pass
        with home.writing() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(looks)) == 0


def test_writers_never_interrupt_each_other(home: Home) -> None:
    """Read, think, write: what was read must still be true."""

    def count(_: int) -> None:
        with home.writing() as connection:
            so_far = connection.scalar(sa.select(sa.func.count()).select_from(looks)) or 0
            time.sleep(0.005)
            connection.execute(
                looks.insert().values(test_digest="d", look=str(so_far), number=so_far, created_at=home.timestamp())
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(20)))
    with home.reading() as connection:
        assert sorted(connection.scalars(sa.select(looks.c.number))) == list(range(20))


def test_names_are_in_the_order_of_their_code_points_and_any_character_can_be_kept(home: Home) -> None:
    names = ["Zug", "a-b", "a b", "aB", "ab", "abc", "ä", "\U0001f600", "nul\x00"]
    with home.writing() as connection:
        for number, name in enumerate(names):
            connection.execute(
                looks.insert().values(test_digest="d", look=name, number=number, created_at=home.timestamp())
            )
    with home.reading() as connection:
        found = list(connection.scalars(sa.select(looks.c.look).order_by(looks.c.look)))
        assert connection.scalar(sa.select(looks.c.number).where(looks.c.look == "nul\x00")) == names.index("nul\x00")
    assert found == sorted(name.replace("\x00", "\ufffd") for name in names)


def test_a_server_s_home_is_named_without_its_password(database_url: str, tmp_path: Path) -> None:
    home = open_home({"WHET_DATABASE_URL": database_url, "WHET_HOME": str(tmp_path)})
    named = sa.make_url(database_url)
    assert (
        home.place == home.database == f"postgresql://{named.username}:***@{named.host}:{named.port}/{named.database}"
    )
    assert list(tmp_path.iterdir()) == []
    home.engine.dispose()


def test_a_database_that_fails_is_named_without_its_password(database_url: str) -> None:
    home = open_home({"WHET_DATABASE_URL": database_url})
    with home.writing() as connection:
        connection.exec_driver_sql("DROP TABLE looks")
    for failing in (home.reading, home.writing):
        with pytest.raises(StorageError, match="cannot be used") as caught, failing() as connection:
            connection.execute(sa.select(looks))
        assert home.database in str(caught.value)
        assert str(sa.make_url(database_url).password) not in str(caught.value)
        assert "\n" not in str(caught.value)
    home.engine.dispose()


def test_where_all_connections_are_taken_the_database_is_busy(home_environment: dict[str, str]) -> None:
    opened = open_home(home_environment)
    few: dict[str, Any] = {"poolclass": sa.pool.QueuePool, "pool_size": 1, "max_overflow": 0, "pool_timeout": 0.1}
    engine = sa.create_engine(opened.engine.url, **few)
    home = replace(opened, engine=engine)
    with home.reading(), pytest.raises(StorageError, match="cannot be used: QueuePool limit"), home.reading():
        pass
    engine.dispose()
    opened.engine.dispose()
