"""The trials of a job, as its events have told of them: so they can be read without running anything again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from optimizers.progress import Tried
from service.home import Home
from service.result import interval_json
from service.tables import events

TRIAL = "trial"
"""The kind of event that tells how a trial stands; a later one of the same trial replaces it."""


def trial_json(tried: Tried) -> dict[str, Any]:
    """A trial with the names that the API gives it; tokens are those of one request, on average."""
    score = tried.score
    return {
        "trial": tried.number,
        "prompt_digest": tried.prompt.digest,
        "factors": dict(tried.prompt.factors),
        "score": None if score is None else score.mean,
        "n": 0 if score is None else score.n,
        "interval": None if score is None else interval_json(score),
        "rows": tried.rows,
        "prompt_tokens": tried.prompt_tokens,
        "completion_tokens": tried.completion_tokens,
        "stopped": tried.stopped,
    }


def trials_of(home: Home, job_id: str) -> list[Mapping[str, Any]]:
    """The trials of a job as far as they are known, in the order in which they were first run; the baseline is the
    first. None of a job that ran before whet kept them."""
    told = sa.select(events.c.data).where(events.c.job == job_id, events.c.kind == TRIAL).order_by(events.c.sequence)
    with home.reading() as connection:
        latest = {data["trial"]: data for data in connection.scalars(told)}
    return [latest[number] for number in sorted(latest)]
