"""A first task file reads back as what it was made of, whatever columns, labels and files are called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.datasets.profile import Profile, profile_rows
from benchmarks.datasets.records import Split
from benchmarks.datasets.rows import rows_from_values
from benchmarks.errors import DataError
from benchmarks.metrics.registry import make_metric
from benchmarks.prompts.template import fill, parse
from benchmarks.tasks.schema import TaskSpec, parse_task
from benchmarks.tasks.wording import description_of, instruction_for
from service.cli.task_text import MOST_LABELS_WRITTEN, Draft, task_text
from service.cli.yaml_text import block, comment, flow_list, scalar

SIZES = {Split.TRAIN: 18, Split.VALIDATION: 36, Split.TEST: 36}
MISREAD = [
    "yes", "No", "on", "OFF", "true", "null", "~", "1", "007", "1.10", "1e-6", "1e5", "0x1F", "0o17", "12:30:45",
    "1_000", ".5", "-1", "+1", ".inf", ".nan", "=", "<<", "2024-01-31", "2024-01-31 10:00:00", "a: b", "a:b", ":a",
    "a #b", "#a", "- a", "-", "?", "? a", "[a]", "{a}", "a, b", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a`",
    "'a'", '"a"', "it's", 'say "a"', " a", "a ", "\ta", "a\tb", "a\nb", "a\n\nb\n", "a\rb", "a\r\nb", "ü", "😀",
    "\ufeffa", "a\u2028b", "a\x85b", "a\xa0b", "\x07", "\x7f", "\\n", "C:\\x", "{{x}}", "---", "...", "a  b", "y", "n",
]  # fmt: skip
# A zero byte and half a surrogate pair cannot come out of a file of rows.
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40)
ANY = st.sampled_from(MISREAD) | TEXT


def spec_of(text: str) -> TaskSpec:
    return parse_task(yaml.safe_load(text))


def draft_of(profile: Profile, **fields: Any) -> Draft:
    usual: dict[str, Any] = {"file": "task.yaml", "name": "t", "source": "t.csv", "data_path": "t.csv", "model": None}
    return Draft(profile=profile, **{**usual, "api_base": None, "sizes": SIZES, **fields})


def support(labels: int = 3, **columns: str) -> Profile:
    rows = [
        {"text": f"some message with words {n}", "team": f"team {n % labels}", "channel": ["mail", "chat"][n // 7 % 2]}
        for n in range(6 * labels)
    ]
    return profile_rows(rows_from_values([{**row, **columns} for row in rows]))


@given(ANY)
def test_a_scalar_reads_back_wherever_it_stands(text: str) -> None:
    written = scalar(text)
    assert "\n" not in written
    assert yaml.safe_load(f"a: {written}\nb: [x, {written}]\nc: {{d: {written}}}\n- e".replace("\n- e", "")) == {
        "a": text,
        "b": ["x", text],
        "c": {"d": text},
    }


@given(st.lists(ANY, min_size=1, max_size=30))
def test_a_list_reads_back_on_however_many_lines(texts: list[str]) -> None:
    assert yaml.safe_load(f"a:\n  b: {flow_list(texts)}\n") == {"a": {"b": texts}}


@given(ANY | st.lists(ANY, max_size=40).map(" ".join) | st.lists(ANY, max_size=5).map("\n".join))
def test_a_block_reads_back_and_so_does_what_follows(text: str) -> None:
    assert yaml.safe_load(f"a:\n  b: {block(text, 4)}\nc: d\n") == {"a": {"b": text}, "c": "d"}


def test_what_needs_no_quotes_has_none() -> None:
    assert flow_list(["billing", "product questions", "e-mail", "Rücksendung"]) == (
        "[billing, product questions, e-mail, Rücksendung]"
    )
    assert [scalar(text) for text in ("yes", "1", "it's: so", "it's")] == ['"yes"', '"1"', '"it\'s: so"', "it's"]
    assert block("Which team?\nOne word.", 2) == "|-\n  Which team?\n  One word."


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=200), max_size=3))
def test_a_comment_is_nothing_but_comment(lines: list[str]) -> None:
    written = comment("\n".join(map(repr, lines)))
    assert all(line.startswith("# ") for line in written.split("\n")[:-1])
    assert yaml.safe_load(f"{written}a: 1\n") == {"a": 1}


@given(st.tuples(ANY, ANY, ANY), st.lists(ANY, min_size=2, max_size=6), ANY)
def test_any_columns_and_labels_are_written_as_they_are_or_refused(
    columns: tuple[str, str, str], labels: list[str], path: str
) -> None:
    text, output, group = columns
    assume(len(set(columns)) == 3)
    rows = [
        {text: f"a message of some words {n}", output: labels[n % len(labels)], group: ["x", "y"][n // 7 % 2]}
        for n in range(6 * len(labels))
    ]
    try:
        profile = profile_rows(rows_from_values(rows), output)
    except DataError:
        return  # a name with braces, one label, or a name that belongs to no input
    spec = spec_of(task_text(draft_of(profile, data_path=path)))
    assert spec == spec_of(task_text(draft_of(profile, data_path=path, sizes=None)))
    assert tuple(spec.inputs) == profile.inputs
    assert spec.output == output
    assert spec.data.path == path
    assert spec.labels is None or set(spec.labels) == {label for label in labels if label.strip()}
    assert spec.description == description_of(profile)
    assert spec.prompt is not None
    assert spec.prompt.instruction == instruction_for(profile)
    assert fill(parse(instruction_for(profile)), {}).startswith(description_of(profile))


def test_every_field_has_its_reason() -> None:
    written = task_text(draft_of(support()))
    for expected in (
        "# 3 distinct values in 'team' (team 0 33 %, team 1 33 %, team 2 33 %), so: classification.\nlabels: [team 0,",
        "# accuracy: the share of right answers",
        "# 'text': named like an input; 18 distinct values of about 5 words.\ninputs: [text]",
        "# The expected answer: named like an answer.\noutput: team",
        "# train 18 rows: ",
        "The proof takes 72 of them",
        "# 'channel': mail, chat.\nslices: [channel]",
        "    Answer only with one of: team 0, team 1, team 2.",
    ):
        assert expected in written


def test_the_commented_choices_are_valid_once_they_are_uncommented() -> None:
    written = task_text(draft_of(support()))
    fields = written[written.index("\nname:") :]
    whole = spec_of(re.sub(r"^# (candidates:|search:|  )", r"\1", fields, flags=re.MULTILINE))
    assert whole.candidates is not None
    assert whole.search.reasoning == ["off", "on"]
    models = re.findall(r"^# (model: .*)$", written, flags=re.MULTILINE)
    names = [spec.model.name for spec in (spec_of(f"{written}{model}\n") for model in models) if spec.model]
    assert names == ["hosted_vllm/Qwen3-8B", "openai/gpt-5-mini", "tiny"]


def test_a_model_that_is_named_is_written_down() -> None:
    written = task_text(draft_of(support(), model="hosted_vllm/x", api_base="http://localhost:9/v1"))
    model = spec_of(written).model
    assert model is not None
    assert (model.name, model.api_base) == ("hosted_vllm/x", "http://localhost:9/v1")
    assert "# model:" not in written
    assert "name a model" not in written
    remote = spec_of(task_text(draft_of(support(), model="openai/gpt-5-mini"))).model
    assert remote is not None
    assert remote.api_base is None


def test_labels_beyond_what_one_reads_are_left_to_the_data_but_stand_in_the_prompt() -> None:
    spec = spec_of(task_text(draft_of(support(MOST_LABELS_WRITTEN))))
    assert spec.labels is not None
    many = spec_of(task_text(draft_of(support(MOST_LABELS_WRITTEN + 1))))
    assert many.labels is None
    assert many.prompt is not None
    assert "team 0, team 1" in str(many.prompt.instruction)


@pytest.mark.parametrize(("rows", "calls", "proof"), [(5, 1000, 10), (250, 1000, 500), (251, 2000, 502)])
def test_the_budget_grows_with_the_test_split(rows: int, calls: int, proof: int) -> None:
    sizes: Mapping[Split, int] = {**SIZES, Split.TEST: rows}
    written = task_text(draft_of(support(), sizes=sizes))
    assert spec_of(written).budget.calls == calls
    assert f"The proof takes {proof} of them" in written


@pytest.mark.parametrize(
    ("answers", "metric", "form"),
    [
        (["yes, no", "no"], "accuracy", "Answer only with one of:\n- no\n- yes, no"),
        ([f"{n}.50" for n in range(40)], "numeric", "Answer only with the number."),
        ([f'{{"a": {n}, "b": 1}}' for n in range(40)], "json_match", 'one JSON object with the keys "a" and "b".'),
        ([f"[{n}]" for n in range(40)], "json_match", "Answer only with JSON."),
        ([f"name {n}" for n in range(40)], "exact_match", "Answer only with the expected answer."),
    ],
)
def test_the_instruction_asks_for_what_the_metric_wants(answers: list[str], metric: str, form: str) -> None:
    rows = [
        {"subject": f"mail {n}", "body": f"words {n}", "expected_answer": answers[n % len(answers)]} for n in range(40)
    ]
    spec = spec_of(task_text(draft_of(profile_rows(rows_from_values(rows)))))
    make_metric(spec.metric_name, spec.metric_options, spec.labels or ())
    assert spec.metric_name == metric
    assert spec.description.startswith("Given the subject and body, ")
    assert spec.prompt is not None
    assert str(spec.prompt.instruction).endswith(form)


def test_a_column_that_asks_is_answered() -> None:
    rows = [{"text": f"some words {n}", "is_spam": ["yes", "no"][n % 2]} for n in range(20)]
    assert description_of(profile_rows(rows_from_values(rows))) == "Given the text, decide: is spam?"
