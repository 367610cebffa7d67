"""Progress on a terminal (a live line) and elsewhere (a line now and then)."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from optimizers.progress import Advanced, Event, Leading, Notice, PhaseStarted

SECONDS_BETWEEN_LINES = 5.0


class _Cut(TextColumn):
    """Gives way to the other columns where the line is short."""

    def render(self, task: Task) -> Text:
        text = super().render(task)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


def _whole() -> Column:
    return Column(no_wrap=True)


class ProgressDisplay:
    """Shows the events of a job on `console`. `planned` is the number of calls that the whole job may make."""

    def __init__(self, console: Console, planned: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._planned = planned
        self._clock = clock
        self._live = console.is_terminal
        self._phase = ""
        self._best = ""
        self._printed_at = clock()
        self._started_at = clock()
        self._progress = Progress(
            TextColumn("[bold]{task.fields[phase]:<9}"),
            BarColumn(bar_width=16, table_column=_whole()),
            TextColumn("{task.completed}/{task.total} calls"),
            TimeElapsedColumn(table_column=_whole()),
            TextColumn("left"),
            TimeRemainingColumn(table_column=_whole()),
            _Cut("{task.fields[detail]}", table_column=Column()),
            console=console,
            transient=True,
        )
        self._bar = self._progress.add_task("", total=planned, phase="", detail="")

    def __enter__(self) -> Self:
        """Starts the live line."""
        if self._live:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Removes the live line."""
        if self._live:
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Shows one event."""
        if isinstance(event, PhaseStarted):
            self._phase = event.phase
            if event.calls_planned:
                self._line(f"{event.phase}: up to {event.calls_planned} calls")
        elif isinstance(event, Leading):
            score = event.score
            self._best = (
                f"leading {score.mean:.3f} ({score.low:.3f} to {score.high:.3f}, {score.n} rows), "
                f"{event.candidates_alive} in the race"
            )
            self._line(f"{self._best}: {event.factors}")
        elif isinstance(event, Notice):
            self._console.print(Text(event.message, style="yellow"), soft_wrap=True)
        else:
            self._advanced(event)

    def _advanced(self, event: Advanced) -> None:
        if self._live:
            detail = " · ".join(part for part in (self._best, self._counts(event)) if part)
            self._progress.update(self._bar, completed=event.calls_done, phase=self._phase, detail=detail)
        elif self._clock() - self._printed_at >= SECONDS_BETWEEN_LINES:
            self._line(f"{event.calls_done}/{self._planned} calls{self._rate(event)}, {self._counts(event)}")

    def _rate(self, event: Advanced) -> str:
        seconds = self._clock() - self._started_at
        return f" ({event.calls_done / seconds:.0f} a second)" if seconds > 0 else ""

    @staticmethod
    def _counts(event: Advanced) -> str:
        spent = event.spent
        parts = [] if not spent.cost_usd else [f"${spent.cost_usd:.4f}"]
        if event.format_failures:
            parts.append(f"{event.format_failures} without an answer")
        if event.missing:
            parts.append(f"{event.missing} missing")
        return ", ".join(parts)

    def _line(self, text: str) -> None:
        self._printed_at = self._clock()
        if not self._live:
            self._console.print(Text(text.rstrip(", ")), soft_wrap=True)
