"""The trials of a job, as whoever watches it sees them: every prompt that was tried, and how far it got."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evidence.intervals import mean_interval
from optimizers.evaluator import Evaluator
from optimizers.progress import Event, Leading, Observer, PhaseStarted, Tried

TRYING = ("headroom", "search", "finalists")
"""The phases in which prompts are tried. Later ones take prompts apart, or prove one."""


@dataclass(slots=True)
class _Course:
    """What one prompt has run of the validation rows; `told` is what was last told of it."""

    number: int
    rollouts: list[Rollout] = field(default_factory=list)
    told: Tried | None = None


class Trials:
    """Observes the search of a job, passes its events on to `observer`, and tells it of each trial that has changed.

    A trial is a prompt that was run on rows of `validation`, each row's first rollout counts. Trials are numbered in
    the order in which they first were, which seed and replies determine; that with the digest `baseline` is 0. One has
    stopped when a race went on without it while it had rows left to run; a later one may take it up again.
    """

    def __init__(self, evaluator: Evaluator, validation: Sequence[Example], baseline: str, observer: Observer) -> None:
        self._evaluator = evaluator
        self._observer = observer
        self._rows = {example.id for example in validation}
        self._courses = {baseline: _Course(0)}
        self._phase = ""
        self._read = 0
        self._running: frozenset[str] | None = None

    def __call__(self, event: Event) -> None:
        """Takes note of `event`, and passes it on."""
        match event:
            case Leading():
                self.tell(raced=True)
            case PhaseStarted():
                self.tell()
                self._phase = event.phase
        self._observer(event)

    def tell(self, *, raced: bool = False) -> None:
        """Tells of the trials of which more is known than was told. `raced` says that what was run since then was a
        block of a race: those in it still run."""
        running = self._take()
        if raced and running:
            self._running = running
        for digest, course in self._courses.items():
            if course.rollouts:
                tried = self._tried(digest, course)
                if tried is not course.told:
                    course.told = tried
                    self._observer(tried)

    def _take(self) -> frozenset[str]:
        rollouts, running = self._evaluator.rollouts, set[str]()
        for (digest, example, repeat), rollout in itertools.islice(rollouts.items(), self._read, None):
            if repeat or example not in self._rows or (self._phase not in TRYING and digest not in self._courses):
                continue
            self._courses.setdefault(digest, _Course(len(self._courses))).rollouts.append(rollout)
            running.add(digest)
        self._read = len(rollouts)
        return frozenset(running)

    def _tried(self, digest: str, course: _Course) -> Tried:
        rows = len(course.rollouts)
        stopped = self._running is not None and digest not in self._running and rows < len(self._rows)
        told = course.told
        if told is not None and told.rows == rows and told.stopped == stopped:
            return told
        scores = [r.score for r in course.rollouts if r.score is not None]
        answered = [r for r in course.rollouts if r.prompt_tokens]
        return Tried(
            number=course.number,
            prompt=self._evaluator.prompts[digest],
            score=mean_interval(scores, binary=self._evaluator.metric.binary) if scores else None,
            rows=rows,
            prompt_tokens=sum(r.prompt_tokens for r in answered) / max(1, len(answered)),
            completion_tokens=sum(r.completion_tokens for r in answered) / max(1, len(answered)),
            stopped=stopped,
        )
