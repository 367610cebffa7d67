"""A database has the tables that this version of whet works with before anything else is done with it.

Alembic takes a tenth of a second to import, and so is imported only where there is something to upgrade: the newest
revision is read off the names of the files in `migrations/versions`, and a new database is made as the tables are now.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.server import in_one_line, shown
from benchmarks.ledger.tables import tables as ledger_tables
from benchmarks.models.batch.submissions import tables as batch_tables
from service.tables import tables, upgrades

if TYPE_CHECKING:
    from alembic.config import Config

METADATA = (ledger_tables, batch_tables, tables)
"""Everything that whet keeps."""

MIGRATIONS = Path(__file__).parent / "migrations"
FIRST = "0001"

BEFORE_MIGRATIONS = 2
"""What whet wrote into a database before it had migrations: the layout of revision 0001."""

SINCE_MIGRATIONS = 3
"""What stands in its place since, so that those versions of whet refuse the database as one of a newer version."""

revisions = sa.Table("whet_revision", sa.MetaData(), sa.Column("version_num", sa.String(32), nullable=False))
"""Alembic's own table under a name of ours: a database on a server may be shared with another program's."""

revisions.append_constraint(sa.PrimaryKeyConstraint(revisions.c.version_num, name="whet_revision_pkc"))

layouts = sa.Table("whet_layout", sa.MetaData(), sa.Column("layout", sa.Integer, primary_key=True))
"""Where versions of whet before migrations look on a server; in a file they look at its user_version."""


def bring_up_to_date(connection: sa.Connection, *, migrations: Path = MIGRATIONS) -> None:
    """Makes the tables in a new database and upgrades an older one to the newest revision in the folder `migrations`.

    Whoever calls it holds a lock that keeps other processes from doing the same, and commits: an upgrade that fails or
    is killed leaves the database as it was. Raises StorageError for a database of a newer version of whet, for one
    that is too old, and if the upgrade fails.
    """
    known = known_revisions(migrations)
    found = _found(connection)
    if found == known[-1]:
        return
    if found is None:
        for metadata in METADATA:
            # Tables of these names that are there already are not ours.
            metadata.create_all(connection, checkfirst=False)
        revisions.create(connection)
        connection.execute(revisions.insert().values(version_num=known[-1]))
    elif found in known:
        _upgrade(connection, found, known[-1], migrations)
    else:
        raise StorageError(_newer(connection, found, known[-1]))
    connection.execute(upgrades.insert().values(revision=known[-1], whet=version("whet")))
    _warn_off(connection)


def known_revisions(migrations: Path) -> list[str]:
    """The numbers of all revisions in the folder, in their order."""
    return sorted(path.name.partition("_")[0] for path in (migrations / "versions").glob("*_*.py"))


def configuration(connection: sa.Connection, migrations: Path) -> Config:
    """What Alembic's commands need to work on this connection, within its transaction."""
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config


def place_of(connection: sa.Connection) -> str:
    """The database as messages name it."""
    url = connection.engine.url
    return shown(url) if connection.dialect.name == "postgresql" else str(url.database)


def _found(connection: sa.Connection) -> str | None:
    """The revision of the database, None for a new one."""
    inspector = sa.inspect(connection)
    if inspector.has_table(revisions.name):
        found: str = connection.scalars(sa.select(revisions.c.version_num)).one()
        return found
    if connection.dialect.name == "sqlite":
        layout = connection.exec_driver_sql("PRAGMA user_version").scalar()
    else:
        layout = connection.scalar(sa.select(layouts.c.layout)) if inspector.has_table(layouts.name) else None
    if not layout:
        return None
    if layout != BEFORE_MIGRATIONS:
        raise StorageError(
            f"The database {place_of(connection)} has the layout {layout} of a whet before it could upgrade databases, "
            f"which it can from layout {BEFORE_MIGRATIONS} on. Use the version that made it, or set WHET_HOME or "
            "WHET_DATABASE_URL to another database."
        )
    revisions.create(connection)
    connection.execute(revisions.insert().values(version_num=FIRST))
    return FIRST


def _upgrade(connection: sa.Connection, found: str, newest: str, migrations: Path) -> None:
    from alembic import command  # noqa: PLC0415

    try:
        command.upgrade(configuration(connection, migrations), newest)
    except sa.exc.DatabaseError as error:
        raise StorageError(
            f"The database {place_of(connection)} could not be upgraded from revision {found} to {newest}, and is as "
            f"it was: {in_one_line(error)}. End every other whet that uses it, see that its disk has room, and run "
            "again."
        ) from error


def _newer(connection: sa.Connection, found: str, newest: str) -> str:
    who = None
    if sa.inspect(connection).has_table(upgrades.name):
        who = connection.scalar(sa.select(upgrades.c.whet).where(upgrades.c.revision == found))
    by = f"whet {who}" if who else "a newer version of whet"
    return (
        f"The database {place_of(connection)} was brought to revision {found} by {by}; this is whet {version('whet')}, "
        f"which knows revisions up to {newest}. Nothing was changed. Install {by} or a newer one, or restore a backup "
        "from before the upgrade (docs/operations.md)."
    )


def _warn_off(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {SINCE_MIGRATIONS}")
    else:
        layouts.create(connection, checkfirst=True)
        connection.execute(layouts.delete())
        connection.execute(layouts.insert().values(layout=SINCE_MIGRATIONS))
