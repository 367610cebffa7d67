"""Replies that people have graded: by them it is known how far a judge can be trusted."""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.reading import read_rows
from benchmarks.datasets.records import Example
from benchmarks.datasets.rows import Row, rows_from_values
from benchmarks.digests import digest
from benchmarks.errors import DataError, TaskError
from benchmarks.metrics.judge import Judge, Scale
from benchmarks.records import record
from benchmarks.tasks.schema import TaskSpec

REPLY, SCORE = "reply", "score"
"""Columns beside the task's inputs, and its output where the judge sees the expected answer."""

_WORDS = {"pass": 1.0, "fail": 0.0, "true": 1.0, "false": 0.0}


@record
class HumanLabel:
    """A reply to a row, and what people think that it is worth, in [0, 1]."""

    row: Example
    reply: str
    score: float

    @property
    def digest(self) -> str:
        """Identity: what was graded, and how."""
        return digest([self.row.id, self.reply, self.score])


def read_human_labels(judge: Judge, spec: TaskSpec, folder: Path, *, allow_files: bool) -> tuple[HumanLabel, ...]:
    """The replies that the metric's option `human_labels` holds, or the file that it names, relative to `folder`.

    Raises TaskError for a file where only rows are allowed, and DataError, naming the row, for a missing column, a
    reply that stands twice or a score that is not on the judge's scale.
    """
    given = judge.human_labels
    if given is None:
        return ()
    if isinstance(given, str) and not allow_files:
        raise TaskError("metric.human_labels: a request holds the labels as rows; it cannot name a file.")
    rows = read_rows(folder / given) if isinstance(given, str) else rows_from_values(given)
    output = spec.output if judge.reference else REPLY
    examples = make_examples(rows, spec.inputs, output, slices=[REPLY, SCORE])
    labels = [
        HumanLabel(row=example, reply=row.values[REPLY], score=_score(row, judge.scale))
        for row, example in zip(rows, examples, strict=True)
    ]
    seen: dict[str, str] = {}
    for label in labels:
        content = digest([dict(label.row.inputs), label.reply])
        earlier = seen.setdefault(content, label.row.origin)
        if earlier != label.row.origin:
            raise DataError(
                f"human_labels: {label.row.origin} is the reply of {earlier} again. Give each reply one score."
            )
    return tuple(labels)


def _score(row: Row, scale: Scale) -> float:
    """The score on the judge's scale, mapped to [0, 1]; between the grades, too, where several people were asked."""
    text = row.values[SCORE].strip().lower()
    lowest, highest = (0.0, 1.0) if isinstance(scale.grades[0], str) else (1.0, float(len(scale.grades)))
    try:
        number = _WORDS[text] if lowest == 0 and text in _WORDS else float(text)
    except ValueError:
        number = float("nan")
    whole = number.is_integer() or not scale.binary
    if not (lowest <= number <= highest and whole):
        raise DataError(
            f"human_labels: the score of {row.origin} is {row.values[SCORE]!r}; the judge's grades are: {scale}."
        )
    return (number - lowest) / (highest - lowest)
