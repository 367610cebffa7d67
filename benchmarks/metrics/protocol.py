"""What a metric is.

Three things are kept apart: taking the answer out of a reply (`Extractor`), scoring one answer (`Metric.score`), and
aggregating many rows (`Metric.aggregate`). A reply out of which no answer can be taken is a format failure: it scores
0 and is counted, because the same prompt would meet it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.datasets.records import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFormat:
    """How a prompt told the model to write its answer.

    `marker` (such as `Answer:`) stands before the answer, `opening` and `closing` (such as `<team>` and `</team>`)
    around it; each may be absent from the prompt (None) and, since models forget, from the reply.
    """

    marker: str | None = None
    opening: str | None = None
    closing: str | None = None


class Extractor(Protocol):
    """Takes the answer out of a reply."""

    def extract(self, reply: str, reply_format: ReplyFormat) -> str | None:
        """The answer in `reply`, or None when there is none (a format failure)."""
        ...


class Metric(Protocol):
    """The rule by which answers are scored; every score lies in [0, 1] and higher is better.

    Invariants: `score` is a pure function of its arguments; if `binary`, it returns only 0.0 or 1.0; `aggregate` of
    no rows is an error of the caller. `mean_of_rows` tells whether `aggregate` is the mean of the row scores; if not
    (macro-F1), the race uses the row scores and the proof uses `aggregate` itself.
    """

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def binary(self) -> bool:
        """Whether every row score is 0 or 1."""
        ...

    @property
    def mean_of_rows(self) -> bool:
        """Whether `aggregate` is the mean of the row scores."""
        ...

    @property
    def extractor(self) -> Extractor:
        """Takes the answer out of a reply."""
        ...

    def score(self, answer: str, example: Example) -> float:
        """What `answer` is worth on `example`, in [0, 1]."""
        ...

    def aggregate(self, answers: Sequence[str | None], scores: Sequence[float], examples: Sequence[Example]) -> float:
        """What the rows are worth together, in [0, 1]. The three sequences run in parallel over the rows, one entry
        each; an answer is None where the reply held none."""
        ...
