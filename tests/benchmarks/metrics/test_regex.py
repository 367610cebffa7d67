from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.regex import Regex
from benchmarks.metrics.scoring import check_examples

Row = Callable[[str], Example]


def test_the_pattern_may_occur_anywhere_unless_it_is_anchored(row: Row) -> None:
    assert Regex(pattern=r"\bv\d+").score("use v12 here", row("")) == 1
    assert Regex(pattern=r"^v\d+$").score("use v12 here", row("")) == 0
    assert Regex(pattern="(?i)V12").score("use v12 here", row("")) == 1


def test_the_expected_answer_is_the_pattern_when_none_is_given(row: Row) -> None:
    assert Regex().score("on 2024-05-01", row(r"\d{4}-05")) == 1
    assert Regex().score("on 2024-06-01", row(r"\d{4}-05")) == 0


def test_matching_takes_linear_time(row: Row) -> None:
    started = time.perf_counter()
    assert Regex(pattern="^(a+)+$").score("a" * 50_000 + "!", row("")) == 0
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "\ud800"])
def test_what_re2_cannot_match_is_refused(pattern: str, row: Row) -> None:
    with pytest.raises(MetricError, match="not a pattern that RE2"):
        Regex(pattern=pattern)
    with pytest.raises(MetricError, match=r"rows.csv, line 3: .* not a pattern that RE2"):
        check_examples(Regex(), [row(pattern)])


def test_an_empty_pattern_is_refused(row: Row) -> None:
    with pytest.raises(MetricError, match="would match every reply"):
        check_examples(Regex(), [row("")])


def test_lone_surrogates_in_a_reply_do_no_harm(row: Row) -> None:
    assert Regex(pattern="a$").score("\ud800a", row("")) == 1
