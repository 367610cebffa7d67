"""Progress on a terminal (a few live lines) and elsewhere (a line now and then)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from optimizers.progress import Advanced, Event, Leading, Notice, PhaseStarted

SECONDS_BETWEEN_LINES = 5.0
REFRESHES_PER_S = 8
MOST_DETAIL_LINES = 2
BAR_COLUMNS = 16
NARROWEST_WITH_BAR = 64


class ProgressDisplay:
    """Shows the events of a job on `console`. The last report is what is shown, however many come in between."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._phase = ""
        self._best: Leading | None = None
        self._last: Advanced | None = None
        self._printed_at = clock()
        self._live = Live(
            get_renderable=self.__rich__,
            console=console,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        """Starts the live lines."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the live lines."""
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Takes note of one event, and prints it where nothing is live."""
        match event:
            case PhaseStarted():
                self._phase = event.phase
                if event.calls_planned:
                    self._print(f"{event.phase}: up to {event.calls_planned} calls")
            case Leading():
                self._best = event
                self._print(f"{_leading(event)}, {event.candidates_alive} in the race: {event.factors}")
            case Notice():
                self._console.print(Text(event.message, style="yellow"), soft_wrap=not self._console.is_terminal)
            case Advanced():
                self._last = event
                if self._clock() - self._printed_at >= SECONDS_BETWEEN_LINES:
                    self._print(f"{self._phase}: {'; '.join([*_course(event), *self._details(event)])}")

    def _print(self, text: str) -> None:
        self._printed_at = self._clock()
        if not self._live.is_started:
            self._console.print(Text(text), soft_wrap=True)

    def __rich__(self) -> RenderableType:
        """The live lines."""
        last, width = self._last, self._console.width
        if last is None:
            return Text(self._phase)
        course = Text(" · ".join(_course(last)), no_wrap=True, overflow="ellipsis")
        first: RenderableType = Text.assemble((f"{self._phase} ", "bold"), course, no_wrap=True, overflow="ellipsis")
        if width >= NARROWEST_WITH_BAR:
            bar = ProgressBar(total=max(1, last.calls_planned), completed=last.calls_done, width=BAR_COLUMNS)
            grid = Table.grid(padding=(0, 1))
            grid.add_row(Text(f"{self._phase:<9}", style="bold"), bar, course)
            first = grid
        return Group(first, *(Text(line, no_wrap=True, overflow="ellipsis") for line in self._wrapped(last, width)))

    def _wrapped(self, event: Advanced, width: int) -> list[str]:
        """The details on as few lines as they need; what two lines do not hold is left out, the last ones first."""
        lines: list[str] = []
        for detail in self._details(event):
            longer = f"{lines[-1]} · {detail}" if lines else detail
            if lines and len(longer) <= width:
                lines[-1] = longer
            elif len(lines) < MOST_DETAIL_LINES:
                lines.append(detail)
            else:
                break
        return lines

    def _details(self, event: Advanced) -> Iterator[str]:
        """What else there is to say, the most important first."""
        spent, caps = event.spent, event.caps
        if event.missing:
            yield f"{event.missing} missing"
        if event.format_failures:
            yield f"{event.format_failures} without an answer"
        if self._best is not None:
            yield _leading(self._best)
        if spent.ledger_hits:
            yield f"{spent.calls}/{caps.calls} calls paid, {spent.ledger_hits} free"
        if tokens := spent.amount.tokens:
            yield f"{_short(tokens)}{_of(caps.tokens and _short(caps.tokens))} tokens"
        if spent.cost_usd or caps.usd is not None:
            yield f"${spent.cost_usd or 0.0:.4f}{_of(caps.usd and f'${caps.usd:g}')}"
        if caps.seconds is not None:
            yield f"{event.elapsed_s:.0f}/{caps.seconds:g} s"
        if spent.cached_share is not None:
            yield f"{spent.cached_share:.0%} cached"
        if event.concurrency is not None:
            yield f"{event.concurrency} at once" if event.concurrency else "paused"
        if self._best is not None:
            yield f"{self._best.candidates_alive} in the race"


def _course(event: Advanced) -> Iterator[str]:
    """How far the job is, how fast it goes and how long it takes."""
    yield f"{event.calls_done}/{event.calls_planned} calls"
    if event.rate_per_s:
        yield f"{event.rate_per_s:.{0 if event.rate_per_s >= 10 else 1}f}/s"
    if event.eta_s:
        yield f"{_duration(event.eta_s)} left"


def _leading(leading: Leading) -> str:
    score = leading.score
    rows = "1 row" if score.n == 1 else f"{score.n} rows"
    return f"leading {score.mean:.3f} ({score.low:.3f} to {score.high:.3f}, {rows})"


def _of(cap: str | int | float | None) -> str:
    return "" if cap is None else f"/{cap}"


def _short(count: int) -> str:
    if count < 100_000:
        return str(count)
    return f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1_000_000:.1f}M"


def _duration(seconds: float) -> str:
    """Hours, minutes and seconds, as a clock shows them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
