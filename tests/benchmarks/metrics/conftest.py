from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.datasets.records import Example


@pytest.fixture(scope="session")
def row() -> Callable[[str], Example]:
    """Makes a labelled row with the given expected answer."""

    def make(answer: str) -> Example:
        return Example(id="1", inputs={"text": "?"}, answer=answer, slices={}, origin="rows.csv, line 3")

    return make
