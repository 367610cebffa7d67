"""A key's quota bounds what its jobs may spend in a day; what was not spent after all can be spent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.errors import Refused
from service.home import Home
from service.jobs import CANCELLED, FAILED, NEW, QUEUED, RUNNING, SUCCEEDED, Job
from service.keys import WRITE, Caller, Keys
from service.quotas import Quotas
from service.tables import jobs, reservations

QUOTA = 1000


@pytest.fixture
def caller(home: Home) -> Caller:
    found = Keys(home).caller(Keys(home).create("app", [WRITE], calls_per_day=QUOTA))
    assert found is not None
    return found


def job(name: str, status: str = NEW) -> Job:
    return Job(id=name, identity=name, epoch_number=0, task="triage", status=status)


def written(home: Home, name: str, status: str, spent: int) -> Job:
    """A job that stands in the database, as it does after having spent so much."""
    with home.writing() as connection:
        connection.execute(sa.delete(jobs).where(jobs.c.id == name))
        connection.execute(
            jobs.insert().values(
                id=name,
                identity=name,
                epoch_number=0,
                task="triage",
                status=status,
                spec={},
                progress={"spent": {"calls": spent}},
                result={"spent": {"calls": spent}} if status == SUCCEEDED else None,
                created_at=home.timestamp(),
                updated_at=home.timestamp(),
            )
        )
    return job(name, status)


def ask(home: Home, caller: Caller, asked: Job, calls: int) -> None:
    with Quotas(home).reserved(caller, asked, calls):
        pass


def used(home: Home, caller: Caller) -> int:
    return Quotas(home).used([caller.id]).get(caller.id, 0)


def test_what_is_asked_for_is_reserved_until_the_quota_is_used_up(home: Home, caller: Caller) -> None:
    ask(home, caller, job("a"), 600)
    ask(home, caller, job("b"), 400)
    assert used(home, caller) == QUOTA
    with pytest.raises(Refused) as refused:
        ask(home, caller, job("c"), 1)
    assert refused.value.status_code == 429
    assert "1,000 are spent or reserved: 0 are left until midnight (UTC)" in refused.value.detail
    assert used(home, caller) == QUOTA


def test_the_answer_says_when_there_is_quota_again(home: Home, caller: Caller) -> None:
    ask(home, caller, job("a"), QUOTA)
    with pytest.raises(Refused) as refused:
        ask(home, caller, job("b"), 1)
    wait_s = int((refused.value.headers or {})["Retry-After"])
    later = replace(home, now=lambda: home.now() + timedelta(seconds=wait_s))
    assert later.now().date() > home.now().date()
    ask(later, caller, job("b"), QUOTA)
    assert used(home, caller) == used(later, caller) == QUOTA
    just_before = replace(home, now=lambda: home.now() + timedelta(seconds=wait_s - 2))
    with pytest.raises(Refused):
        ask(just_before, caller, job("b"), 1)


def test_what_can_never_fit_is_refused_for_good(home: Home, caller: Caller) -> None:
    with pytest.raises(Refused, match="has a quota of 1,000 a day") as refused:
        ask(home, caller, job("a"), QUOTA + 1)
    assert refused.value.status_code == 403
    assert "Retry-After" not in (refused.value.headers or {})
    assert used(home, caller) == 0


def test_what_was_not_spent_can_be_spent(home: Home, caller: Caller) -> None:
    ask(home, caller, job("a"), QUOTA)
    written(home, "a", RUNNING, 70)
    assert used(home, caller) == QUOTA
    for ended in (SUCCEEDED, FAILED, CANCELLED):
        written(home, "a", ended, 70)
        assert used(home, caller) == 70
    ask(home, caller, job("b"), QUOTA - 70)


@pytest.mark.parametrize("status", [QUEUED, RUNNING, SUCCEEDED])
def test_a_job_that_is_under_way_or_done_costs_nothing_more(home: Home, caller: Caller, status: str) -> None:
    ask(home, caller, written(home, "a", status, 10), 10**6)
    assert used(home, caller) == 0


def test_a_job_that_goes_on_costs_what_it_has_not_spent_before(home: Home, caller: Caller) -> None:
    stopped = written(home, "a", CANCELLED, 1500)
    ask(home, caller, stopped, 2000)
    written(home, "a", RUNNING, 1600)
    assert used(home, caller) == 500
    ask(home, caller, written(home, "a", FAILED, 1700), 2000)
    assert used(home, caller) == 200, "it has failed again, at 1,700, and was not started anew"
    written(home, "a", SUCCEEDED, 1950)
    assert used(home, caller) == 450


def test_a_job_that_failed_today_is_not_counted_twice_when_it_goes_on(home: Home, caller: Caller) -> None:
    ask(home, caller, job("a"), 800)
    ask(home, caller, written(home, "a", FAILED, 700), 800)
    written(home, "a", RUNNING, 700)
    assert used(home, caller) == 800
    ask(home, caller, job("b"), 200)


def test_a_job_that_is_being_asked_for_counts_in_full(home: Home, caller: Caller) -> None:
    stopped = written(home, "a", CANCELLED, 100)
    with Quotas(home).reserved(caller, stopped, QUOTA):
        assert used(home, caller) == 900
        with pytest.raises(Refused):
            ask(home, caller, job("b"), 101)
    assert used(home, caller) == 0


def test_an_asking_that_fails_costs_nothing(home: Home, caller: Caller) -> None:
    with pytest.raises(ZeroDivisionError), Quotas(home).reserved(caller, job("a"), 400):
        raise ZeroDivisionError
    assert used(home, caller) == 0
    ask(home, caller, job("a"), 400)
    with pytest.raises(ZeroDivisionError), Quotas(home).reserved(caller, job("a"), 400):
        raise ZeroDivisionError
    assert used(home, caller) == 400, "what was reserved before stays reserved"


def test_keys_have_quotas_of_their_own(home: Home, caller: Caller) -> None:
    other = Keys(home).caller(Keys(home).create("other", [WRITE], calls_per_day=10))
    free = Keys(home).caller(Keys(home).create("free", [WRITE]))
    assert other is not None
    assert free is not None
    ask(home, caller, job("a"), QUOTA)
    ask(home, other, job("b"), 10)
    ask(home, free, job("c"), 10**9)
    assert Quotas(home).used([caller.id, other.id, free.id]) == {caller.id: QUOTA, other.id: 10}
    with home.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(reservations)) == 2


def test_many_that_ask_at_once_get_no_more_than_the_quota(home: Home, caller: Caller) -> None:
    def asked(number: int) -> bool:
        try:
            ask(home, caller, job(f"job-{number}"), 300)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(asked, range(16))) == 3
    assert used(home, caller) == 900


asked = st.tuples(
    st.integers(0, 3), st.integers(0, 700), st.sampled_from([RUNNING, SUCCEEDED, FAILED, CANCELLED]), st.floats(0, 1)
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(asked, max_size=8))
def test_whatever_becomes_of_the_jobs_no_more_is_spent_than_the_quota(
    home: Home, steps: list[tuple[int, int, str, float]]
) -> None:
    """Each step asks for one of some jobs, of which each has a cap of its own, and then says how far it came."""
    key = Keys(home).caller(Keys(home).create("app", [WRITE], calls_per_day=QUOTA))
    assert key is not None
    known: dict[int, Job] = {}
    caps: dict[int, int] = {}
    spent: dict[int, int] = {}
    for number, cap, then, share in steps:
        name = f"{key.id}-{number}"
        caps.setdefault(number, cap)
        this = known.get(number, job(name))
        if this.status in (SUCCEEDED, RUNNING):
            continue
        try:
            ask(home, key, this, caps[number])
        except Refused:
            continue
        before = spent.get(number, 0)
        spent[number] = before + int(share * (caps[number] - before))
        known[number] = written(home, name, then, spent[number])
        assert sum(spent.values()) <= QUOTA
        assert sum(spent.values()) <= used(home, key) <= QUOTA


def test_the_day_is_that_of_utc(home: Home, caller: Caller) -> None:
    evening = replace(home, now=lambda: datetime(2026, 1, 2, 23, 59, 59, 500_000, tzinfo=UTC))
    ask(evening, caller, job("a"), QUOTA)
    with pytest.raises(Refused) as refused:
        ask(evening, caller, job("b"), 1)
    assert (refused.value.headers or {})["Retry-After"] == "1"
    morning = replace(home, now=lambda: datetime(2026, 1, 3, tzinfo=UTC))
    ask(morning, caller, job("b"), QUOTA)
