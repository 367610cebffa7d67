"""A copy of a home on a file, taken while whet runs, which is a home itself."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from benchmarks.errors import InputError, StorageError
from service.endpoints import FILE as ENDPOINTS
from service.home import DATABASE, folder_of

PARTIAL = ".partial"


def back_up(environment: Mapping[str, str], target: Path) -> int:
    """Copies the home that the environment names into the new folder `target`: the database as it is at one moment, and
    the operator's endpoints. Returns the size in bytes.

    Nobody has to wait for it, nor is the database upgraded: a newer version of whet copies it as it is. Whatever is
    interrupted is in a folder of another name. Raises InputError if `target` is taken or the database is on a server,
    and StorageError if there is none or it cannot be copied.
    """
    if environment.get("WHET_DATABASE_URL"):
        raise InputError(
            "whet backup copies files; a database on a server is backed up by its own programs: "
            'pg_dump --format=custom --exclude-schema=whet_queue --file=whet.dump "$WHET_DATABASE_URL". '
            "docs/operations.md says how to restore it."
        )
    folder = folder_of(environment)
    if target.exists():
        raise InputError(f"{target} is there already. Nothing was copied. Name a folder that is not, as in {target}-2.")
    if not (folder / DATABASE).is_file():
        raise StorageError(f"There is no database in {folder}. Set WHET_HOME to the home that is to be copied.")
    partial = target.with_name(target.name + PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o700)
        # In one go: a copy in steps would begin anew with every write of another process.
        with (
            closing(sqlite3.connect(folder / DATABASE)) as source,
            closing(sqlite3.connect(partial / DATABASE)) as copy,
        ):
            source.backup(copy)
        if (folder / ENDPOINTS).is_file():
            shutil.copy2(folder / ENDPOINTS, partial)
        partial.rename(target)
    except (OSError, sqlite3.DatabaseError) as error:
        raise StorageError(
            f"{folder} cannot be copied to {target}: {error}. See that there is room, and run again; the incomplete "
            f"copy in {partial} then makes way."
        ) from error
    _flush(target.parent)
    return (target / DATABASE).stat().st_size


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
