"""What requests say of schedules and regressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from benchmarks.evidence.night_records import LEAST_EPOCHS
from benchmarks.tasks.schema import NAME, BudgetSection
from service.api.bodies import Text, VersionBody, _Body, _OrName, _Part
from service.due_times import LONGEST_JITTER_S
from service.registered_tasks import REFERENCE

PROMPT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(@[A-Za-z0-9._-]{1,64})?$"
MOST_EPOCHS = 60

PromptName = Annotated[str, Field(pattern=PROMPT)]
Anchor = Annotated[VersionBody | str, _OrName(VersionBody, TypeAdapter(PromptName))]
Why = Annotated[Text, Field(min_length=1, max_length=2000)]
OnRegression = Literal["none", "optimize"]
Misfire = Literal["once", "skip"]


class PolicyBody(_Part):
    """What counts as worse: how many alarms may be false in a year, the smallest drop that matters, in score units, and
    how many further nights in a row must agree."""

    alpha: Annotated[float, Field(gt=0, lt=1, strict=False)] = 0.05
    min_drop: Annotated[float, Field(gt=0, lt=1, strict=False)] = 0.02
    confirm_runs: Annotated[int, Field(ge=0, le=30)] = 0


class BaselineBody(_Part):
    """How many epochs make the baseline, and whether they are measured at once, one after another, or in the first
    nights, which tells more of how nights differ."""

    epochs: Annotated[int, Field(ge=LEAST_EPOCHS, le=MOST_EPOCHS)] = LEAST_EPOCHS
    at_once: bool = False


class ScheduleBody(_Body):
    """A schedule to be made. `prompt` is `name@label` or `name@version`, by default the task's own at production; its
    version is settled when a baseline begins. `anchor` is measured beside it: a version in the registry, or a prompt;
    by default a plain one that is made from the task. `budget` caps one night; without it a tenth more calls than it
    takes. `optimization_budget` is that of what a regression starts, by default the task's."""

    name: Annotated[str, Field(pattern=NAME)]
    task: Annotated[str, Field(pattern=REFERENCE)]
    prompt: PromptName | None = None
    anchor: Anchor | None = None
    split: Literal["validation"] = "validation"
    cron: Annotated[Text, Field(max_length=200)]
    zone: Annotated[Text, Field(max_length=100)] = "UTC"
    jitter_s: Annotated[int, Field(ge=0, le=LONGEST_JITTER_S)] = 0
    misfire: Misfire = "once"
    overlap: Literal["skip"] = "skip"
    policy: PolicyBody = PolicyBody()
    baseline: BaselineBody = BaselineBody()
    budget: BudgetSection | None = None
    on_regression: OnRegression = "none"
    optimization_budget: BudgetSection | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_on_test(cls, content: Any) -> Any:
        if isinstance(content, Mapping) and content.get("split") == "test":
            raise ValueError(
                "split: nights are measured on validation: a difference on the same rows tells as much there, and each "
                "look at test makes the next proof on it harder"
            )
        return content

    @property
    def anchor_json(self) -> str | dict[str, Any] | None:
        """The anchor as schedules keep it."""
        return self.anchor.prompt.to_json() if isinstance(self.anchor, VersionBody) else self.anchor


class ScheduleChange(_Body):
    """What is to be changed in a schedule; what is left out, or null, stays. What is measured changes with a new
    baseline only."""

    name: Annotated[str, Field(pattern=NAME)] | None = None
    cron: Annotated[Text, Field(max_length=200)] | None = None
    zone: Annotated[Text, Field(max_length=100)] | None = None
    jitter_s: Annotated[int, Field(ge=0, le=LONGEST_JITTER_S)] | None = None
    misfire: Misfire | None = None
    policy: PolicyBody | None = None
    budget: BudgetSection | None = None
    on_regression: OnRegression | None = None
    optimization_budget: BudgetSection | None = None
    enabled: bool | None = None


class NewBaselineBody(_Body):
    """Why the baseline is moved, and how the new one is measured."""

    why: Why
    at_once: bool = False


class AckBody(_Body):
    """What whoever takes note of a regression says of it."""

    note: Annotated[Text, Field(max_length=2000)] = ""
