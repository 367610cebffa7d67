from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from sklearn.metrics import f1_score

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.accuracy import Accuracy
from benchmarks.metrics.macro_f1 import MacroF1
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.scoring import check_examples, score_row

Row = Callable[[str], Example]


def test_accuracy_is_the_share_of_right_labels(row: Row) -> None:
    metric = Accuracy(labels=["billing", "orders"])
    examples = [row("billing"), row("Orders"), row("orders"), row("billing")]
    replies = ["Billing.", "orders", "billing", "I think billing"]
    answers = [metric.extractor.extract(reply, ReplyFormat()) for reply in replies]
    scores = [score_row(metric, answer, example) for answer, example in zip(answers, examples, strict=True)]
    assert scores == [1, 1, 0, 0]
    assert metric.aggregate(answers, scores, examples) == 0.5


def test_expected_answers_outside_the_labels_are_found_before_any_call(row: Row) -> None:
    metric = Accuracy(labels=["billing", "orders"])
    check_examples(metric, [row("billing"), row("Orders")])
    with pytest.raises(MetricError, match=r"rows.csv, line 3: the expected answer 'refunds'"):
        check_examples(metric, [row("refunds")])


@pytest.mark.parametrize("seed", range(20))
def test_macro_f1_agrees_with_scikit_learn(seed: int, row: Row) -> None:
    draw = random.Random(seed)
    labels = ["a", "b", "c", "d", "e"]
    expected = [draw.choice(labels[:4]) for _ in range(draw.randint(1, 60))]
    answers = [draw.choice([label, label, *labels, None]) for label in expected]
    metric = MacroF1(labels=labels)
    examples = [row(label) for label in expected]
    scores = [score_row(metric, answer, example) for answer, example in zip(answers, examples, strict=True)]
    theirs = f1_score(
        expected,
        [answer or "no answer" for answer in answers],
        labels=sorted(set(expected)),
        average="macro",
        zero_division=0,
    )
    assert metric.aggregate(answers, scores, examples) == pytest.approx(theirs, abs=1e-12)


def test_macro_f1_counts_a_rare_class_as_much_as_a_common_one(row: Row) -> None:
    metric = MacroF1(labels=["common", "rare"])
    examples = [row("common")] * 9 + [row("rare")]
    answers = ["common"] * 10
    assert metric.aggregate(answers, [1.0] * 9 + [0.0], examples) == pytest.approx((18 / 19) / 2)
