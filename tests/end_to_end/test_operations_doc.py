"""The page docs/operations.md, typed into a shell: what was backed up is what is restored."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.home import open_home
from service.upgrading import bring_up_to_date
from tests.endpoints.postgresql import Server
from tests.service.before import contents, prepared, restore_old

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
BACKUP, LOOK, REPLACE, DUMP, RESTORE = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)


def shell(script: str, folder: Path, **environment: str) -> str:
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WHET_")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, env={**inherited, "PATH": path, **environment}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_folder_is_backed_up_looked_at_and_restored_as_the_page_says(tmp_path: Path) -> None:
    place = str(tmp_path / ".whet" / "whet.sqlite")
    restore_old(place)
    prepared(place, bring_up_to_date)
    before = contents(place)
    shell(BACKUP, tmp_path)
    assert "rollouts in backups/monday/whet.sqlite" in shell(LOOK, tmp_path)
    Path(place).write_text("broken")
    shell(REPLACE, tmp_path)
    assert contents(place) == before
    open_home({"WHET_HOME": str(tmp_path / ".whet")}).engine.dispose()


@pytest.mark.slow
def test_a_server_s_database_is_dumped_and_restored_as_the_page_says(
    database_url: str, postgresql: Server, tmp_path: Path
) -> None:
    if not all(map(shutil.which, ("pg_dump", "pg_restore", "psql"))):
        pytest.skip("PostgreSQL's client programs are not installed")
    restore_old(database_url)
    prepared(database_url, bring_up_to_date)
    restored = f"{database_url.rpartition('/')[2]}_restored"
    new = f"{database_url.rpartition('/')[0]}/{restored}"
    try:
        shell(DUMP, tmp_path, WHET_DATABASE_URL=database_url)
        said = shell(RESTORE.replace("whet_restored", restored), tmp_path, WHET_DATABASE_URL=database_url)
        assert f"rollouts in {sa.make_url(new).render_as_string()}" in said
        assert contents(new) == contents(database_url)
        prepared(new, bring_up_to_date)
    finally:
        postgresql.execute(f'DROP DATABASE IF EXISTS "{restored}" WITH (FORCE)')
