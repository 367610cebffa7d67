"""An older database is upgraded when it is opened, once, wholly or not at all; one of a newer version is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent, indent

import pytest
import sqlalchemy as sa

from benchmarks.errors import StorageError
from service.home import open_home
from service.upgrading import MIGRATIONS, bring_up_to_date, known_revisions
from tests.service.before import contents, prepared, raw, restore_old, schema

CHECKOUT = Path(__file__).resolve().parents[2]
NEWEST = known_revisions(MIGRATIONS)[-1]
OPEN = """
import sys
from functools import partial
from pathlib import Path
from service.upgrading import bring_up_to_date
from tests.service.before import prepared
sys.stdin.readline()
prepared(sys.argv[1], partial(bring_up_to_date, migrations=Path(sys.argv[2])))
"""


def later(tmp_path: Path, body: str) -> Path:
    """The migrations of a later version of whet, whose newest revision runs `body`."""
    folder = tmp_path / "100% later migrations"
    shutil.copytree(MIGRATIONS, folder)
    head = f"import sys, time\nfrom alembic import op\nrevision, down_revision = '9000', '{NEWEST}'\n"
    upgrade = f"\ndef upgrade():\n{indent(dedent(body), '    ')}\n"
    (folder / "versions" / "9000_later.py").write_text(head + upgrade)
    return folder


def opening(place: str, migrations: Path) -> subprocess.Popen[str]:
    """A process that opens the database once it is told to."""
    return subprocess.Popen(
        [sys.executable, "-c", OPEN, place, str(migrations)],
        cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def say_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def revision_of(place: str) -> str:
    return str(contents(place)["whet_revision"][0][0])


def test_a_new_database_is_at_the_newest_revision_and_says_who_made_it(place: str) -> None:
    prepared(place, bring_up_to_date)
    assert revision_of(place) == NEWEST
    assert contents(place)["upgrades"] == [(NEWEST, version("whet"))]


def test_an_older_database_is_upgraded_when_its_home_is_opened(place: str, home_environment: dict[str, str]) -> None:
    restore_old(place)
    for _ in range(2):
        open_home(home_environment).engine.dispose()
        assert revision_of(place) == NEWEST
        assert contents(place)["upgrades"] == [(NEWEST, version("whet"))]


def test_versions_before_migrations_find_a_layout_that_they_refuse(place: str, tmp_path: Path) -> None:
    """They knew layout 2, and refused any other as that of a newer version."""
    restore_old(place)
    prepared(place, bring_up_to_date)
    if "://" in place:
        assert contents(place)["whet_layout"] == [(3,)]
        return
    prepared(str(tmp_path / "new.sqlite"), bring_up_to_date)
    for path in (place, str(tmp_path / "new.sqlite")):
        with raw(path).connect() as connection:
            assert connection.exec_driver_sql("PRAGMA user_version").scalar() == 3


@pytest.mark.slow
def test_of_processes_that_come_at_once_one_upgrades_and_the_others_wait(place: str, tmp_path: Path) -> None:
    restore_old(place)
    migrations = later(
        tmp_path,
        """
        print("upgrading", flush=True)
        time.sleep(0.5)
        op.execute("INSERT INTO looks (test_digest, look, number, created_at) VALUES ('d', 'l', 1, '')")
        """,
    )
    started = [opening(place, migrations) for _ in range(3)]
    for process in started:
        say_go(process)
    said = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert sorted(out for out, _ in said) == ["", "", "upgrading\n"]
    assert revision_of(place) == "9000"


@pytest.mark.slow
def test_an_upgrade_that_is_killed_leaves_the_database_as_it_was(place: str, tmp_path: Path) -> None:
    restore_old(place)
    before = contents(place), schema(place)
    migrations = later(
        tmp_path,
        """
        op.execute("CREATE TABLE another (number INTEGER)")
        op.execute("ALTER TABLE prompt_versions ADD COLUMN another INTEGER")
        op.execute("DELETE FROM label_moves")
        print("upgrading", flush=True)
        time.sleep(60)
        """,
    )
    with opening(place, migrations) as process:
        say_go(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "upgrading\n"
        process.kill()
    assert (contents(place), schema(place)) == before
    prepared(place, bring_up_to_date)
    assert revision_of(place) == NEWEST


def test_an_upgrade_that_fails_leaves_the_database_as_it_was_and_says_so(place: str, tmp_path: Path) -> None:
    restore_old(place)
    before = contents(place), schema(place)
    migrations = later(
        tmp_path,
        """
        op.execute("CREATE TABLE another (number INTEGER)")
        op.execute("INSERT INTO ledger_texts SELECT * FROM ledger_texts")
        """,
    )
    with pytest.raises(StorageError, match="could not be upgraded from revision 0001 to 9000, and is as it was: "):
        prepared(place, partial(bring_up_to_date, migrations=migrations))
    assert (contents(place), schema(place)) == before


def test_references_hold_after_an_upgrade_and_not_during_it(tmp_path: Path) -> None:
    """In a file, a table can be made anew only while nobody looks after what refers to it."""
    migrations = later(
        tmp_path,
        """
        with op.batch_alter_table("prompt_versions", recreate="always"):
            pass
        """,
    )
    restore_old(str(tmp_path / "whet.sqlite"))
    before = contents(str(tmp_path / "whet.sqlite"))
    prepared(str(tmp_path / "whet.sqlite"), partial(bring_up_to_date, migrations=migrations))
    after = contents(str(tmp_path / "whet.sqlite"))
    assert after["prompt_labels"] == before["prompt_labels"] != []
    assert len(after["prompt_versions"]) == len(before["prompt_versions"])
    home = open_home({"WHET_HOME": str(tmp_path / "home")})
    with pytest.raises(sa.exc.IntegrityError), home.writing() as connection:
        connection.exec_driver_sql("INSERT INTO prompt_labels VALUES ('n', 'l', 1)")
    home.engine.dispose()


def refused(place: str) -> str:
    before = contents(place), schema(place)
    with pytest.raises(StorageError) as caught:
        prepared(place, bring_up_to_date)
    assert (contents(place), schema(place)) == before
    return str(caught.value)


def test_a_database_of_a_newer_version_is_refused_with_what_to_do(place: str) -> None:
    prepared(place, bring_up_to_date)
    with raw(place).begin() as connection:
        connection.exec_driver_sql("UPDATE whet_revision SET version_num = '9000'")
        connection.exec_driver_sql("INSERT INTO upgrades VALUES ('9000', '7.1.0')")
    message = refused(place)
    name = sa.make_url(place).render_as_string() if "://" in place else place
    assert message.startswith(f"The database {name} was brought to revision 9000 by whet 7.1.0; this is whet ")
    assert f"knows revisions up to {NEWEST}" in message
    assert "Install whet 7.1.0 or a newer one, or restore a backup from before the upgrade" in message


def test_a_database_of_a_much_newer_version_that_does_not_say_who_it_was_is_refused(place: str) -> None:
    prepared(place, bring_up_to_date)
    with raw(place).begin() as connection:
        connection.exec_driver_sql("UPDATE whet_revision SET version_num = '9000'")
        connection.exec_driver_sql("DROP TABLE upgrades")
    assert "brought to revision 9000 by a newer version of whet; this is whet " in refused(place)


def test_a_database_that_is_too_old_is_refused(place: str) -> None:
    restore_old(place)
    with raw(place).begin() as connection:
        old = "UPDATE whet_layout SET layout = 1" if "://" in place else "PRAGMA user_version = 1"
        connection.exec_driver_sql(old)
    assert "has the layout 1 of a whet before it could upgrade databases" in refused(place)


def test_a_database_that_another_program_upgrades_with_alembic_too_is_shared(place: str) -> None:
    def of_another_program(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('ae1027a6acf')")

    prepared(place, of_another_program)
    prepared(place, bring_up_to_date)
    assert revision_of(place) == NEWEST
    assert contents(place)["alembic_version"] == [("ae1027a6acf",)]


def test_alembic_is_imported_only_where_there_is_something_to_upgrade(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from service.home import open_home\n"
        "for name in ('new', 'new', 'old'):\n"
        "    open_home({'WHET_HOME': f'{sys.argv[1]}/{name}'})\n"
        "    print('alembic' in sys.modules)"
    )
    restore_old(str(tmp_path / "old" / "whet.sqlite"))
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False", "True"]
