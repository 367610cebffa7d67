"""Where the labelled data and the landscapes for tests lie; nothing of them is part of the project."""

from __future__ import annotations

import os
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


def data_folder() -> Path:
    """The folder of labelled data: WHET_SHARED_DATA, else `../shared/data` beside the checkout. It may be missing."""
    named = os.environ.get("WHET_SHARED_DATA")
    return Path(named) if named else _CHECKOUT.parent / "shared" / "data"


def shared_folder() -> Path:
    """The folder that holds the labelled data and, beside it, `landscapes`. It may be missing."""
    return data_folder().resolve().parent


def landscapes_folder() -> Path:
    """The folder of real prompt landscapes, beside the labelled data. It may be missing."""
    return shared_folder() / "landscapes"
