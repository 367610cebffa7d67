"""The operator says which models there are and where; a request names one of them and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import TaskError
from service.endpoints import DECODING, EndpointsError, UnusableModel, job_limits, read_endpoints, with_endpoints

FILE = """
[qwen]
model = "hosted_vllm/Qwen3-8B"
api_base = "http://gpu:8000/v1"
max_concurrency = 48
timeout_s = 5
parameters = {temperature = 0, max_tokens = 16}
prices = {prompt_usd_per_million = 0.1, completion_usd_per_million = 0.2}

[haiku]
model = "anthropic/claude-haiku-4-5"
api_key_env = "ANTHROPIC_KEY"
"""


def variable(**content: Any) -> dict[str, str]:
    return {"WHET_ENDPOINTS": json.dumps(content)}


def test_the_bundled_model_is_always_there(tmp_path: Path) -> None:
    assert {name: section.name for name, section in read_endpoints(tmp_path, {}).items()} == {"tiny": "tiny"}


def test_a_file_in_the_home_names_endpoints(tmp_path: Path) -> None:
    (tmp_path / "endpoints.toml").write_text(FILE)
    found = read_endpoints(tmp_path, {})
    assert set(found) == {"tiny", "qwen", "haiku"}
    assert (found["qwen"].name, found["qwen"].api_base) == ("hosted_vllm/Qwen3-8B", "http://gpu:8000/v1")
    assert (found["qwen"].max_concurrency, found["qwen"].timeout_s) == (48, 5.0)
    assert found["qwen"].prices is not None
    assert found["haiku"].api_key_env == "ANTHROPIC_KEY"


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "endpoints.toml").write_text(FILE)
    found = read_endpoints(tmp_path, variable(qwen={"model": "openai/other"}, more={"model": "openai/more"}))
    assert {name: section.name for name, section in found.items()} == {
        "tiny": "tiny",
        "qwen": "openai/other",
        "haiku": "anthropic/claude-haiku-4-5",
        "more": "openai/more",
    }
    assert found["qwen"].api_base is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": {}}, "'a' needs a model"),
        ({"a": "openai/x"}, "'a' needs a model"),
        ({"a": {"model": 3}}, "'a' needs a model"),
        ({"a": {"name": "openai/x"}}, "'a' needs a model"),
        ({"a": {"model": "openai/x", "name": "openai/y"}}, "'a' needs a model"),
        ({"a": {"model": "openai/x", "api_bse": "http://h"}}, "'a' is not configured as it must be: api_bse"),
        ({"a": {"model": "openai/x", "api_base": "gpu:8000"}}, "begins with http:// or https://"),
        ({"a": {"model": "openai/x", "max_concurrency": 0}}, "max_concurrency"),
        *(({"a": {"model": "openai/x", "max_jobs": most}}, "'a' has max_jobs = ") for most in (0, -1, 1.5, "2", True)),
        ({"a": {"model": "openai/x", "parameters": {"api_key": "x"}}}, "'api_key' is no decoding parameter"),
    ],
)
def test_a_mistake_is_named_with_its_endpoint(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(EndpointsError) as raised:
        read_endpoints(tmp_path, variable(**content))
    assert said in str(raised.value)


def test_an_endpoint_takes_two_jobs_unless_the_operator_says_otherwise(tmp_path: Path) -> None:
    given = variable(a={"model": "openai/x"}, b={"model": "openai/x", "max_jobs": 7})
    assert job_limits(tmp_path, given) == {"tiny": 2, "a": 2, "b": 7}
    assert read_endpoints(tmp_path, given)["a"] == read_endpoints(tmp_path, given)["b"]


@pytest.mark.parametrize("key", ["sk-planted-key", "a key with spaces"])
def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path, key: str) -> None:
    for section in (
        {"model": "openai/x", "api_key": key},
        {"model": "openai/x", "api_key_env": f"{key}!"},
        {"model": "openai/x", "api_base": f"https://user:{key}@host/v1"},
    ):
        with pytest.raises(EndpointsError) as raised:
            read_endpoints(tmp_path, variable(a=section))
        assert key not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [("[1]", "must be a JSON object"), ("{", "WHET_ENDPOINTS is not JSON"), ('"x"', "must be a JSON object")],
)
def test_a_variable_that_is_no_object_is_refused(tmp_path: Path, given: str, said: str) -> None:
    with pytest.raises(EndpointsError, match=said):
        read_endpoints(tmp_path, {"WHET_ENDPOINTS": given})


@pytest.mark.parametrize("content", [b"[a", b"a = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "endpoints.toml").write_bytes(content)
    with pytest.raises(EndpointsError, match=r"endpoints\.toml is not TOML"):
        read_endpoints(tmp_path, {})


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    assert set(read_endpoints(tmp_path, {"WHET_ENDPOINTS": ""})) == {"tiny"}


# What a request says


def resolved(tmp_path: Path, model: Any) -> Any:
    (tmp_path / "endpoints.toml").write_text(FILE)
    return with_endpoints({"name": "triage", "model": model}, read_endpoints(tmp_path, {}))["model"]


def test_a_name_stands_for_what_the_operator_configured(tmp_path: Path) -> None:
    assert resolved(tmp_path, {"endpoint": "qwen"}) == {
        "name": "hosted_vllm/Qwen3-8B",
        "api_base": "http://gpu:8000/v1",
        "max_concurrency": 48,
        "timeout_s": 5.0,
        "parameters": {"temperature": 0, "max_tokens": 16},
        "prices": {"prompt_usd_per_million": 0.1, "completion_usd_per_million": 0.2},
    }


def test_a_key_stays_the_name_of_a_variable(tmp_path: Path) -> None:
    assert resolved(tmp_path, {"endpoint": "haiku"})["api_key_env"] == "ANTHROPIC_KEY"


def test_the_models_of_other_roles_are_named_in_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "endpoints.toml").write_text(FILE)
    known = read_endpoints(tmp_path, {})
    asked = {"model": {"endpoint": "qwen"}, "proposer_model": {"endpoint": "haiku"}, "judge_model": None}
    found = with_endpoints(asked, known)
    assert found["proposer_model"]["name"] == "anthropic/claude-haiku-4-5"
    assert found["judge_model"] is None
    for strange in ({"endpoint": "qwn"}, {"endpoint": "qwen", "api_base": "http://h"}):
        with pytest.raises(UnusableModel, match=r"^judge_model") as raised:
            with_endpoints({**asked, "judge_model": strange}, known)
        assert raised.value.section == "judge_model"


@pytest.mark.parametrize("model", [{"name": "tiny"}, {"endpoint": "tiny"}])
def test_the_bundled_model_has_a_name_of_its_own(tmp_path: Path, model: Any) -> None:
    assert resolved(tmp_path, model) == {"name": "tiny", "parameters": {}}


def test_a_request_s_parameters_come_before_the_operator_s(tmp_path: Path) -> None:
    asked = {"endpoint": "qwen", "parameters": {"temperature": 1, "top_p": 0.5}}
    assert resolved(tmp_path, asked)["parameters"] == {"temperature": 1, "max_tokens": 16, "top_p": 0.5}


@pytest.mark.parametrize("parameter", DECODING)
def test_decoding_parameters_may_be_set(tmp_path: Path, parameter: str) -> None:
    assert resolved(tmp_path, {"endpoint": "haiku", "parameters": {parameter: 1}})["parameters"] == {parameter: 1}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (None, "name an endpoint that the operator configured"),
        ("qwen", "name an endpoint that the operator configured"),
        ({}, "name an endpoint that the operator configured"),
        ({"endpoint": 3}, "name an endpoint that the operator configured"),
        ({"endpoint": "qwn"}, "there is no endpoint 'qwn'; known: tiny, qwen, haiku. Did you mean 'qwen'?"),
        ({"endpoint": "hosted_vllm/Qwen3-8B"}, "there is no endpoint"),
        ({"name": "openai/gpt-4o"}, "model.name: a request names an endpoint and parameters, nothing else"),
        ({"endpoint": "qwen", "api_base": "http://h"}, "model.api_base: a request names an endpoint"),
        ({"endpoint": "qwen", "batch": True}, "model.batch: a request names an endpoint"),
        ({"endpoint": "qwen", "parameters": {"base_url": "http://h"}}, "model.parameters.base_url: a request may not"),
        ({"endpoint": "qwen", "parameters": {"temprature": 1}}, "Did you mean 'temperature'?"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, model: Any, said: str) -> None:
    with pytest.raises(TaskError) as raised:
        resolved(tmp_path, model)
    assert said in str(raised.value)
    assert "http://h" not in str(raised.value)
    assert "gpu" not in str(raised.value)
