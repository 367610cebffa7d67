"""The judge as a metric: a model grades each answer by a rubric.

The metric knows the rubric, the scale and how a verdict is read. Asking the model is done in
`benchmarks.evaluation.judged`; no score comes from `Judge.score`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from benchmarks.budget import JUDGE
from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.reply import answer_part
from benchmarks.metrics.row_mean import RowMean

TWO_GRADES = "pass/fail"
MOST_GRADES = 100


@dataclass(frozen=True, slots=True)
class Scale:
    """The grades that a judge may give, the worst first; they lie at equal distances in [0, 1]."""

    grades: tuple[str | int, ...]

    @staticmethod
    def of(scale: str | int) -> Scale:
        """`pass/fail`, or the whole numbers from 1 to `scale`. Raises MetricError for others."""
        if scale == TWO_GRADES:
            return Scale(("fail", "pass"))
        if isinstance(scale, str) or not 2 <= scale <= MOST_GRADES:
            raise MetricError(
                f"The option 'scale' of the metric 'judge' must be {TWO_GRADES!r} or the highest grade, a whole number "
                f"from 2 to {MOST_GRADES}; got {scale!r}."
            )
        return Scale(tuple(range(1, scale + 1)))

    @property
    def binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return len(self.grades) == 2

    def score(self, grade: str | int) -> float:
        """What `grade`, which must be one of the scale's, is worth."""
        return self.grades.index(grade) / (len(self.grades) - 1)

    def __str__(self) -> str:
        """The scale in words."""
        first, *_, last = self.grades
        return f'"{last}" or "{first}"' if isinstance(first, str) else f"a whole number from {first} to {last}"

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of a verdict: the reason, so that it comes first, and the grade."""
        kind = "string" if isinstance(self.grades[0], str) else "integer"
        return {
            "type": "object",
            "properties": {"reason": {"type": "string"}, "grade": {"type": kind, "enum": list(self.grades)}},
            "required": ["reason", "grade"],
            "additionalProperties": False,
        }


class Judge(RowMean):
    """Grades by a rubric. `criteria` are what the judge goes through before it decides; without `reference` it does
    not see the expected answer. `human_labels` are replies that people have graded: a file, or rows."""

    name = JUDGE

    def __init__(
        self,
        *,
        rubric: str,
        scale: Literal["pass/fail"] | int = "pass/fail",
        criteria: Sequence[str] = (),
        reference: bool = True,
        human_labels: str | Sequence[Mapping[str, Any]] | None = None,
        extract: Extraction = "text",
        labels: Sequence[str] = (),
    ) -> None:
        if not rubric.strip():
            raise MetricError("The metric 'judge' needs a rubric: what makes a reply good, in words.")
        self.rubric = rubric.strip()
        self.scale = Scale.of(scale)
        self.criteria = tuple(criteria)
        self.reference = reference
        self.human_labels = human_labels
        self.extractor = make_extractor(extract, labels)
        self.binary = self.scale.binary

    def score(self, answer: str, example: Example) -> float:
        """Raises MetricError: only the model can tell."""
        raise MetricError("The metric 'judge' scores nothing by itself; its model must be asked.")


@dataclass(frozen=True, slots=True)
class Verdicts(RowMean):
    """Scores what a judge says: the metric by which its own replies are read."""

    scale: Scale
    name = "verdict"

    @property
    def binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return self.scale.binary

    @property
    def extractor(self) -> Verdicts:
        """Reads verdicts."""
        return self

    def extract(self, reply: str, reply_format: ReplyFormat) -> str | None:
        """The verdict, if `reply` is one and nothing besides: a reply may quote what it grades, and that may look like
        a verdict. Hidden reasoning and a code fence do not count."""
        text = answer_part(reply, reply_format).removeprefix("```json").removeprefix("```").removesuffix("```").strip()
        return text if self._grade(text) is not None else None

    def score(self, answer: str, example: Example) -> float:
        """What the verdict's grade is worth."""
        grade = self._grade(answer)
        if grade is None:
            raise MetricError(f"{example.origin}: this is no verdict of a judge: {answer!r:.200}")
        return self.scale.score(grade)

    def _grade(self, text: str) -> str | int | None:
        try:
            verdict = orjson.loads(text)
        except orjson.JSONDecodeError:
            return None
        grade = verdict.get("grade") if isinstance(verdict, dict) else None
        # A bool is an int, and true would be the grade 1.
        return grade if type(grade) in (str, int) and grade in self.scale.grades else None


def reason_of(verdict: str) -> str:
    """Why the judge decided so; empty where it does not say."""
    return str(orjson.loads(verdict).get("reason") or "")
