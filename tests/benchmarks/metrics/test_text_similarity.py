from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.chrf import ChrF
from benchmarks.metrics.rouge_l import RougeL
from benchmarks.metrics.scoring import check_examples

Row = Callable[[str], Example]


def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence(row: Row) -> None:
    # Lin (2004), section 3: police killed the gunman / police kill the gunman / the gunman kill police.
    expected = row("police killed the gunman")
    assert RougeL().score("police kill the gunman", expected) == pytest.approx(3 / 4)
    assert RougeL().score("the gunman kill police", expected) == pytest.approx(2 / 4)


def test_chrf_is_a_share_and_falls_with_distance(row: Row) -> None:
    expected = row("The cat sat on the mat.")
    near, far = (ChrF().score(answer, expected) for answer in ("The cat sits on the mat.", "Dogs bark."))
    assert 0 <= far < near < 1


def test_expected_answers_that_cannot_be_reached_are_refused(row: Row) -> None:
    with pytest.raises(MetricError, match=r"line 3: .* use the metric chrf"):
        check_examples(RougeL(), [row("東京")])
    with pytest.raises(MetricError, match="line 3: the expected answer is blank"):
        check_examples(ChrF(), [row(" ")])
