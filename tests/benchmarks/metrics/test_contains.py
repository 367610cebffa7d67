from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.contains import Contains
from benchmarks.metrics.scoring import check_examples

Row = Callable[[str], Example]


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ("It lies in New\nYork City.", "new york", 1),
        ("The Newyorker", "new york", 0),
        ("a concatenation", "cat", 0),
        ("So (B) it is", "(b)", 1),
        ("答えは東京です", "東京", 1),
        ("서울은 수도", "서울", 1),
        ("C++ and C", "c++", 1),
    ],
)
def test_the_expected_answer_must_occur_as_whole_words(answer: str, expected: str, score: float, row: Row) -> None:
    assert Contains().score(answer, row(expected)) == score


def test_a_blank_expected_answer_is_refused(row: Row) -> None:
    with pytest.raises(MetricError, match="line 3: the expected answer is blank"):
        check_examples(Contains(), [row(" ")])
