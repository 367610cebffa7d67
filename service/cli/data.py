"""What was found in the data, told in full once."""

from __future__ import annotations

import sqlalchemy as sa
from rich.console import Console
from rich.text import Text

from benchmarks.datasets.checking import Report, Severity
from benchmarks.tasks.task import Task
from service.cli.session import home_if_any
from service.home import Home
from service.tables import jobs, searches

_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
_DECIDES = ("labels", "metric")
"""The sections of a task that decide, beside its rows, what is found in them."""


def print_findings(console: Console, report: Report) -> None:
    """What the data check found, in words."""
    for finding in report.findings:
        console.print(
            Text(f"{finding.severity}: {finding.message}", style=_STYLES[finding.severity]),
            soft_wrap=not console.is_terminal,
        )


def print_new_findings(console: Console, task: Task, *, verbose: bool) -> None:
    """What was found in the data of `task`; in one line if an optimization of the same rows was told the same, unless
    `verbose`."""
    count = len(task.report.findings)
    before = None if verbose or not count else _found_before(task, home_if_any())
    if before is None:
        print_findings(console, task.report)
        return
    findings = "1 finding" if count == 1 else f"{count} findings"
    console.print(
        Text(f"{findings} on this data, unchanged since {before}; --verbose tells in full.", style="dim"),
        soft_wrap=not console.is_terminal,
    )


def _found_before(task: Task, home: Home | None) -> str | None:
    """The first optimization that ran on the same rows, split alike, with the same labels and metric: what is found
    depends on nothing else."""
    if home is None:
        return None
    query = (
        sa.select(jobs.c.id, jobs.c.spec)
        .join(searches, searches.c.job == jobs.c.id)
        .where(searches.c.data == task.dataset.digest)
        .order_by(searches.c.created_at, searches.c.job)
    )
    own = task.spec.model_dump(mode="json")
    with home.reading() as connection:
        for row in connection.execute(query):
            if all(row.spec.get(section) == own[section] for section in _DECIDES):
                return str(row.id)
    return None
