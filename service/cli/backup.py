"""`whet backup`."""

from __future__ import annotations

import sys
from pathlib import Path

from service.backup import back_up
from service.cli.session import environment


def backup_command(target: Path) -> None:
    """Copies the home into the folder `target`."""
    size = back_up(environment(), target)
    sys.stderr.write(f"{target} is a copy of the home, {size / 1e6:,.1f} MB. To use it: WHET_HOME={target}\n")
