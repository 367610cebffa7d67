"""What a night brought: an epoch of the baseline, or a verdict and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from benchmarks.evidence.night_records import Mean, Night, Reading
from benchmarks.evidence.nights import judge_readings, read
from service.baselines import Begun, baseline_of, epochs_of, pack, pin
from service.home import Home
from service.nights import Ran
from service.regressions import follow
from service.schedules import find
from service.tables import nights

_COLUMNS = nights.c


def settle(home: Home, night: Ran, scores: Night) -> None:
    """Writes down what a night brought: an epoch of the baseline, which is pinned with the last one, or a reading and
    the verdict after it, with what that means for the regression, all in one transaction. What was written stays as it
    is. A night of a baseline that was given up, or of a schedule that is gone, is nobody's business."""
    with home.reading() as connection:
        schedule, baseline = find(connection, night.schedule), baseline_of(connection, night.schedule)
        earlier = _readings(connection, baseline)
    now = home.timestamp()
    values: dict[str, Any] = {"judged_at": now}
    verdict = None
    current = schedule is not None and baseline.number == night.baseline
    if current and baseline.pinned_at is None:
        if all(_enough(arm) for arm in (scores.prompt, scores.anchor)):
            values["scores"] = pack(scores)
    elif current and schedule is not None:
        pinned = baseline.pinned
        (reading,) = read(pinned, [scores])
        verdict = judge_readings(pinned, [*(found for _, found in earlier), reading], schedule.judged_by)
        dues = [*(due for due, _ in earlier), night.due_at]
        opened = None if verdict.opened is None else dues[verdict.opened]
        shown = {**asdict(verdict), "since": dues[verdict.since], "opened": opened}
        values |= {"reading": asdict(reading), "kind": verdict.kind, "verdict": shown}
    with home.writing() as connection:
        if find(connection, night.schedule) is None or baseline_of(connection, night.schedule).number != night.baseline:
            verdict, values = None, {"judged_at": now}
        mine = sa.and_(_COLUMNS.id == night.id, _COLUMNS.judged_at.is_(None))
        if not connection.execute(sa.update(nights).where(mine).values(**values)).rowcount or schedule is None:
            return
        if verdict is not None:
            task = schedule.task.partition("@")[0]
            about = {"schedule": schedule.id, "task": task, "metric": schedule.metric, "night": night.id}
            regression = follow(connection, verdict, **about, at=now)
            connection.execute(sa.update(nights).where(_COLUMNS.id == night.id).values(regression=regression))
        elif "scores" in values and len(epochs := epochs_of(connection, baseline)) >= schedule.epochs:
            pin(connection, baseline, epochs, at=now)


def _enough(scores: Sequence[float]) -> bool:
    return 2 * sum(not math.isnan(score) for score in scores) >= len(scores)


def _readings(connection: sa.Connection, baseline: Begun) -> list[tuple[str, Reading]]:
    """The due times and readings of the nights since the baseline was pinned, in the order in which they were judged:
    what was said of one stays true when a late one comes in."""
    query = (
        sa.select(_COLUMNS.due_at, _COLUMNS.reading)
        .where(_COLUMNS.schedule == baseline.schedule, _COLUMNS.baseline == baseline.number)
        .where(_COLUMNS.kind.is_not(None))
        .order_by(_COLUMNS.judged_at, _COLUMNS.due_at)
    )
    return [
        (
            row.due_at,
            Reading(prompt=Mean(**row.reading["prompt"]), anchor=Mean(**row.reading["anchor"])),
        )
        for row in connection.execute(query)
    ]
