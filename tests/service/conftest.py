"""A home with a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.home import Home, open_home


@pytest.fixture
def home(home_environment: dict[str, str]) -> Iterator[Home]:
    """A new home."""
    opened = open_home(home_environment)
    yield replace(opened, now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    opened.engine.dispose()
