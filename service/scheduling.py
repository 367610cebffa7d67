"""Making and changing schedules, checked so that no night fails for what could be known before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.evidence.night_records import Policy
from benchmarks.tasks.schema import BudgetSection, ModelSection
from benchmarks.tasks.task import Task
from service.baselines import Measured, measured, task_of
from service.connection import caps_of
from service.due_times import DueTimes
from service.errors import Refused
from service.home import Home
from service.judging import calls_for
from service.keys import Caller
from service.optimize import Settings
from service.registered_tasks import RegisteredTasks
from service.registry import Registry
from service.rerun import SPLIT, check_optimization
from service.schedules import Plan, Schedule, Schedules
from service.scoring import check_calls, scoring_endpoints

SLACK = 1.1
"""A night may spend so much more than it takes where nothing is lost on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """Schedules of `home`, on the operator's `endpoints`."""

    home: Home
    endpoints: Mapping[str, ModelSection]
    settings: Settings

    def create(self, plan: Plan, caller: Caller) -> Schedule:
        """The plan, checked and completed, to be carried out from now on.

        Raises InputError of the kind of what is wrong with it, BudgetError if a night cannot be paid for, and Refused
        if a night may take more than the caller's quota.
        """
        plan = replace(plan, task=RegisteredTasks(self.home).find(plan.task).reference)
        task = task_of(plan.task, self.home, self.endpoints)
        what = measured(task, plan.prompt or task.name, plan.anchor, Registry(self.home))
        plan = replace(plan, metric=task.metric.name, prompt=plan.prompt or f"{task.name}@production")
        plan = self._checked(plan, task, caller)
        return Schedules(self.home).create(plan, what, caller.name)

    def change(self, schedule: Schedule, values: Mapping[str, Any], caller: Caller) -> Schedule:
        """The schedule with other values for fields of its plan. Raises what `create` does."""
        plan = Plan(**{name: getattr(schedule, name) for name in Plan.__dataclass_fields__})
        wanted = replace(plan, **values)
        wanted = self._checked(wanted, task_of(plan.task, self.home, self.endpoints), caller)
        changed = {name: getattr(wanted, name) for name in Plan.__dataclass_fields__}
        return Schedules(self.home).change(
            schedule, **{name: value for name, value in changed.items() if value != getattr(plan, name)}
        )

    def move_baseline(self, schedule: Schedule, why: str, caller: Caller, *, at_once: bool) -> Schedule:
        """Begins a new baseline of what the schedule's prompt refers to now."""
        what = self.measured_now(schedule)
        return Schedules(self.home).move_baseline(schedule, what, by=caller.name, why=why, at_once=at_once)

    def measured_now(self, schedule: Schedule) -> Measured:
        """What a baseline that begins now would be made of."""
        task = task_of(schedule.task, self.home, self.endpoints)
        return measured(task, schedule.prompt, schedule.anchor, Registry(self.home))

    def _checked(self, plan: Plan, task: Task, caller: Caller) -> Plan:
        times = DueTimes(cron=plan.cron, zone=plan.zone, jitter_s=plan.jitter_s)
        a_year = times.checked(self.home.now())
        calls = 2 * calls_for(task, len(task.dataset.split(SPLIT)))
        budget = dict(plan.budget) or {"calls": math.ceil(SLACK * calls)}
        scoring_endpoints(task)
        caps = caps_of(BudgetSection(**budget))
        check_calls(task, SPLIT, replace(caps, calls=caps.calls // 2))
        if caller.calls_per_day is not None and caps.calls > caller.calls_per_day:
            raise Refused(
                403,
                "Above the quota",
                f"A night may spend {caps.calls:,} calls, and the key '{caller.name}' has a quota of "
                f"{caller.calls_per_day:,} a day.",
            )
        policy = Policy(**{**plan.policy, "nights_per_year": a_year})
        plan = replace(plan, policy=asdict(policy), budget=budget)
        if plan.on_regression == "optimize":
            check_optimization(plan, self.home, self.endpoints, self.settings)
        return plan
