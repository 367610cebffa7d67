"""The task file: what it may say, and how each mistake is explained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import TaskError
from benchmarks.tasks.schema import TaskSpec, parse_task, read_task_file

SMALLEST: dict[str, Any] = {"name": "triage", "inputs": ["text"], "output": "team", "data": {"path": "rows.csv"}}
MESSAGE = {"role": "user", "content": "{{text}}"}


def task(**fields: Any) -> TaskSpec:
    return parse_task({**SMALLEST, **fields})


def mistake(content: dict[str, Any]) -> str:
    with pytest.raises(TaskError) as caught:
        parse_task(content)
    heading, _, lines = str(caught.value).partition("\n")
    assert heading == "The task is not valid:"
    return lines


def test_the_smallest_task_has_the_documented_defaults() -> None:
    spec = task()
    assert (spec.metric_name, spec.metric_options) == ("exact_match", {})
    assert (spec.split.train, spec.split.validation, spec.split.test) == (0.2, 0.4, 0.4)
    assert (spec.budget.calls, spec.budget.tokens, spec.budget.usd, spec.budget.seconds) == (2000, None, None, None)
    assert (spec.promote.label, spec.promote.when) == ("production", "proven")
    assert (spec.seed, spec.headroom.repeats, spec.headroom.stop, spec.model) == (0, None, True, None)


def test_a_metric_is_a_name_or_a_name_with_options() -> None:
    spec = task(metric={"name": "numeric", "tolerance": 0.01})
    assert (spec.metric_name, spec.metric_options) == ("numeric", {"tolerance": 0.01})
    assert task(metric="accuracy").metric_name == "accuracy"


def test_what_yaml_makes_of_off_and_on_and_none_is_understood() -> None:
    spec = task(search={"reasoning": [False, True], "answer_marker": [None, "Team:"]})
    assert spec.search.reasoning == ["off", "on"]
    assert spec.search.answer_marker == ["none", "Team:"]


def test_whole_numbers_are_fine_where_fractions_may_stand() -> None:
    spec = task(split={"train": 0, "validation": 50, "test": 50}, budget={"usd": 1}, search={"temperature": [0, 1]})
    assert spec.split.validation == 50
    assert spec.budget.usd == 1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"metrik": "accuracy"}, "metrik: unknown field. Did you mean 'metric'?"),
        ({"model": {"name": "m", "max_concurency": 3}}, "model.max_concurency: unknown field. Did you mean 'max_conc"),
        ({"search": {"demonstrations": {"cuont": [1]}}}, "search.demonstrations.cuont: unknown field. Did you mean 'c"),
        ({"prompt": {"messages": [{**MESSAGE, "contents": ""}]}}, "prompt.messages.0.contents: unknown field. Did you"),
        ({"xyz": 1}, "xyz: unknown field."),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_known_one(fields: dict[str, Any], says: str) -> None:
    assert says in mistake({**SMALLEST, **fields})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"search": {"delimiters": ["xlm"]}}, "unknown delimiter family 'xlm'; known: plain, markdown.*mean 'xml'?"),
        ({"prompt": {"instruction": "a", "delimiters": "xlm"}}, "unknown delimiter family 'xlm'.*mean 'xml'?"),
        ({"search": {"placement": ["sytem"]}}, "unknown placement 'sytem'.*mean 'system'?"),
        ({"prompt": {"instruction": "a", "placement": "sytem"}}, "unknown placement 'sytem'.*mean 'system'?"),
        ({"search": {"demonstrations": {"style": ["turn"]}}}, "unknown demonstration style 'turn'.*mean 'turns'?"),
        ({"search": {"demonstrations": {"selector": ["near"]}}}, "unknown demonstration selector 'near'"),
        ({"search": {"reasoning": ["maybe"]}}, r"search\.reasoning\.0: .*'off' or 'on' \(found 'maybe'\)"),
        ({"split": {"near_duplicates": "groups"}}, "'warn' or 'group'"),
        ({"promote": {"when": "always"}}, "'proven' or 'never'"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_are_known(fields: dict[str, Any], says: str) -> None:
    assert re.search(says, mistake({**SMALLEST, **fields}))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"output": "text"}, "output 'text' is also an input"),
        ({"inputs": []}, "inputs: List should have at least 1 item"),
        ({"inputs": ["text", "text"]}, "inputs name a column twice"),
        ({"inputs": ["{text}"]}, "input '{text}' cannot be a variable: no braces"),
        ({"inputs": [" text"]}, "input ' text' cannot be a variable"),
        ({"inputs": [""]}, "input '' cannot be a variable"),
        ({"inputs": "text"}, "inputs: Input should be a valid list (found 'text')"),
        ({"labels": ["billing"]}, "labels: List should have at least 2 items"),
        ({"labels": ["billing", "billing"]}, "labels name a label twice"),
        ({"labels": [True, False]}, "labels.0: Input should be a valid string (found True); YAML reads a bare"),
        ({"labels": [1, 2]}, "(found 1); YAML reads a bare number, date, yes, no, on or off as such: write it in quo"),
        ({"metric": {"tolerance": 1}}, "metric needs a name, as in {name: numeric"),
        ({"metric": None}, "metric: write a metric's name, or {name: …} with its options"),
        ({"name": "two words"}, "name: String should match pattern"),
        ({"name": ""}, "name: String should match pattern"),
        ({"data": {}}, "data: give exactly one of: path; rows; dataset; or validation"),
        ({"data": {"path": "a", "rows": []}}, "data: give exactly one of"),
        ({"data": {"path": "a", "test": "b"}}, "data: give exactly one of"),
        ({"data": {"rows": [], "dataset": "a"}}, "data: give exactly one of"),
        ({"data": {"dataset": "a/b"}}, "data.dataset: String should match pattern"),
        ({"data": {"dataset": "a@12"}}, "data.dataset: String should match pattern"),
        ({"data": {"dataset": "a"}, "split": {"seed": 1}}, "a dataset was split when it was registered: leave split o"),
        ({"data": {"train": "a", "test": "b"}}, "data: given split files need at least validation and test"),
        ({"prompt": {}}, "prompt: give either instruction or messages"),
        ({"prompt": {"instruction": "a", "messages": [MESSAGE]}}, "prompt: give either instruction or messages"),
        ({"prompt": {"messages": []}}, "prompt.messages: List should have at least 1 item"),
        ({"prompt": {"messages": [{"role": "bot", "content": "a"}]}}, "prompt.messages.0.role: Input should be 'sys"),
        ({"prompt": {"messages": [MESSAGE], "placement": "user"}}, "messages are taken as they are"),
        ({"split": {"train": -0.1}}, "split.train: Input should be greater than or equal to 0 (found -0.1)"),
        ({"budget": {"calls": 0}}, "budget.calls: Input should be greater than or equal to 1 (found 0)"),
        ({"budget": {"calls": "2000"}}, "budget.calls: Input should be a valid integer (found '2000')"),
        ({"budget": {"usd": float("nan")}}, "budget.usd: Input should be greater than 0"),
        ({"headroom": {"repeats": 0}}, "headroom.repeats"),
        ({"search": {"temperature": [3]}}, "search.temperature.0: Input should be less than or equal to 2"),
        ({"search": {"demonstrations": {"count": [-1]}}}, "search.demonstrations.count.0"),
        ({"model": {}}, "model.name: required"),
        ({"model": {"name": "m", "max_concurrency": 0}}, "model.max_concurrency"),
        ({"model": {"name": "m", "timeout_s": 0}}, "model.timeout_s"),
        ({"model": {"name": "m", "outage_s": -1.0}}, "model.outage_s"),
        ({"model": {"name": "m", "api_base": "localhost:8000/v1"}}, "an address begins with http:// or https://, as"),
        ({"model": {"name": "m", "parameters": {"stream": True}}}, "'stream' is no decoding parameter"),
        ({"model": {"name": "m", "parameters": {"model": "other"}}}, "'model' is no decoding parameter"),
        ({"model": {"name": "m", "parameters": {"logit_bias": {}}}}, "'logit_bias' must be a text, a number"),
        ({"model": {"name": "m", "prices": {"prompt_usd_per_million": 1}}}, "model.prices.completion_usd_per_mil"),
        ({"model": {"name": "tiny", "batch": True}}, "model: batch: true needs a model of OpenAI's Batch"),
        ({"model": {"name": "hosted_vllm/m", "batch": True}}, "'hosted_vllm/m' has none. Leave batch out"),
        ({"model": {"name": "anthropic/m", "batch": True}}, "'anthropic/m' has none"),
        ({"promote": {"label": "Live!"}}, "promote.label"),
    ],
)
def test_a_mistake_is_named_with_its_place_its_value_and_the_rule(fields: dict[str, Any], says: str) -> None:
    assert says in mistake({**SMALLEST, **fields})


def test_all_mistakes_are_named_at_once() -> None:
    lines = mistake({"inputs": [], "model": {"nam": "m"}}).splitlines()
    assert [line.split(":")[0].strip() for line in lines] == [
        "name",
        "inputs",
        "output",
        "data",
        "model.name",
        "model.nam",
    ]
    assert lines[0] == "  name: required"


@pytest.mark.parametrize("parameters", [{"temperature": 0.5, "stop": ["\n"], "seed": None, "logprobs": True}, {}])
def test_decoding_parameters_are_passed_on_as_they_are(parameters: dict[str, Any]) -> None:
    spec = task(model={"name": "m", "api_base": "HTTPS://host/v1", "parameters": parameters})
    assert spec.model is not None
    assert spec.model.parameters == parameters


def test_a_proposer_of_ones_own_is_named_by_its_function() -> None:
    assert task(search={"proposers": ["grammar", "mine.py:propose"]}).search.proposers == ["grammar", "mine.py:propose"]


@pytest.mark.parametrize("name", ["task.yaml", "task.json"])
def test_a_task_file_is_yaml_or_json(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(
        '{"name": "triage", "inputs": ["text"]}' if name.endswith("json") else "name: triage\ninputs: [text]"
    )
    assert read_task_file(path) == {"name": "triage", "inputs": ["text"]}


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_bytes("\ufeffname: triage".encode())
    assert read_task_file(path) == {"name": "triage"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty or no mapping: it needs at least name"),
        (b"# nothing\n", "is empty or no mapping"),
        (b"- a\n- b\n", "is empty or no mapping"),
        (b"just text", "is empty or no mapping"),
        (b"name: [a", "is not YAML or JSON: while parsing.*line 1"),
        (b"\tname: a", "is not YAML or JSON"),
        (b"name: \xff\xfe", "cannot be read"),
        (b"name: !!python/object/apply:os.system ['true']", "is not YAML or JSON"),
    ],
)
def test_a_file_that_is_no_task_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_bytes(content)
    with pytest.raises(TaskError, match=says) as caught:
        read_task_file(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"There is no task file .*nowhere\.yaml"):
        read_task_file(tmp_path / "nowhere.yaml")
    with pytest.raises(TaskError, match="cannot be read"):
        read_task_file(tmp_path)


def test_an_address_with_a_key_in_it_is_refused_and_not_repeated() -> None:
    task = {"name": "a", "inputs": ["x"], "output": "y", "data": {"path": "rows.csv"}}
    model = {"name": "hosted_vllm/local", "api_base": "http://user:planted-key@127.0.0.1:8000/v1"}
    with pytest.raises(TaskError, match="api_key_env") as refused:
        parse_task({**task, "model": model})
    assert "planted-key" not in str(refused.value)


def test_a_json_task_file_is_read_by_the_rules_of_json(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text('{"name": "a", "inputs": ["x"], "output": "y", "data": {"path": "r.csv"}, "budget": {"usd": 1e-6}}')
    assert parse_task(read_task_file(path)).budget.usd == 1e-6
