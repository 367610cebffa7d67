"""What the API answers about datasets and registered tasks."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from service.datasets import Stored
from service.registered_tasks import RegisteredTask


class FindingReply(BaseModel):
    """One thing to know about a dataset: `code` for programs, `message` for people. A `severity` of warning says that
    results may mislead, note that something cannot be done."""

    severity: str
    code: str
    message: str


class DatasetSummary(BaseModel):
    """A version of a dataset; tasks name it by `reference`."""

    name: str
    digest: str
    reference: str
    rows: int
    splits: dict[str, int]
    inputs: list[str]
    output: str
    created_by: str
    created_at: str

    @staticmethod
    def of(stored: Stored) -> DatasetSummary:
        """The version as lists show it."""
        return DatasetSummary(**_summary(stored))


class DatasetReply(DatasetSummary):
    """A version of a dataset with its `profile`: for each column its role, how many rows have a value, how many values
    differ, and the longest in characters; the kind of `answers` and a `metric` that suits them; how many rows each
    label has; lengths in characters; `exact_duplicates`, rows that repeat the inputs of another; `conflicts`, inputs
    with different answers; pairs of `near_duplicates`, and how many of them are `leaks` between splits."""

    profile: dict[str, Any]
    warnings: list[FindingReply]

    @staticmethod
    def of(stored: Stored) -> DatasetReply:
        """The version as the API shows it."""
        return DatasetReply(
            **_summary(stored),
            profile=dict(stored.profile),
            warnings=[FindingReply(**finding) for finding in stored.findings],
        )


def _summary(stored: Stored) -> dict[str, Any]:
    return {
        "name": stored.name,
        "digest": stored.digest,
        "reference": stored.reference,
        "rows": stored.profile["rows"],
        "splits": stored.profile["splits"],
        "inputs": list(stored.inputs),
        "output": stored.output,
        "created_by": stored.created_by,
        "created_at": stored.created_at,
    }


class DatasetList(BaseModel):
    """A page of versions, the newest first."""

    items: list[DatasetSummary]
    next: str | None


class DatasetRows(BaseModel):
    """A page of rows of one split: the text of each column."""

    split: str
    items: list[dict[str, str]]
    next: str | None


class TaskSummary(BaseModel):
    """A version of a registered task; `reference` names it in an optimization."""

    name: str
    version: int
    digest: str
    reference: str
    created_by: str
    created_at: str

    @staticmethod
    def of(found: RegisteredTask) -> TaskSummary:
        """The version as lists show it."""
        return TaskSummary(**_task_summary(found))


class TaskReply(TaskSummary):
    """A version of a registered task: `task` is what a task file would say."""

    task: dict[str, Any]

    @staticmethod
    def of(found: RegisteredTask) -> TaskReply:
        """The version as the API shows it."""
        return TaskReply(**_task_summary(found), task=dict(found.content))


def _task_summary(found: RegisteredTask) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": found.version,
        "digest": found.digest,
        "reference": found.reference,
        "created_by": found.created_by,
        "created_at": found.created_at,
    }


class TaskList(BaseModel):
    """A page of tasks by their names, each in its latest version."""

    items: list[TaskSummary]
    next: str | None
