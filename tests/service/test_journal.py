"""Facts are settled once and found by the next process; looks are counted per split, each only once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizers.journal import Journal, MemoryJournal
from service.home import Home
from service.journal import SqlJournal, SqlLooks
from service.tables import jobs


@pytest.fixture
def job(home: Home) -> str:
    """The id of a job that is written down."""
    with home.engine.begin() as connection:
        connection.execute(
            jobs.insert().values(
                id="opt-1", identity="i", epoch_number=0, task="t", status="running", ledger_mark=0, spec={},
                created_at="", updated_at="",
            )
        )  # fmt: skip
    return "opt-1"


@pytest.fixture(params=["memory", "sql"])
def reopened(request: pytest.FixtureRequest, home: Home, job: str) -> Callable[[], Journal]:
    """The journal of one job, as every process of it opens it anew."""
    memory = MemoryJournal()
    return (lambda: memory) if request.param == "memory" else (lambda: SqlJournal(home, job))


def test_what_was_settled_is_recalled_by_every_later_process(reopened: Callable[[], Journal]) -> None:
    journal = reopened()
    assert journal.recall("block 1") is None
    journal.record("block 1", {"missing": {"3": ["timeout", "späte Antwort", 1]}, "elapsed_s": 0.1})
    for later in (journal, reopened()):
        assert later.recall("block 1") == {"missing": {"3": ["timeout", "späte Antwort", 1]}, "elapsed_s": 0.1}
        assert later.recall("block 2") is None


def test_a_point_is_settled_only_once(reopened: Callable[[], Journal]) -> None:
    reopened().record("look", {"look": 1})
    with pytest.raises((ValueError, sa.exc.IntegrityError)):
        reopened().record("look", {"look": 2})
    assert reopened().recall("look") == {"look": 1}


def test_jobs_have_journals_of_their_own(home: Home, job: str) -> None:
    SqlJournal(home, job).record("look", {"look": 1})
    assert SqlJournal(home, "opt-2").recall("look") is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=st.lists(st.sampled_from("abcde"), max_size=8))
def test_a_look_has_the_number_of_its_first_time(home: Home, seen: list[str]) -> None:
    looks, split = SqlLooks(home), uuid4().hex
    first_times = list(dict.fromkeys(seen))
    assert [looks.count(split, look) for look in seen] == [first_times.index(look) + 1 for look in seen]


def test_splits_are_counted_apart(home: Home) -> None:
    looks = SqlLooks(home)
    assert [looks.count(split, "a") for split in ("one", "two")] == [1, 1]


def test_looks_at_the_same_time_get_a_number_each(home: Home) -> None:
    names = [f"look {number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda name: SqlLooks(home).count("split", name), names))
    assert sorted(numbers) == list(range(1, 25))
