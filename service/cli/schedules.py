"""`whet schedule` and `whet nights`."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from service.cli.session import environment, own_home
from service.endpoints import read_endpoints
from service.home import Home
from service.keys import SCOPES, Caller
from service.nights import Nights, Ran
from service.optimize import Settings
from service.regressions import OPEN, Regressions
from service.schedules import Plan, Schedules
from service.scheduling import Scheduling

MOST_LISTED = 200


def add_command(
    name: str,
    *,
    task: str,
    prompt: str | None,
    cron: str,
    zone: str,
    epochs: int,
    at_once: bool,
    min_drop: float,
    alpha: float,
    on_regression: str,
) -> None:
    """Makes a schedule and says when it is due first."""
    home = own_home()
    plan = Plan(
        name=name,
        task=task,
        metric="",
        prompt=prompt or "",
        anchor=None,
        cron=cron,
        zone=zone,
        jitter_s=0,
        misfire="once",
        policy={"alpha": alpha, "min_drop": min_drop, "confirm_runs": 0},
        epochs=epochs,
        at_once=at_once,
        budget={},
        on_regression=on_regression,
        optimization_budget=None,
    )
    made = _scheduling(home).create(plan, _caller())
    sys.stderr.write(
        f"{made.name} measures {made.prompt} on {made.task}, first at {_time(made.next_due_at)} UTC, with up to "
        f"{made.budget['calls']:,} calls a night. whet serve or whet worker runs it.\n"
    )
    sys.stdout.write(f"{made.id}\n")


def list_command() -> None:
    """Shows the schedules, and what is open of them."""
    home = own_home()
    table = Table()
    for column in ("schedule", "prompt", "task", "cron", "next (UTC)", "latest verdict"):
        table.add_column(column)
    for found in Schedules(home).listed(MOST_LISTED):
        nights = Nights(home).listed(found.id, 1)
        due = _time(found.next_due_at) if found.enabled else "disabled"
        latest = _word(nights[0]) if nights else ""
        table.add_row(found.name, found.prompt, found.task, f"{found.cron} {found.zone}", due, latest)
    Console().print(table)
    for regression in Regressions(home).listed(MOST_LISTED, state=OPEN):
        seen = f", seen by {regression.acked_by}" if regression.acked_by else ""
        sys.stderr.write(
            f"Open: {regression.kind} of {regression.task} ({regression.metric}) since "
            f"{_time(regression.opened_at)}{seen}: {regression.id}\n"
        )


def run_command(name: str) -> None:
    """Puts a night of the schedule into the queue."""
    home = own_home()
    schedule, nights = Schedules(home).get(name), Nights(home)
    night = nights.begin(schedule, nights.by_hand(schedule), read_endpoints(home.folder, environment()))
    sys.stderr.write(f"{night.id} waits for whet serve or whet worker; whet nights {schedule.name} shows it.\n")


def remove_command(name: str) -> None:
    """Ends a schedule."""
    schedules = Schedules(own_home())
    schedule = schedules.get(name)
    schedules.delete(schedule, _caller().name)
    sys.stderr.write(f"{schedule.name} is removed.\n")


def nights_command(name: str, limit: int) -> None:
    """Shows the latest nights of a schedule, the first of them first."""
    home = own_home()
    table = Table()
    for column in ("due (UTC)", "verdict", "tonight", "level", "what it says"):
        table.add_column(column)
    for night in reversed(Nights(home).listed(Schedules(home).get(name).id, limit)):
        verdict = night.verdict or {}
        said = verdict.get("words") or night.skipped or night.error or ""
        shown = (_points(verdict.get(part)) for part in ("tonight", "difference"))
        table.add_row(_time(night.due_at), _word(night), *shown, said)
    Console().print(table)


def _word(night: Ran) -> str:
    if night.skipped:
        return "skipped"
    return night.kind or ("baseline" if night.epoch else night.status or "")


def _points(difference: Mapping[str, float] | None) -> str:
    return "" if difference is None else f"{100 * difference['mean']:+.1f}"


def _time(text: str) -> str:
    return text[:16].replace("T", " ")


def _caller() -> Caller:
    return Caller(id="command", name=getpass.getuser(), scopes=SCOPES)


def _scheduling(home: Home) -> Scheduling:
    return Scheduling(
        home=home,
        endpoints=read_endpoints(home.folder, environment()),
        settings=Settings(environment=environment()),
    )
