"""Earlier optimizations whose prompts are worth a try: finding them, leaving out those that know too much, and writing
down which were taken.

An earlier prompt may start a new search if its answers are of the same kind and its rows are alike, and if nothing it
was tuned on is a test row of the new task: what tuned it are the train and validation rows of its own job, and, where
that job had started from earlier prompts itself, of theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from benchmarks.datasets.row_keys import pack, row_key, unpack
from benchmarks.datasets.vocabulary import ALIKE, Vocabulary, similarity, vocabulary_of
from benchmarks.digests import digest
from benchmarks.models.protocol import ModelIdentity
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task
from optimizers.earlier import MOST_EARLIER, SOURCE, Earlier, fits
from service.home import Home
from service.jobs import SUCCEEDED, Job
from service.journal import SqlJournal
from service.tables import jobs, searched_data, searches

LATEST = 200
"""So many of the latest optimizations are looked at."""
POINT = "warm start"
"""Where a job's journal has what it started from."""
MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """What a job starts from: `prompts`, the digests of the `data` that they were tuned on, other than its own, and by
    the ids of optimizations whose prompts stay out, how many of its test rows those know."""

    prompts: tuple[Earlier, ...] = ()
    data: tuple[str, ...] = ()
    kept_out: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {
            "prompts": [earlier.to_json() for earlier in self.prompts],
            "data": list(self.data),
            "kept_out": dict(self.kept_out),
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> WarmStart:
        """What `to_json` described."""
        return WarmStart(
            prompts=tuple(Earlier.from_json(earlier) for earlier in content["prompts"]),
            data=tuple(content["data"]),
            kept_out=content["kept_out"],
        )

    def notices(self, entering: Sequence[Prompt]) -> Iterator[str]:
        """What a person wants to know; `entering` are the prompts that do take part."""
        if entering:
            ids = ", ".join(dict.fromkeys(str(prompt.factors[SOURCE]) for prompt in entering))
            yield (
                f"1 prompt of an earlier optimization enters as a first candidate ({ids})."
                if len(entering) == 1
                else f"{len(entering)} prompts of earlier optimizations enter as first candidates ({ids})."
            )
        if self.kept_out:
            named = [*self.kept_out][:MOST_NAMED]
            more = f" and {len(self.kept_out) - len(named)} more" if len(self.kept_out) > len(named) else ""
            yield (
                f"Prompts of {', '.join(named)}{more} stay out: they were tuned on rows of this task's test split, on "
                f"up to {max(self.kept_out.values())} of them. Where data grow, prompts carry over if "
                "the test rows stay in a file of their own."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """An optimization whose prompts might do: what its row in `searches` says, and how similar its data are."""

    optimization: str
    data: frozenset[str]
    similarity: float
    same_model: bool


def warm_start(job: Job, task: Task, model: ModelIdentity, home: Home) -> WarmStart:
    """What `job` starts from: as settled when it first started, or what is found now.

    A job does not start from an earlier epoch of itself: asked anew, it is the same search once more.
    """
    settled = SqlJournal(home, job.id).recall(POINT)
    if settled is not None:
        return WarmStart.from_json(settled)
    return find(task, model, home, unlike=job.identity) if task.spec.warm_start else WarmStart()


def settle(job: Job, warm: WarmStart, task: Task, model: ModelIdentity, home: Home) -> None:
    """Writes down what `job` starts from, once and for all, and what its own prompts will be tuned on."""
    journal = SqlJournal(home, job.id)
    if journal.recall(POINT) is None:
        journal.record(POINT, warm.to_json())
    own = task.dataset.digest
    with home.writing() as connection:
        if connection.scalar(sa.select(searches.c.data).where(searches.c.job == job.id)) is None:
            connection.execute(
                searches.insert().values(
                    job=job.id,
                    answers=_kind_of_answers(task),
                    data=own,
                    inherited=list(warm.data),
                    model=_name(model),
                    created_at=home.timestamp(),
                )
            )
        if connection.scalar(sa.select(searched_data.c.data).where(searched_data.c.data == own)) is None:
            seen = [*task.dataset.train, *task.dataset.validation]
            words = vocabulary_of(seen)
            connection.execute(
                searched_data.insert().values(data=own, inputs=words.inputs, answers=words.answers, rows=pack(seen))
            )


def find(task: Task, model: ModelIdentity, home: Home, *, unlike: str = "") -> WarmStart:
    """The prompts of earlier optimizations that `task` may start from, at most `MOST_EARLIER`; of none that has the
    identity `unlike`.

    Those of the most similar data come first, of these the same model's, of these the latest; all winners before any
    runner-up. How they did on a test split plays no part. The task's own baseline is none of them.
    """
    with home.reading() as connection:
        overlap = _Overlap(connection, task)
        taken: list[_Candidate] = []
        kept_out: dict[str, int] = {}
        for candidate in _alike(connection, task, model, unlike):
            known = overlap.of(candidate.data)
            if known:
                kept_out[candidate.optimization] = known
            else:
                taken.append(candidate)
            if len(taken) == MOST_EARLIER:
                break
        found = [earlier for candidate in taken for earlier in _prompts(connection, candidate)]
    distinct: dict[str, Earlier] = {}
    for earlier in sorted(found, key=lambda earlier: earlier.place):  # stable: of winners the most similar first
        if earlier.prompt.digest != task.baseline.digest and fits(earlier.prompt, task.signature):
            distinct.setdefault(earlier.prompt.digest, earlier)
    prompts = tuple(distinct.values())[:MOST_EARLIER]
    used = {earlier.optimization for earlier in prompts}
    data = set[str]().union(*(candidate.data for candidate in taken if candidate.optimization in used))
    return WarmStart(prompts=prompts, data=tuple(sorted(data - {task.dataset.digest})), kept_out=kept_out)


def _alike(connection: sa.Connection, task: Task, model: ModelIdentity, unlike: str) -> list[_Candidate]:
    rows = connection.execute(
        sa.select(searches, searched_data.c.inputs, searched_data.c.answers.label("answer_words"))
        .join(jobs, jobs.c.id == searches.c.job)
        .join(searched_data, searched_data.c.data == searches.c.data)
        .where(
            searches.c.answers == _kind_of_answers(task),
            jobs.c.status == SUCCEEDED,
            jobs.c.identity != unlike,
        )
        .order_by(searches.c.created_at.desc(), searches.c.job.desc())
        .limit(LATEST)
    ).all()
    own = vocabulary_of([*task.dataset.train, *task.dataset.validation]) if rows else None
    found = []
    for row in rows:
        alike = 1.0
        if own is not None and row.data != task.dataset.digest:
            theirs = Vocabulary(inputs=row.inputs, answers=row.answer_words)
            alike = similarity(own, theirs, same_answers=bool(task.labels))
        if alike >= ALIKE:
            found.append(
                _Candidate(
                    optimization=row.job,
                    data=frozenset([row.data, *row.inherited]),
                    similarity=alike,
                    same_model=row.model == _name(model),
                )
            )
    return sorted(found, key=lambda candidate: (-candidate.similarity, not candidate.same_model))


class _Overlap:
    """How many test rows of `task` the searches on other data saw."""

    def __init__(self, connection: sa.Connection, task: Task) -> None:
        self._connection = connection
        self._own = task.dataset.digest
        self._test = [row_key(row) for row in task.dataset.test]
        self._counted: dict[str, int] = {}

    def of(self, data: frozenset[str]) -> int:
        """The most that any of `data`, named by their digests, knows. The task's own data, which have the same split,
        know none."""
        return max((self._known(one) for one in sorted(data - {self._own})), default=0)

    def _known(self, data: str) -> int:
        if data not in self._counted:
            kept = self._connection.scalar(sa.select(searched_data.c.rows).where(searched_data.c.data == data))
            seen = unpack(kept or b"")
            self._counted[data] = len(self._test) if kept is None else sum(key in seen for key in self._test)
        return self._counted[data]


def _prompts(connection: sa.Connection, candidate: _Candidate) -> Iterator[Earlier]:
    """The winner of an optimization and its runners-up, in this order."""
    result = connection.scalar(sa.select(jobs.c.result).where(jobs.c.id == candidate.optimization))
    described = [result["winner"], *(one["prompt"] for one in result["runners_up"])] if result else []
    for place, prompt in enumerate(described):
        yield Earlier(
            prompt=Prompt.from_json(prompt),
            optimization=candidate.optimization,
            place=place,
            similarity=candidate.similarity,
        )


def _kind_of_answers(task: Task) -> str:
    """Equal for two tasks if an instruction for one tells a model what to answer in the other: they have the same
    labels, or none and the same metric."""
    if task.labels:
        return digest({"labels": sorted(task.labels)})
    return digest({"metric": task.spec.metric_name, "options": task.spec.metric_options})


def _name(model: ModelIdentity) -> str:
    return f"{model.endpoint} {model.model}"
