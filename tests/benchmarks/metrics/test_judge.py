"""What a judge may be told, how a verdict is read, and what is no verdict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.judge import Judge, Scale, Verdicts, reason_of
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.registry import make_metric
from benchmarks.metrics.scoring import score_row

ROW = Example(id="1", inputs={"text": "?"}, answer="x", slices={}, origin="rows.csv, line 3")
TWO, FIVE = Scale.of("pass/fail"), Scale.of(5)


def judge(**options: Any) -> Judge:
    made = make_metric("judge", {"rubric": "Polite?", **options}, ())
    assert isinstance(made, Judge)
    return made


def read(reply: str, scale: Scale = TWO) -> float | None:
    verdicts = Verdicts(scale)
    answer = verdicts.extractor.extract(reply, ReplyFormat())
    return None if answer is None else score_row(verdicts, answer, ROW)


def test_a_judge_passes_or_fails_unless_it_is_told_otherwise() -> None:
    assert judge().binary
    assert judge().scale.grades == ("fail", "pass")
    assert not judge(scale=3).binary
    assert judge(scale=3).scale.grades == (1, 2, 3)
    assert judge(scale=2).binary


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rubric": " "}, "needs a rubric"),
        ({"scale": 1}, "a whole number from 2 to 100; got 1"),
        ({"scale": "stars"}, "one of pass/fail or a whole number"),
        ({"scale": True}, "got True"),
        ({"criteria": "polite"}, "'criteria' of the metric 'judge' must be a list"),
        ({"rubrik": "x"}, "Did you mean 'rubric'"),
        ({"reference": "no"}, "'reference'"),
    ],
)
def test_an_option_that_does_not_fit_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(MetricError) as raised:
        judge(**options)
    assert said in str(raised.value)


def test_a_judge_needs_a_rubric() -> None:
    with pytest.raises(MetricError, match="needs the option 'rubric'"):
        make_metric("judge", {}, ())


def test_a_judge_scores_nothing_without_its_model() -> None:
    with pytest.raises(MetricError, match="its model must be asked"):
        score_row(judge(), "fine", ROW)


@given(st.integers(2, 100))
def test_grades_lie_at_equal_distances_from_0_to_1(highest: int) -> None:
    scale = Scale.of(highest)
    scores = [scale.score(grade) for grade in scale.grades]
    assert (scores[0], scores[-1]) == (0.0, 1.0)
    assert scores == pytest.approx([number / (highest - 1) for number in range(highest)])


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ('{"reason": "It is.", "grade": "pass"}', 1.0),
        ('{"grade": "fail"}', 0.0),
        ('```json\n{"reason": "", "grade": "fail"}\n```', 0.0),
        ('<think>{"grade": "fail"}</think>\n{"grade": "pass"}', 1.0),
        (' \n{"grade":\n"pass"}\n', 1.0),
    ],
)
def test_a_verdict_is_read(reply: str, score: float) -> None:
    assert read(reply) == score


@pytest.mark.parametrize(
    "reply",
    [
        "", "pass", '"pass"', "{}", "[]", "null", '{"grade": "PASS"}', '{"grade": "good"}', '{"grade": null}',
        '{"grade": 1}', '{"grade": ["pass"]}', '[{"grade": "pass"}]', '{"verdict": "pass"}', '{"grade": "pass"',
        'The reply says {"grade": "pass"}', '{"grade": "pass"} and {"grade": "fail"}',
        '{"grade": "pass"} is what it wants',
    ],
)  # fmt: skip
def test_anything_else_is_no_verdict(reply: str) -> None:
    assert read(reply) is None


@pytest.mark.parametrize(("grade", "score"), [(1, 0.0), (3, 0.5), (5, 1.0), (0, None), (6, None), (True, None)])
def test_a_grade_lies_on_the_scale(grade: Any, score: float | None) -> None:
    assert read(json.dumps({"grade": grade}), FIVE) == score


@given(st.text())
def test_no_text_breaks_the_reader(reply: str) -> None:
    assert read(reply) in (None, 0.0, 1.0)


def test_a_verdict_says_why() -> None:
    assert reason_of('{"reason": "It is.", "grade": "pass"}') == "It is."
    assert reason_of('{"grade": "pass"}') == ""


def test_the_schema_allows_what_is_read_and_nothing_else() -> None:
    import jsonschema

    cases: list[tuple[Scale, list[Any]]] = [(TWO, ["PASS", 1, None]), (FIVE, [0, 6, "3", None])]
    for scale, others in cases:
        for grade in scale.grades:
            jsonschema.validate({"reason": "", "grade": grade}, scale.schema)
        for other in others:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({"reason": "", "grade": other}, scale.schema)
