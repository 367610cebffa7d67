"""Opening the database, and what is said when it cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.database import open_database
from benchmarks.ledger.tables import tables

CHECKOUT = Path(__file__).resolve().parents[3]
NOBODY = 65534


@contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write whatever it likes; as nobody, the permissions of files hold."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everyone may enter; those of pytest are its owner's alone."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
        Path(name).chmod(0o755)


def test_a_new_database_is_made_with_its_folder_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "new" / "home" / "whet.db"
    open_database(path, tables.create_all).dispose()
    engine = open_database(path, tables.create_all)
    assert set(sa.inspect(engine).get_table_names()) == set(tables.tables)
    engine.dispose()


def test_commits_reach_the_disk_and_readers_do_not_wait(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "whet.db", tables.create_all)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def refused(path: Path) -> str:
    with pytest.raises(StorageError) as caught:
        open_database(path, tables.create_all)
    assert str(path) in str(caught.value)
    assert "WHET_HOME" in str(caught.value)
    return str(caught.value)


def test_a_read_only_database_is_refused_before_a_reply_is_paid_for(folder: Path) -> None:
    path = folder / "whet.db"
    open_database(path, tables.create_all).dispose()
    path.chmod(0o444)
    folder.chmod(0o555)
    with without_privileges():
        assert "readonly database" in refused(path)


def test_a_read_only_folder_is_refused(folder: Path) -> None:
    folder.chmod(0o555)
    with without_privileges():
        assert "unable to open" in refused(folder / "whet.db")
        assert "Permission denied" in refused(folder / "below" / "whet.db")


def test_a_folder_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "whet.db").mkdir()
    refused(tmp_path / "whet.db")


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    refused(tmp_path / "home" / "whet.db")


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "whet.db"
    path.write_text("name,team\n" * 1000)
    assert "not a database" in refused(path)
    assert path.read_text() == "name,team\n" * 1000


def test_processes_that_come_to_a_new_home_at_once_all_find_the_database(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from benchmarks.ledger.database import open_database\n"
        "from benchmarks.ledger.tables import tables\n"
        "sys.stdin.readline()\n"
        "open_database(Path(sys.argv[1]), tables.create_all)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "home" / "whet.db")]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CHECKOUT, text=True)
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    complaints = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0] * 3, complaints
