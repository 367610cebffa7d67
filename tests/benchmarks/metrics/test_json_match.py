from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.json_match import JsonMatch
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.scoring import check_examples, score_row

Row = Callable[[str], Example]


@pytest.mark.parametrize(
    ("answer", "expected", "score"),
    [
        ('{"b": 2, "a": 1.0}', '{"a": 1, "b": 2}', 1),
        ('{"a": 1}', '{"a": true}', 0),
        ('{"a": null}', "{}", 0),
        ("[1, 2]", "[2, 1]", 0),
        ("[1, 2]", "[1, 2, 3]", 0),
        ('{"a": "x"}', '{"a": "X"}', 0),
        ('{"a": "\\u00e9"}', '{"a": "é"}', 1),
        ("not json", "{}", 0),
    ],
)
def test_structure_counts_and_spelling_does_not(answer: str, expected: str, score: float, row: Row) -> None:
    assert JsonMatch().score(answer, row(expected)) == score


def test_fields_score_the_share_that_is_equal(row: Row) -> None:
    metric = JsonMatch(fields=["team", "customer.name", "items.1.id"])
    expected = row('{"team": "billing", "customer": {"name": "Ana"}, "items": [{"id": 1}, {"id": 2}], "note": "x"}')
    answer = '{"team": "billing", "customer": {"name": "Ben"}, "items": [{"id": 9}, {"id": 2.0}]}'
    assert metric.score(answer, expected) == pytest.approx(2 / 3)
    assert metric.score('{"customer": "Ana", "items": []}', expected) == 0
    assert not metric.binary


def test_a_field_that_the_expected_answer_lacks_is_refused(row: Row) -> None:
    with pytest.raises(MetricError, match=r"line 3: the expected answer has no field 'customer.nam'"):
        check_examples(JsonMatch(fields=["customer.nam"]), [row('{"customer": {"name": "Ana"}}')])


@pytest.mark.parametrize("answer", ["7", '"text"', "{", "", "[" * 5000 + "]" * 5000])
def test_an_expected_answer_that_is_no_object_or_array_is_refused(answer: str, row: Row) -> None:
    with pytest.raises(MetricError, match=r"line 3: the expected answer .* is not a JSON object or array"):
        check_examples(JsonMatch(), [row(answer)])


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["n"],
    "properties": {
        "n": {"$ref": "#/$defs/tenths"},
        "code": {"type": "string", "pattern": "^[A-Z]+$"},
        "inner": {"$ref": "#"},
    },
    "$defs": {"tenths": {"type": "number", "multipleOf": 0.1}},
}


def test_an_answer_that_does_not_satisfy_the_schema_scores_0(row: Row) -> None:
    metric = JsonMatch(fields=["n"], schema=SCHEMA)
    expected = row('{"n": 1}')
    check_examples(metric, [expected])
    assert metric.score('{"n": 1, "code": "AB"}', expected) == 1
    assert metric.score('{"n": 1, "code": "ab"}', expected) == 0
    assert metric.score('{"n": "1"}', expected) == 0


def test_replies_that_strain_the_checker_score_0(row: Row) -> None:
    metric = JsonMatch(fields=["n"], schema=SCHEMA)
    for answer in ('{"n": 1e999}', '{"n": ' + "9" * 400 + "}", '{"n": 1, "inner": ' * 200 + "{}" + "}" * 200):
        assert score_row(metric, answer, row('{"n": 1}')) == 0


@pytest.mark.parametrize(
    "dialect", ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"]
)
def test_patterns_take_linear_time_wherever_they_stand(dialect: str, row: Row) -> None:
    schema = {"$schema": dialect, "pattern": "^(a+)+$", "properties": {"inner": {"$ref": "#"}}}
    started = time.perf_counter()
    assert JsonMatch(schema=schema).score(json.dumps({"inner": "a" * 40 + "!"}), row("{}")) == 0
    assert time.perf_counter() - started < 5


def test_an_expected_answer_that_the_schema_forbids_is_refused(row: Row) -> None:
    with pytest.raises(MetricError, match="line 3: the expected answer does not satisfy the schema"):
        check_examples(JsonMatch(schema=SCHEMA), [row('{"code": "AB"}')])


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, "is not a JSON Schema"),
        ({"items": {"$ref": "https://example.org/schema.json"}}, "schemas are never fetched"),
        ({"$ref": "file:///etc/passwd"}, "schemas are never fetched"),
        ({"pattern": "(?=a)"}, "RE2"),
        ({"patternProperties": {"^(a+)+$": {}}}, "patternProperties"),
    ],
)
def test_schemas_that_cannot_be_checked_here_are_refused(schema: dict[str, object], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        JsonMatch(schema=schema)


def test_a_reference_that_leads_nowhere_is_refused(row: Row) -> None:
    with pytest.raises(MetricError, match=r"which is not in it; put it under `\$defs`"):
        check_examples(JsonMatch(schema={"$ref": "#/$defs/team"}), [row("{}")])


@pytest.mark.shared
def test_real_answers_match_themselves_in_a_fence(row: Row) -> None:
    path = Path(os.environ.get("WHET_SHARED_DATA", "../shared/data")) / "facility-support" / "dataset.json"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    metric = JsonMatch()
    for content in json.loads(path.read_text()):
        example = row(content["answer"])
        reply = f"Sure:\n```json\n{json.dumps(json.loads(example.answer), indent=2)}\n```"
        check_examples(metric, [example])
        assert score_row(metric, metric.extractor.extract(reply, ReplyFormat()), example) == 1
