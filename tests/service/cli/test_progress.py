"""Progress as people see it: live lines that fit the terminal, and plain lines elsewhere."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.budget import Caps, Charge
from benchmarks.evidence.records import Interval
from optimizers.progress import Advanced, Leading, Notice, PhaseStarted
from service.cli.progress import ProgressDisplay

CAPS = Caps(calls=2000, tokens=1_500_000, usd=1.0, seconds=60)
SPENT = Charge(
    calls=1100, ledger_hits=134, prompt_tokens=812_345, completion_tokens=4000, cached_tokens=640_000, cost_usd=0.0123
)
REPORT = Advanced(
    calls_done=1234, calls_planned=2000, missing=3, format_failures=12, spent=SPENT, caps=CAPS, elapsed_s=12.3,
    rate_per_s=61.4, eta_s=17.2, concurrency=16,
)  # fmt: skip
LEADING = Leading(score=Interval(mean=0.871, low=0.812, high=0.913, n=96), factors="plain, system", candidates_alive=6)
SEARCH = PhaseStarted(phase="search", calls_planned=1500)


def live(width: int, *events: PhaseStarted | Leading | Advanced) -> list[str]:
    """The live lines on a terminal of `width` columns."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    display = ProgressDisplay(terminal)
    for event in events:
        display(event)
    with terminal.capture() as captured:
        terminal.print(display)
    return [line.rstrip() for line in captured.get().splitlines()]


def plain(*events: object, seconds_between: float = 6.0) -> list[str]:
    """What is printed where there is no terminal, with some seconds between the events."""
    output, now_s = io.StringIO(), [0.0]
    with ProgressDisplay(Console(file=output, width=80), clock=lambda: now_s[0]) as display:
        for event in events:
            now_s[0] += seconds_between
            display(event)  # type: ignore[arg-type]
    return output.getvalue().splitlines()


def test_a_wide_terminal_shows_everything() -> None:
    first, second, third = live(160, SEARCH, LEADING, REPORT)
    assert first.startswith("search")
    assert first.endswith("1234/2000 calls · 61/s · 0:17 left")
    assert f"{second} · {third}".split(" · ") == [
        "3 missing", "12 without an answer", "leading 0.871 (0.812 to 0.913, 96 rows)",
        "1100/2000 calls paid, 134 free", "816k/1.5M tokens", "$0.0123/$1", "12/60 s", "79% cached", "16 at once",
        "6 in the race",
    ]  # fmt: skip


def test_eighty_columns_show_what_matters_most() -> None:
    assert live(80, SEARCH, LEADING, REPORT)[1:] == [
        "3 missing · 12 without an answer · leading 0.871 (0.812 to 0.913, 96 rows)",
        "1100/2000 calls paid, 134 free · 816k/1.5M tokens · $0.0123/$1 · 12/60 s",
    ]


def test_what_there_is_nothing_to_say_about_is_left_out() -> None:
    quiet = replace(
        REPORT, missing=0, format_failures=0, spent=Charge(calls=1234), caps=Caps(calls=2000), concurrency=None
    )
    assert len(live(80, SEARCH, quiet)) == 1
    assert live(80, SEARCH, replace(quiet, concurrency=0))[1:] == ["paused"]


@given(
    width=st.integers(20, 200),
    calls=st.integers(0, 10**7),
    missing=st.integers(0, 10**6),
    rate=st.none() | st.floats(0, 1e5),
    eta=st.none() | st.floats(0, 1e7),
)
def test_no_line_is_longer_than_the_terminal(
    width: int, calls: int, missing: int, rate: float | None, eta: float | None
) -> None:
    report = replace(REPORT, calls_done=calls, calls_planned=10**7, missing=missing, rate_per_s=rate, eta_s=eta)
    lines = live(width, SEARCH, LEADING, report)
    assert 1 <= len(lines) <= 3
    assert max(map(len, lines)) <= width
    assert "search" in lines[0]


@pytest.mark.parametrize(
    ("eta_s", "shown"), [(0.4, "0:00 left"), (59.6, "1:00 left"), (3599, "59:59 left"), (90061, "25:01:01 left")]
)
def test_time_left_is_shown_as_a_clock_shows_it(eta_s: float, shown: str) -> None:
    assert live(80, SEARCH, replace(REPORT, eta_s=eta_s))[0].endswith(shown)


def test_elsewhere_lines_are_plain_and_say_the_phase() -> None:
    assert plain(SEARCH, LEADING, REPORT, Notice(message="Look at [this].")) == [
        "search: up to 1500 calls",
        "leading 0.871 (0.812 to 0.913, 96 rows), 6 in the race: plain, system",
        "search: 1234/2000 calls; 61/s; 0:17 left; 3 missing; 12 without an answer; leading 0.871 (0.812 to 0.913, "
        "96 rows); 1100/2000 calls paid, 134 free; 816k/1.5M tokens; $0.0123/$1; 12/60 s; 79% cached; 16 at once; "
        "6 in the race",
        "Look at [this].",
    ]


def test_a_plain_line_comes_every_five_seconds() -> None:
    reports = [replace(REPORT, calls_done=done) for done in range(100)]
    lines = plain(*reports, seconds_between=0.5)
    assert [line.split("/")[0] for line in lines] == [f": {done}" for done in range(9, 100, 10)]
