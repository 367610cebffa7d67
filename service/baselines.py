"""What nights are compared with: one prompt and one anchor, and what both scored in several epochs."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from benchmarks.errors import InputError
from benchmarks.evidence.night_records import Baseline, Night, Scores
from benchmarks.prompts.delimiters import FAMILIES
from benchmarks.prompts.layout import Layout, lay_out
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import ModelSection, parse_task
from benchmarks.tasks.task import Task, check_variables, default_instruction, load_task
from service.datasets import Datasets
from service.endpoints import with_endpoints
from service.home import Home
from service.registered_tasks import RegisteredTasks
from service.registry import Registry, parse_reference
from service.tables import baselines, nights


class BadAnchor(InputError):
    """A prompt that cannot be the anchor of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is measured every night: the `version` of the prompt, and the anchor beside it."""

    version: int
    prompt: Prompt
    anchor: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A baseline as its row knows it. It is pinned once there are enough epochs; until then `scores` is None."""

    schedule: str
    number: int
    version: int
    prompt: Mapping[str, Any]
    anchor: Mapping[str, Any]
    scores: bytes | None
    begun_by: str
    why: str
    begun_at: str
    pinned_at: str | None

    @property
    def measured(self) -> Measured:
        """What is measured."""
        return Measured(
            version=self.version, prompt=Prompt.from_json(self.prompt), anchor=Prompt.from_json(self.anchor)
        )

    @property
    def pinned(self) -> Baseline:
        """What it was pinned to."""
        assert self.scores is not None  # noqa: S101 - the caller looked at pinned_at
        epochs = [unpack(epoch) for epoch in orjson.loads(zlib.decompress(self.scores))]
        return Baseline(prompt=tuple(epoch.prompt for epoch in epochs), anchor=tuple(epoch.anchor for epoch in epochs))


_SHOWN = [baselines.c[name] for name in Begun.__dataclass_fields__]


def task_of(reference: str, home: Home, endpoints: Mapping[str, ModelSection]) -> Task:
    """The registered task, on the endpoints that the operator offers now."""
    content = with_endpoints(RegisteredTasks(home).find(reference).content, endpoints)
    return load_task(parse_task(content), Path(), allow_code=False, datasets=Datasets(home).find)


def measured(task: Task, prompt: str, anchor: str | Mapping[str, Any] | None, registry: Registry) -> Measured:
    """The version that `prompt` (`name@label`, `name@version`, or `name` for production) refers to now, and its anchor:
    of the registry, too, or itself, or by default the plain one.

    Raises UnknownPrompt, TaskError if one of them does not fit the task, and BadAnchor if they are the same.
    """
    name, label, version = parse_reference(prompt)
    found = registry.find(name, label=label, version=version)
    if anchor is None:
        beside = plain_prompt(task, found.prompt)
    elif isinstance(anchor, str):
        name, label, version = parse_reference(anchor)
        beside = registry.find(name, label=label, version=version).prompt
    else:
        beside = Prompt.from_json(anchor)
        if not beside.parameters:
            beside = replace(beside, parameters=task.parameters)
    check_variables(found.prompt.variables, task.signature, "the prompt")
    check_variables(beside.variables, task.signature, "the anchor prompt")
    if beside.digest == found.prompt.digest:
        raise BadAnchor("The anchor is the prompt itself, so it could not tell a worse prompt from a changed model.")
    return Measured(version=found.version, prompt=found.prompt, anchor=beside)


def plain_prompt(task: Task, unlike: Prompt) -> Prompt:
    """The plainest prompt of a task: its description, or "Given the …, write the …", and its labels, in the system
    message, and the row in plain form. Where that is the prompt itself, the same in the user message."""
    prompts = (
        lay_out(
            Layout(
                instruction=default_instruction(task.spec, task.labels),
                instruction_source="anchor",
                delimiters=FAMILIES["plain"],
                placement=placement,
            ),
            task.signature,
            task.parameters,
        )
        for placement in ("system", "user")
    )
    return next(prompt for prompt in prompts if prompt.digest != unlike.digest)


def begin(connection: sa.Connection, schedule: str, what: Measured, *, by: str, why: str, at: str) -> int:
    """Writes down the next baseline of a schedule, which has yet to be measured, and returns its number."""
    latest = connection.scalar(sa.select(sa.func.max(baselines.c.number)).where(baselines.c.schedule == schedule))
    number = int(latest or 0) + 1
    connection.execute(
        baselines.insert().values(
            schedule=schedule,
            number=number,
            version=what.version,
            prompt=what.prompt.to_json(),
            anchor=what.anchor.to_json(),
            begun_by=by,
            why=why,
            begun_at=at,
        )
    )
    return number


def baseline_of(connection: sa.Connection, schedule: str) -> Begun:
    """The baseline that a schedule has now."""
    query = sa.select(*_SHOWN).where(baselines.c.schedule == schedule).order_by(baselines.c.number.desc()).limit(1)
    return Begun(**connection.execute(query).one()._mapping)


def history(connection: sa.Connection, schedule: str) -> list[Begun]:
    """All baselines of a schedule, from the first."""
    query = sa.select(*_SHOWN).where(baselines.c.schedule == schedule).order_by(baselines.c.number)
    return [Begun(**row._mapping) for row in connection.execute(query)]


def epochs_of(connection: sa.Connection, baseline: Begun) -> list[bytes]:
    """What the nights have measured so far that make the baseline, in order."""
    mine = sa.and_(nights.c.schedule == baseline.schedule, nights.c.baseline == baseline.number)
    query = sa.select(nights.c.scores).where(mine, nights.c.scores.is_not(None)).order_by(nights.c.due_at)
    return list(connection.scalars(query))


def pin(connection: sa.Connection, baseline: Begun, epochs: Sequence[bytes], *, at: str) -> None:
    """Pins the baseline to these epochs, for good."""
    packed = zlib.compress(orjson.dumps([orjson.loads(zlib.decompress(epoch)) for epoch in epochs]))
    mine = sa.and_(baselines.c.schedule == baseline.schedule, baselines.c.number == baseline.number)
    connection.execute(sa.update(baselines).where(mine).values(scores=packed, pinned_at=at))


def pack(night: Night) -> bytes:
    """The row scores of a night, as they are kept."""
    return zlib.compress(orjson.dumps([_known(night.prompt), _known(night.anchor)]))


def unpack(epoch: Sequence[Sequence[float | None]]) -> Night:
    """The row scores that `pack` kept, after decompression."""
    prompt, anchor = epoch
    return Night(prompt=row_scores(prompt), anchor=row_scores(anchor))


def row_scores(scores: Sequence[float | None]) -> Scores:
    """The scores of rows, nan where one is missing."""
    return tuple(math.nan if score is None else score for score in scores)


def _known(scores: Scores) -> list[float | None]:
    return [None if math.isnan(score) else score for score in scores]
