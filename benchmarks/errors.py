"""Every mistake whet can report, sorted by what the caller can do about it.

    WhetError
    ├── InputError           change the task, the data or the command
    │   ├── TaskError        the task file: an unknown field, metric, label or variable
    │   ├── DataError        the rows: a missing file or column, an unparsable row, too few rows
    │   ├── MetricError      the metric: unknown, misconfigured, or it raised on a row
    │   ├── OwnCodeError     a metric or proposer of the user's own cannot be loaded
    │   └── StorageError     where whet keeps things: unreadable, read-only, made by a newer version
    ├── EndpointError        look at the model endpoint
    │   ├── AccessDenied     the key is wrong, missing or not allowed (never retried)
    │   └── EndpointDown     unreachable, or what answers is not an OpenAI-compatible endpoint
    └── BudgetError          the budget cannot pay for anything useful; nothing was spent

A message names the value, the rule and the remedy. What can go wrong with one row is not here: it is a value
(`benchmarks.models.protocol.Failure`, `benchmarks.evaluation.Rollout`).
"""

from __future__ import annotations


class WhetError(Exception):
    """Base of all mistakes that whet explains; anything else that escapes is a defect of whet."""


class InputError(WhetError):
    """The task, the data or the command must change."""


class TaskError(InputError):
    """The task file is not what the schema allows."""


class DataError(InputError):
    """The labelled rows cannot be used as they are."""


class MetricError(InputError):
    """The metric is unknown, misconfigured, or raised on a row."""


class OwnCodeError(InputError):
    """Code of the user's own cannot be loaded."""


class StorageError(InputError):
    """The database or folder that whet keeps things in cannot be used."""


class EndpointError(WhetError):
    """The model endpoint cannot be used as configured."""


class AccessDenied(EndpointError):
    """The endpoint refused the key."""


class EndpointDown(EndpointError):
    """The endpoint is unreachable or does not speak the OpenAI protocol."""


class BudgetError(WhetError):
    """The budget cannot pay for anything useful."""
