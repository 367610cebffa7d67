"""What every metric promises (`benchmarks.metrics.protocol.Metric`), checked on each built-in one."""

from __future__ import annotations

import pytest

from benchmarks.datasets.records import Example
from benchmarks.metrics.protocol import Metric, ReplyFormat
from benchmarks.metrics.registry import BUILT_IN, make_metric
from benchmarks.metrics.scoring import check_examples, score_row

LABELS = ("billing", "orders")
OPTIONS: dict[str, list[dict[str, object]]] = {
    "exact_match": [{"case_sensitive": True}, {"normalise": False}],
    "numeric": [{"tolerance": 1}],
    "regex": [{"pattern": "b.l"}],
    "json_match": [{"fields": ["a", "b.0"]}, {"fields": ["a"]}, {"schema": {"type": "object"}}],
}
EXPECTED = {"numeric": "42", "json_match": '{"a": 1, "b": [true, "x"]}'}
REPLIES = (
    "billing",
    "Orders.",
    "It is billing, I think.\nOr orders.",
    "42",
    "It makes $1,042.50.",
    '{"a": 1, "b": [true, "x"]}',
    '{"a": 1, "b": [false]}',
    "```json\n[1]\n```",
    "東京",
    "<think>billing",
    " ",
)


def settings() -> list[tuple[str, dict[str, object]]]:
    return [(name, options) for name in BUILT_IN for options in [{}, *OPTIONS.get(name, [])]]


@pytest.fixture(params=settings(), ids=str)
def metric(request: pytest.FixtureRequest) -> Metric:
    name, options = request.param
    return make_metric(name, options, LABELS)


@pytest.fixture
def example(metric: Metric) -> Example:
    answer = EXPECTED.get(metric.name, "billing")
    return Example(id="1", inputs={"text": "?"}, answer=answer, slices={}, origin="rows.csv, line 3")


def scored(metric: Metric, reply: str, example: Example) -> float:
    return score_row(metric, metric.extractor.extract(reply, ReplyFormat()), example)


def test_the_parts_of_a_metric_are_there(metric: Metric) -> None:
    assert metric.name in BUILT_IN
    assert isinstance(metric.binary, bool)
    assert isinstance(metric.mean_of_rows, bool)


def test_scores_lie_in_0_to_1_and_are_0_or_1_if_binary(metric: Metric, example: Example) -> None:
    for reply in REPLIES:
        for answer in (reply, metric.extractor.extract(reply, ReplyFormat())):
            score = 0.0 if answer is None else metric.score(answer, example)
            assert 0 <= score <= 1
            assert not metric.binary or score in (0, 1)


def test_the_expected_answer_scores_1_and_passes_the_check(metric: Metric, example: Example) -> None:
    check_examples(metric, [example])
    assert scored(metric, example.answer, example) == 1


def test_a_wrong_answer_scores_less(metric: Metric, example: Example) -> None:
    assert scored(metric, "zzz 7 []", example) < 1


def test_scoring_is_pure(metric: Metric, example: Example) -> None:
    first = [scored(metric, reply, example) for reply in REPLIES]
    assert [scored(metric, reply, example) for reply in reversed(REPLIES)] == first[::-1]


def test_a_blank_reply_holds_no_answer(metric: Metric, example: Example) -> None:
    for reply in ("", " \n", "<think>billing 42 {}"):
        assert metric.extractor.extract(reply, ReplyFormat()) is None
        assert scored(metric, reply, example) == 0


@pytest.mark.parametrize("score", [0.0, 0.1, 1 / 3, 1.0])
@pytest.mark.parametrize("rows", [1, 3, 49])
def test_a_mean_of_equal_scores_is_that_score(metric: Metric, example: Example, score: float, rows: int) -> None:
    if metric.mean_of_rows:
        together = metric.aggregate(["x"] * rows, [score] * rows, [example] * rows)
        assert together == pytest.approx(score, abs=1e-15)


def test_rows_together_are_worth_between_0_and_1(metric: Metric, example: Example) -> None:
    right, wrong = metric.extractor.extract(example.answer, ReplyFormat()), None
    assert metric.aggregate([right] * 3, [1.0] * 3, [example] * 3) == 1
    assert metric.aggregate([wrong] * 3, [0.0] * 3, [example] * 3) == 0
    assert 0 < metric.aggregate([right, wrong], [1.0, 0.0], [example] * 2) < 1
