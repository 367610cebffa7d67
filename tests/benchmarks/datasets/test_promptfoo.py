"""promptfoo's tests as rows, or why they are none."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from benchmarks.datasets.promptfoo import promptfoo_rows
from benchmarks.datasets.uploads import promptfoo, read_upload
from benchmarks.errors import DataError
from tests.benchmarks.datasets.files import YAML

CONFIGURATION = """
# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
description: Which team
prompts: [file://prompt.txt]
providers: [openai:gpt-5-mini]
defaultTest:
  vars: {company: Lumen & Hale}
tests:
  - description: a parcel
    vars:
      message: Where is my parcel?
      since: 2026-01-31
      weight: 1.10
      insured: yes
    assert:
      - type: equals
        value: delivery
  - vars: {message: "The invoice\\nis wrong", company: another, team: billing}
    assert: [{type: equals, value: "{{ team }}"}]
    metadata: {channel: app}
"""


def case(**fields: Any) -> dict[str, Any]:
    return {"vars": {"message": "Hello"}, "assert": [{"type": "equals", "value": "sales"}], **fields}


def asserting(*assertions: Any) -> dict[str, Any]:
    return case(**{"assert": list(assertions)})


def test_a_configuration_is_read_as_it_is_written() -> None:
    found = read_upload(CONFIGURATION.encode(), YAML)
    assert [dict(row.values) for row in found.rows] == [
        {
            "company": "Lumen & Hale", "message": "Where is my parcel?", "since": "2026-01-31", "weight": "1.10",
            "insured": "yes", "expected": "delivery",
        },
        {"company": "another", "message": "The invoice\nis wrong", "expected": "billing", "channel": "app"},
    ]  # fmt: skip
    assert found.inputs == ("company", "message", "since", "weight", "insured")
    assert (found.output, found.metric) == ("expected", "exact_match")
    assert [row.origin for row in found.rows] == ["promptfoo, test 1", "promptfoo, test 2"]


def test_a_bare_list_in_json_is_read_too() -> None:
    found = promptfoo([case(), case(vars={"message": 5})])
    assert [row.values["message"] for row in found.rows] == ["Hello", "5"]


@pytest.mark.parametrize(
    ("kind", "metric"),
    [("equals", "exact_match"), ("contains", "contains"), ("icontains", "contains"), ("regex", "regex")],
)
def test_each_assertion_has_the_metric_that_compares_like_it(kind: str, metric: str) -> None:
    assert promptfoo_rows([asserting({"type": kind, "value": "sales"})], "it").metric == metric


def test_the_default_test_may_assert_for_all() -> None:
    default = {"assert": [{"type": "equals", "value": "{{answer}}"}]}
    tests = [{"vars": {"message": "a", "answer": "x"}}, {"vars": {"message": "b", "answer": "y"}}]
    found = promptfoo_rows({"defaultTest": default, "tests": tests}, "it")
    assert [dict(row.values) for row in found.rows] == [
        {"message": "a", "expected": "x"},
        {"message": "b", "expected": "y"},
    ]
    assert found.inputs == ("message",)


def test_an_expected_object_is_json() -> None:
    found = promptfoo_rows([asserting({"type": "equals", "value": {"b": 1, "a": "x"}})], "it")
    assert found.rows[0].values["expected"] == '{"a":"x","b":1}'


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (
            asserting({"type": "llm-rubric", "value": "is polite"}),
            "asserts 'llm-rubric', which names no expected answer",
        ),
        (asserting({"type": "javascript", "value": "output.length > 3"}), "asserts 'javascript'"),
        (asserting({"type": "python", "value": "open('/etc/passwd')"}), "asserts 'python'"),
        (asserting({"type": "not-equals", "value": "a"}), "asserts 'not-equals'"),
        (asserting({"type": "contains-any", "value": ["a"]}), "asserts 'contains-any'"),
        (asserting(), "asserts 0 things"),
        (asserting({"type": "equals", "value": "a"}, {"type": "equals", "value": "b"}), "asserts 2 things"),
        (asserting("equals"), "asserts None"),
        (asserting({"type": "equals"}), "has no text as its value"),
        (asserting({"type": "contains", "value": ["a"]}), "has no text as its value"),
        (asserting({"type": "equals", "value": "{{nobody}}"}), "none of its vars"),
        (asserting({"type": "equals", "value": "a {{message}}"}), "is a template or a file"),
        (asserting({"type": "equals", "value": "file://a.txt"}), "is a template or a file"),
        (asserting({"type": "equals", "value": "a", "transform": "output.trim()"}), "'transform' has no meaning"),
        (case(vars={"message": ["a", "b"]}), "several tests"),
        (case(vars={"message": {"a": 1}}), "is a mapping"),
        (case(vars={"message": "file:///etc/passwd"}), "names a file, which is not read"),
        (case(vars={"message": "{{env.KEY}}"}), "holds a template"),
        (case(vars={"expected": "a"}), "has the name of the answer's column"),
        (case(vars={}), "no vars that go in"),
        (case(vars="file://vars.yaml"), "vars must be a mapping"),
        (case(options={"transform": "x"}), "'options' has no meaning"),
        (case(provider="openai:gpt-5"), "'provider' has no meaning"),
        (case(metadata={"message": "a"}), "metadata.message has the name of a variable"),
        ("file://tests.yaml", "names a file, which is not read"),
        (7, "no mapping"),
    ],
)
def test_what_is_no_row_is_refused_with_its_number_and_the_reason(test: Any, reason: str) -> None:
    with pytest.raises(DataError) as refused:
        promptfoo_rows([case(), test], "it")
    assert str(refused.value).startswith("it, test 2: ")
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("file://tests.yaml", "names another file"),
        ({"tests": "file://tests.yaml"}, "names another file"),
        ({"tests": [], "defaultTest": "file://default.yaml"}, "names another file"),
        ({"scenarios": []}, "write out the test cases"),
        ({"prompts": ["a"]}, "no list of promptfoo test cases"),
        ([], "no list of promptfoo test cases"),
        (None, "no list of promptfoo test cases"),
    ],
)
def test_what_holds_no_tests_is_refused(content: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        promptfoo_rows(content, "it")


def test_all_reasons_are_given_at_once_up_to_ten() -> None:
    with pytest.raises(DataError) as refused:
        promptfoo_rows([case(vars={})] * 13, "it")
    assert str(refused.value).count("\n") == 10
    assert str(refused.value).endswith("... and 3 more.")


def test_tests_that_assert_different_things_are_no_dataset() -> None:
    with pytest.raises(DataError, match=r"equals \(test 1\), contains \(test 2\)"):
        promptfoo_rows([case(), asserting({"type": "contains", "value": "a"})], "it")


def test_a_name_that_stands_twice_is_a_mistake() -> None:
    with pytest.raises(DataError, match="stands twice"):
        read_upload(b"- vars: {a: x, a: y}\n  assert: [{type: equals, value: z}]\n", YAML)


def test_what_yaml_writes_is_read_again() -> None:
    texts = ["null", "~", "yes", "1e3", "0x1f", "2026-01-31", "a: b", "- c", "'", "«ü»", " leading", "two\nlines"]
    content = yaml.safe_dump([case(vars={"message": text}) for text in texts], allow_unicode=True)
    assert [row.values["message"] for row in read_upload(content.encode(), YAML).rows] == texts
