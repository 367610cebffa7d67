"""Drafts the next revision: `python -m service.migrations.draft "what changes"` writes down how the tables as they are
now differ from what the newest revision leaves.

A draft knows nothing of renamed tables and columns, nor of what is in them: read it, and the rules in `env.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from service.upgrading import MIGRATIONS, configuration, known_revisions


def draft(migrations: Path, words: str) -> None:
    """Writes `versions/NNNN_words.py` in the folder `migrations`."""
    with sa.create_engine("sqlite://").connect() as connection:
        config = configuration(connection, migrations)
        command.upgrade(config, "head")
        number = int(known_revisions(migrations)[-1]) + 1
        command.revision(config, message=words, autogenerate=True, rev_id=f"{number:04}")


if __name__ == "__main__":
    draft(MIGRATIONS, " ".join(sys.argv[1:]))
