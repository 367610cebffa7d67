"""What the API answers about schedules, nights and regressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from service.baselines import Begun
from service.nights import Ran
from service.regressions import Regression
from service.schedules import Schedule


class BaselineReply(BaseModel):
    """A baseline: which version and anchor it measures, who began it and why; `epochs` of those that it needs are
    there, and it is pinned with the last one."""

    number: int
    version: int
    prompt_digest: str
    anchor_digest: str
    epochs: int
    begun_by: str
    why: str
    begun_at: str
    pinned_at: str | None


class ScheduleReply(BaseModel):
    """A schedule. `policy.nights_per_year` is what its cron expression comes to; `regression` is the open one that its
    latest verdict speaks of."""

    id: str
    name: str
    task: str
    metric: str
    prompt: str
    anchor: Any
    split: str = "validation"
    cron: str
    zone: str
    jitter_s: int
    misfire: str
    overlap: str = "skip"
    policy: dict[str, Any]
    epochs: int
    budget: dict[str, Any]
    on_regression: str
    optimization_budget: dict[str, Any] | None
    enabled: bool
    next_due_at: str | None
    regression: str | None
    baselines: list[BaselineReply]
    created_by: str
    created_at: str
    updated_at: str

    @staticmethod
    def of(schedule: Schedule, baselines: Sequence[tuple[Begun, int]]) -> ScheduleReply:
        """The schedule as the API shows it, with its baselines and how many epochs of each there are."""
        same = {name: getattr(schedule, name) for name in ScheduleReply.model_fields.keys() & _OF_SCHEDULE}
        return ScheduleReply(
            **same,
            next_due_at=schedule.next_due_at if schedule.enabled else None,
            regression=schedule.opened,
            baselines=[
                BaselineReply(
                    number=begun.number,
                    version=begun.version,
                    prompt_digest=begun.prompt["digest"],
                    anchor_digest=begun.anchor["digest"],
                    epochs=epochs,
                    begun_by=begun.begun_by,
                    why=begun.why,
                    begun_at=begun.begun_at,
                    pinned_at=begun.pinned_at,
                )
                for begun, epochs in baselines
            ],
        )


_OF_SCHEDULE = set(Schedule.__dataclass_fields__) - {"next_due_at"}


class ScheduleList(BaseModel):
    """A page of schedules by name."""

    items: list[ScheduleReply]
    next: str | None


class NightReply(BaseModel):
    """One night. `state` is that of its job, or skipped, with `why`; `epoch` says that it is one of the baseline's.
    `kind` is the word of its `verdict`: regressed, improved, unchanged, inconclusive, environment_drift."""

    id: str
    due_at: str
    state: str
    why: str | None
    baseline: int
    epoch: bool
    kind: str | None
    verdict: dict[str, Any] | None
    regression: str | None
    judged_at: str | None

    @staticmethod
    def of(night: Ran) -> NightReply:
        """The night as the API shows it."""
        return NightReply(
            id=night.id,
            due_at=night.due_at,
            state="skipped" if night.skipped else night.status or "queued",
            why=night.skipped or night.error,
            baseline=night.baseline,
            epoch=night.epoch,
            kind=night.kind,
            verdict=None if night.verdict is None else dict(night.verdict),
            regression=night.regression,
            judged_at=night.judged_at,
        )


class NightList(BaseModel):
    """A page of nights, the latest first."""

    items: list[NightReply]
    next: str | None


class RegressionReply(BaseModel):
    """A regression. `kind` is regressed or environment_drift; `optimization` is the one that it started."""

    id: str
    task: str
    metric: str
    kind: str
    schedule: str
    state: str
    opened_at: str
    resolved_at: str | None
    resolved_why: str | None
    acked_by: str | None
    acked_at: str | None
    note: str | None
    optimization: str | None

    @staticmethod
    def of(regression: Regression) -> RegressionReply:
        """The regression as the API shows it."""
        return RegressionReply(**_shown(regression))


class RegressionDetail(RegressionReply):
    """A regression with the latest 200 nights that belong to it, in order."""

    nights: list[NightReply]

    @staticmethod
    def with_nights(regression: Regression, nights: Sequence[Ran]) -> RegressionDetail:
        """The regression and its history."""
        return RegressionDetail(**_shown(regression), nights=[NightReply.of(night) for night in nights])


class RegressionList(BaseModel):
    """A page of regressions, the newest first."""

    items: list[RegressionReply]
    next: str | None


def _shown(regression: Regression) -> Mapping[str, Any]:
    return {name: getattr(regression, name) for name in RegressionReply.model_fields}
