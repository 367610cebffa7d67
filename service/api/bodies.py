"""What requests say. Unknown fields are refused with the nearest known name, as in task files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmarks.models.protocol import Setting
from benchmarks.tasks.schema import BudgetSection, PromoteSection, SearchSection, TaskSpec

MOST_ROWS = 20_000

VersionNumber = Annotated[int, Field(ge=1, lt=2**31)]
"""The number of a version of a prompt."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class EndpointChoice(_Body):
    """A model endpoint that the operator configured, by its name, or the bundled toy model (`name: tiny`)."""

    endpoint: str | None = None
    name: Annotated[str, Field(pattern="^tiny$")] | None = None
    parameters: dict[str, Setting] = {}

    @model_validator(mode="after")
    def _one_name(self) -> EndpointChoice:
        if (self.endpoint is None) == (self.name is None):
            raise ValueError("give the name of an endpoint, or name: tiny")
        return self


class Rows(_Body):
    """Labelled rows, in the request itself."""

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_ROWS)]


class TaskBody(TaskSpec):
    """A task: as in a task file, but with its rows in the request, and models that the operator configured."""

    data: Rows  # type: ignore[assignment]
    model: EndpointChoice | None = None  # type: ignore[assignment]
    proposer_model: EndpointChoice | None = None  # type: ignore[assignment]
    judge_model: EndpointChoice | None = None  # type: ignore[assignment]


class OptimizationBody(_Body):
    """An optimization: a task, and what to override in it. `fresh` asks everything anew instead of returning what the
    same task came to before."""

    task: TaskBody
    model: EndpointChoice | None = None
    proposer_model: EndpointChoice | None = None
    judge_model: EndpointChoice | None = None
    search: SearchSection | None = None
    budget: BudgetSection | None = None
    promote: PromoteSection | None = None
    seed: Annotated[int, Field(ge=-(2**53), le=2**53)] | None = None
    fresh: bool = False

    def content(self) -> dict[str, Any]:
        """The task with the overrides in place of its own fields, as a task file would hold it."""
        task = self.task.model_dump(mode="json", exclude_unset=True)
        return task | self.model_dump(mode="json", exclude_none=True, exclude_unset=True, exclude={"task", "fresh"})


class LabelBody(_Body):
    """Where a label should point, and why."""

    version: VersionNumber
    why: Annotated[str, Field(max_length=2000)] = ""


class RenderBody(_Body):
    """Values for a prompt's variables. Of `label` and `version` at most one is given; the default is production."""

    variables: dict[str, str]
    label: str | None = None
    version: VersionNumber | None = None
