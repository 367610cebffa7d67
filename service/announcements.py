"""What events say of each kind of fact: names, numbers and where to read the rest. Texts that rows could stand in
(errors, prompts, the reasons people give) stay where they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from service.outbox import EventType, announce
from service.tables import jobs

if TYPE_CHECKING:
    from service.labels import Move

_ENDS: Mapping[tuple[str, str], EventType] = {
    ("optimization", "succeeded"): "optimization.completed",
    ("optimization", "failed"): "optimization.failed",
    ("evaluation", "succeeded"): "evaluation.completed",
}


def job_ended(connection: sa.Connection, job_id: str, *, at: str) -> None:
    """The job has ended as its row says by now. Not every end of every kind of job is an event."""
    row = connection.execute(
        sa.select(jobs.c.kind, jobs.c.task, jobs.c.status, jobs.c.result).where(jobs.c.id == job_id)
    ).one()
    event = _ENDS.get((row.kind, row.status))
    if event is None:
        return
    result = row.result or {}
    data: dict[str, Any] = {"id": job_id, "task": row.task, "status": row.status}
    if "decision" in result:
        data["decision"] = result["decision"]
    for arm in ("winner", "baseline"):
        if isinstance(result.get(arm), dict):
            data[arm] = {name: result[arm].get(name) for name in ("version", "digest")}
    announce(connection, event, f"/v1/{row.kind}s/{job_id}", data, at=at)


def version_created(connection: sa.Connection, name: str, version: int, digest: str, *, at: str) -> None:
    """A prompt has a new version."""
    data = {"name": name, "version": version, "digest": digest}
    announce(connection, "prompt.version.created", f"{_prompt(name)}/versions/{version}", data, at=at)


def label_moved(connection: sa.Connection, name: str, label: str, move: Move) -> None:
    """A label of a prompt points to another version."""
    data = {
        "name": name,
        "label": label,
        "version": move.version,
        "replaced": move.replaced,
        "moved_by": move.moved_by,
        "rollback": move.undoes is not None,
    }
    subject = f"{_prompt(name)}/labels/{quote(label, safe='')}"
    announce(connection, "prompt.label.moved", subject, data, at=move.created_at)


def _prompt(name: str) -> str:
    return f"/v1/prompts/{quote(name, safe='')}"
