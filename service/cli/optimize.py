"""`whet optimize`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from optimizers.plan import Plan
from optimizers.progress import Event, Observer, silent
from service.cli.card import print_card, print_forecast
from service.cli.data import print_new_findings
from service.cli.progress import ProgressDisplay
from service.cli.session import (
    check_json_target,
    consoles,
    environment,
    home_if_any,
    interruption,
    own_home,
    read_task,
    resume_command,
    run_to_end,
    write_json,
)
from service.forecast import forecast
from service.jobs import RUNNING, Job
from service.optimize import Settings, run_optimization
from service.telemetry import exporting


def optimize_command(
    path: Path,
    *,
    overrides: Mapping[str, Any],
    dry_run: bool,
    fresh: bool,
    json_to: str | None,
    show_progress: bool,
    verbose: bool = False,
) -> None:
    """Reads the task, runs the optimization with progress, and prints the card."""
    check_json_target(json_to)
    output, errors = consoles(json_to)
    task = read_task(path, overrides)
    print_new_findings(errors, task, verbose=verbose)
    settings = Settings(fresh=fresh, allow_code=True, environment=environment())
    if dry_run:
        print_forecast(output, forecast(task, settings, home_if_any()))
        return
    home = own_home()
    interrupted = f"Interrupted. What was paid for is kept in {home.place}; to resume, run: {resume_command()}"

    with exporting(settings.environment), interruption(interrupted), ExitStack() as stack:
        observer: list[Observer] = [silent]

        def announce(job: Job, plan: Plan | None) -> None:
            if plan is None:
                errors.print(f"[dim]{job.id} is finished; this is its result. --fresh asks everything anew.")
            elif job.status == RUNNING and show_progress:
                observer[0] = stack.enter_context(ProgressDisplay(errors))

        def observe(event: Event) -> None:
            observer[0](event)

        result = run_to_end(run_optimization(task, home, settings, observer=observe, announce=announce))
    print_card(output, result, where=home.place)
    write_json(result, json_to)
