from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.exact_match import ExactMatch
from benchmarks.metrics.protocol import Metric, ReplyFormat
from benchmarks.metrics.scoring import score_row

Row = Callable[[str], Example]


def scored(metric: Metric, reply: str, example: Example) -> float:
    return score_row(metric, metric.extractor.extract(reply, ReplyFormat()), example)


@pytest.mark.parametrize("reply", ["(B)", "(b).", "**(B)**", "(B)\n\nBecause it is Christmas.", "```\n(B)\n```"])
def test_the_whole_reply_or_its_first_line_may_match(reply: str, row: Row) -> None:
    assert scored(ExactMatch(), reply, row("(B)")) == 1


@pytest.mark.parametrize("reply", ["B", "The answer is (B).", "Because it is Christmas:\n(B)", "(C)"])
def test_anything_else_does_not(reply: str, row: Row) -> None:
    assert scored(ExactMatch(), reply, row("(B)")) == 0


def test_an_expected_answer_of_several_lines_matches_as_a_whole(row: Row) -> None:
    assert scored(ExactMatch(), "one\n two", row("one\ntwo")) == 1
    assert scored(ExactMatch(), "one", row("one\ntwo")) == 0


def test_extract_allows_only_one_of_the_two(row: Row) -> None:
    reply = "(B)\nBecause it is Christmas."
    assert scored(ExactMatch(extract="text"), reply, row("(B)")) == 0
    assert scored(ExactMatch(extract="line"), reply, row("(B)")) == 1


def test_case_counts_on_request(row: Row) -> None:
    assert scored(ExactMatch(case_sensitive=True), "may.", row("May")) == 0
    assert scored(ExactMatch(case_sensitive=True), "May.", row("May")) == 1


def test_without_normalisation_only_white_space_around_is_free(row: Row) -> None:
    metric = ExactMatch(normalise=False)
    assert scored(metric, " May\n", row("May ")) == 1
    assert scored(metric, "May.", row("May")) == 0
    assert scored(metric, "may", row("May")) == 0


def test_contradicting_options_are_refused() -> None:
    with pytest.raises(MetricError, match="remove `case_sensitive: false`"):
        ExactMatch(normalise=False, case_sensitive=False)


@pytest.mark.shared
@pytest.mark.parametrize("task", ["date_understanding", "dyck_languages", "word_sorting", "sports_understanding"])
def test_real_answers_match_themselves_and_no_other(task: str, row: Row) -> None:
    path = Path(os.environ.get("WHET_SHARED_DATA", "../shared/data")) / "bbh" / f"{task}.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    answers = sorted({json.loads(line)["target"] for line in path.read_text().splitlines()})
    metric = ExactMatch()
    for position, answer in enumerate(answers):
        assert scored(metric, f"{answer}.\n\nThat is all.", row(answer)) == 1
        assert scored(metric, answers[position - 1], row(answer)) == 0
