from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import DataError
from benchmarks.evidence.compare import Arm, compare, summarise
from benchmarks.evidence.intervals import bounded_mean, proportion
from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.paired_mean import paired_t
from benchmarks.metrics.protocol import Extractor, ReplyFormat


class WholeReply:
    def extract(self, reply: str, reply_format: ReplyFormat) -> str | None:
        return reply or None


@dataclass
class Agreement:
    """Exact agreement with the expected answer; together either the mean, or the worst class's share."""

    binary: bool = True
    mean_of_rows: bool = True
    name: str = "agreement"
    extractor: Extractor = WholeReply()  # noqa: RUF009

    def score(self, answer: str, example: Example) -> float:
        return float(answer == example.answer)

    def aggregate(self, answers: Sequence[str | None], scores: Sequence[float], examples: Sequence[Example]) -> float:
        assert len(answers) == len(scores) == len(examples)
        if self.mean_of_rows:
            return fmean(scores)
        by_class: dict[str, list[bool]] = {}
        for answer, example in zip(answers, examples, strict=True):
            by_class.setdefault(example.answer, []).append(answer == example.answer)
        return min(fmean(right) for right in by_class.values())


EXAMPLES = [
    Example(id=str(row), inputs={"x": str(row)}, answer="ab"[row % 2], slices={}, origin=f"line {row}")
    for row in range(60)
]


def arm(wrong: set[int], missing: set[int] = frozenset()) -> Arm:  # type: ignore[assignment]
    answers = tuple(
        None if row in missing else "?" if row in wrong else example.answer for row, example in enumerate(EXAMPLES)
    )
    return Arm(answers=answers, scores=tuple(float(row not in wrong | missing) for row in range(len(EXAMPLES))))


WINNER, BASELINE = arm({0, 1, 2}), arm(set(range(2, 20)), missing={20, 21})


def test_a_mean_of_binary_scores_gets_the_exact_test() -> None:
    result = compare(Agreement(), WINNER, BASELINE, EXAMPLES, level=0.97, seed=0)
    assert result == exact_mcnemar(WINNER.scores, BASELINE.scores, 0.97)
    assert result.level == 0.97
    assert result.low > 0


def test_a_mean_of_other_scores_gets_the_t_test() -> None:
    result = compare(Agreement(binary=False), WINNER, BASELINE, EXAMPLES, level=0.99, seed=0)
    assert result == paired_t(WINNER.scores, BASELINE.scores, 0.99)


def test_a_set_function_is_resampled_as_a_whole() -> None:
    metric = Agreement(mean_of_rows=False)
    result = compare(metric, WINNER, BASELINE, EXAMPLES, level=0.9, seed=1)
    assert result.test == "paired bootstrap"
    assert result.mean == pytest.approx(28 / 30 - 20 / 30)
    assert result.low > 0
    assert result.level == 0.9
    assert result == compare(metric, WINNER, BASELINE, EXAMPLES, level=0.9, seed=1)


def test_one_arm_gets_the_interval_of_its_metric() -> None:
    assert summarise(Agreement(), WINNER, EXAMPLES, level=0.9, seed=0) == proportion(WINNER.scores, 0.9)
    assert summarise(Agreement(binary=False), WINNER, EXAMPLES, seed=0) == bounded_mean(WINNER.scores)
    worst_class = summarise(Agreement(mean_of_rows=False), BASELINE, EXAMPLES, level=0.9, seed=0)
    assert worst_class.mean == pytest.approx(20 / 30)
    assert 0.4 < worst_class.low < worst_class.mean < worst_class.high < 0.9
    assert worst_class.level == 0.9


def test_an_arm_without_rows_is_refused() -> None:
    with pytest.raises(DataError, match="at least one row"):
        Arm(answers=(), scores=())


def test_rows_that_do_not_run_in_parallel_are_refused() -> None:
    with pytest.raises(ValueError, match="one each per row"):
        Arm(answers=("a",), scores=())
    with pytest.raises(ValueError, match="59 examples"):
        compare(Agreement(), WINNER, BASELINE, EXAMPLES[1:], seed=0)
    with pytest.raises(ValueError, match="59 examples"):
        summarise(Agreement(), WINNER, EXAMPLES[1:], seed=0)
