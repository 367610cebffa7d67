"""A home is made where the environment says, by whoever comes first, and keeps a second process out of a job."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks.errors import StorageError
from service.home import Home, open_home

CHECKOUT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from service.home import open_home
with open_home({"WHET_HOME": sys.argv[1]}).lock("job"):
    print("held", flush=True)
    sys.stdin.read()
"""


def python(source: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", source, str(folder)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_is_the_folder_that_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = open_home({"WHET_HOME": str(tmp_path / "a" / "b")})
    assert named.database == tmp_path / "a" / "b" / "whet.sqlite"
    assert named.database.is_file()
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

    def come(folder: Path) -> Path:
        together.wait(60)
        return open_home({"WHET_HOME": str(folder)}).database

    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            folder = tmp_path / str(number)
            assert set(pool.map(come, [folder] * 8)) == {folder / "whet.sqlite"}


def test_a_lock_keeps_others_out_until_its_process_is_gone(home: Home) -> None:
    with python(HOLD, home.folder) as process:
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
