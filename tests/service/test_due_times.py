"""Due times: each time of the local clock once, whatever is done to the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.due_times import BadTimes, DueTimes


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def following(cron: str, zone: str, start: str, count: int) -> list[str]:
    times, found, time = DueTimes(cron=cron, zone=zone), list[str](), utc(start)
    for _ in range(count):
        time = times.after(time)
        found.append(time.strftime("%d %H:%M"))
    return found


def test_a_time_of_the_local_clock_is_due_every_night_summer_and_winter() -> None:
    assert following("30 2 * * *", "Europe/Berlin", "2026-01-10T02:00", 2) == ["11 01:30", "12 01:30"]
    assert following("30 2 * * *", "Europe/Berlin", "2026-07-10T02:00", 2) == ["11 00:30", "12 00:30"]


def test_a_time_that_the_clock_skips_is_due_once_later() -> None:
    assert following("30 2 * * *", "America/New_York", "2026-03-07T12:00", 2) == ["08 07:30", "09 06:30"]


def test_a_time_that_the_clock_shows_twice_is_due_the_first_time() -> None:
    assert following("30 1 * * *", "America/New_York", "2026-10-31T12:00", 2) == ["01 05:30", "02 06:30"]


def test_times_that_fall_together_in_a_gap_are_due_once() -> None:
    assert following("0 2,3 * * *", "America/New_York", "2026-03-08T00:00", 3) == ["08 07:00", "09 06:00", "09 07:00"]


@settings(max_examples=40, deadline=None)
@given(
    cron=st.sampled_from(["30 2 * * *", "0 * * * *", "15 1,2,3 * * 0", "0 0 1 * *", "59 23 * * 1-5"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    hours=st.integers(0, 24 * 365),
)
def test_due_times_only_grow_and_nothing_lies_between(cron: str, zone: str, hours: int) -> None:
    times, time = DueTimes(cron=cron, zone=zone), utc("2026-01-01T00:00") + timedelta(hours=hours)
    first = times.after(time)
    assert time < first < times.after(first)
    assert times.after(first - timedelta(seconds=1)) == first
    assert times.after(time + (first - time) / 2) == first


def test_the_delay_is_the_same_for_the_same_due_time_only() -> None:
    times = DueTimes(cron="0 2 * * *", zone="UTC", jitter_s=600, seed="a")
    dues = [utc(f"2026-01-{day:02}T02:00") for day in range(1, 20)]
    delays = [times.start(due) - due for due in dues]
    assert delays == [times.start(due) - due for due in dues]
    assert len(set(delays)) > 15
    assert all(timedelta() <= delay <= timedelta(seconds=600) for delay in delays)
    assert delays != [DueTimes(cron="0 2 * * *", zone="UTC", jitter_s=600, seed="b").start(due) - due for due in dues]


def test_the_latest_of_those_that_were_missed() -> None:
    times = DueTimes(cron="0 2 * * *", zone="UTC")
    assert times.latest(utc("2026-01-05T02:00"), utc("2026-01-09T12:00")) == utc("2026-01-09T02:00")
    assert times.latest(utc("2026-01-05T02:00"), utc("2026-01-05T02:00")) == utc("2026-01-05T02:00")
    assert times.latest(utc("2020-01-05T02:00"), utc("2026-01-09T01:00")) == utc("2026-01-08T02:00")
    late = DueTimes(cron="0 2 * * *", zone="UTC", jitter_s=1800, seed="late")
    due = utc("2026-01-09T02:00")
    assert late.latest(utc("2026-01-05T02:00"), late.start(due) - timedelta(seconds=1)) == utc("2026-01-08T02:00")


@pytest.mark.parametrize(("cron", "count"), [("30 2 * * *", 365), ("0 * * * *", 8760), ("0 3 * * 1", 52)])
def test_how_often_it_is_due_in_a_year(cron: str, count: int) -> None:
    assert abs(DueTimes(cron=cron, zone="Europe/Berlin").checked(utc("2026-01-01T12:00")) - count) <= 1


@pytest.mark.parametrize(
    ("cron", "zone", "field", "said"),
    [
        ("* * * * *", "UTC", "cron", "once an hour"),
        ("0,30 2 * * *", "UTC", "cron", "once an hour"),
        ("0 2 * * * *", "UTC", "cron", "five fields"),
        ("@daily", "UTC", "cron", "five fields"),
        ("0 0 31 2 *", "UTC", "cron", "comes true"),
        ("61 0 * * *", "UTC", "cron", "comes true"),
        ("r r * * *", "UTC", "cron", "five fields"),
        ("0 2 * * *", "Europe/Munich", "zone", "no time zone 'Europe/Munich'"),
        ("0 2 * * *", "../etc/passwd", "zone", "no time zone"),
    ],
)
def test_what_is_no_time_is_refused(cron: str, zone: str, field: str, said: str) -> None:
    with pytest.raises(BadTimes, match=said) as found:
        DueTimes(cron=cron, zone=zone).checked(utc("2026-01-01T12:00"))
    assert found.value.field == field
