"""A backup is a home of its own, taken while others write, and wholly there or not at all."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.errors import InputError, StorageError
from service.backup import back_up
from service.home import open_home
from service.tables import looks
from tests.service.before import contents, restore_old, schema


def test_a_backup_holds_what_the_home_holds_and_is_a_home(tmp_path: Path) -> None:
    home = open_home({"WHET_HOME": str(tmp_path / "home")})
    (tmp_path / "home" / "endpoints.toml").write_text("# of the operator\n")
    with home.writing() as connection:
        connection.execute(looks.insert().values(test_digest="d", look="l", number=1, created_at=""))
    size = back_up({"WHET_HOME": str(tmp_path / "home")}, tmp_path / "copies" / "monday")
    home.engine.dispose()
    copied = tmp_path / "copies" / "monday"
    assert sorted(path.name for path in copied.iterdir()) == ["endpoints.toml", "whet.sqlite"]
    assert (copied / "endpoints.toml").read_text() == "# of the operator\n"
    assert size == (copied / "whet.sqlite").stat().st_size
    original = str(tmp_path / "home" / "whet.sqlite")
    assert contents(str(copied / "whet.sqlite")) == contents(original)
    assert schema(str(copied / "whet.sqlite")) == schema(original)
    opened = open_home({"WHET_HOME": str(copied)})
    with opened.reading() as connection:
        assert connection.scalar(sa.select(looks.c.look)) == "l"
        assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    opened.engine.dispose()


def test_a_backup_is_of_one_moment_while_others_write(tmp_path: Path) -> None:
    """Every transaction writes two rows; no copy may hold one without the other."""
    home = open_home({"WHET_HOME": str(tmp_path / "home")})
    enough, number = threading.Event(), 0

    def write() -> None:
        nonlocal number
        while not enough.is_set():
            with home.writing() as connection:
                for look in ("a", "b"):
                    row = {"test_digest": look, "look": str(number), "number": number, "created_at": ""}
                    connection.execute(looks.insert().values(**row))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for copy in range(5):
            back_up({"WHET_HOME": str(tmp_path / "home")}, tmp_path / f"copy-{copy}")
    finally:
        enough.set()
        writer.join()
    home.engine.dispose()
    assert number > 5
    for copy in range(5):
        rows = contents(str(tmp_path / f"copy-{copy}" / "whet.sqlite"))["looks"]
        both = [{row[2] for row in rows if row[0] == look} for look in ("a", "b")]
        assert both[0] == both[1]


def test_an_older_database_is_copied_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "home" / "whet.sqlite"
    restore_old(str(place))
    back_up({"WHET_HOME": str(tmp_path / "home")}, tmp_path / "before the upgrade")
    with closing(sqlite3.connect(tmp_path / "before the upgrade" / "whet.sqlite")) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (2,)
    assert contents(str(tmp_path / "before the upgrade" / "whet.sqlite")) == contents(str(place))


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    restore_old(str(tmp_path / "home" / "whet.sqlite"))
    (tmp_path / "copy").mkdir()
    with pytest.raises(InputError, match="is there already"):
        back_up({"WHET_HOME": str(tmp_path / "home")}, tmp_path / "copy")
    assert list((tmp_path / "copy").iterdir()) == []


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no database in"):
        back_up({"WHET_HOME": str(tmp_path / "home")}, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_failed_is_not_taken_for_one(tmp_path: Path) -> None:
    place = tmp_path / "home" / "whet.sqlite"
    place.parent.mkdir()
    place.write_text("no database " * 1000)
    with pytest.raises(StorageError, match="cannot be copied to"):
        back_up({"WHET_HOME": str(tmp_path / "home")}, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    place.unlink()
    restore_old(str(place))
    back_up({"WHET_HOME": str(tmp_path / "home")}, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "home"]


def test_for_a_server_its_own_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pg_dump") as caught:
        back_up({"WHET_DATABASE_URL": "postgresql://me:correct-horse@server/whet"}, tmp_path / "copy")
    assert "correct-horse" not in str(caught.value)
