"""The model endpoints that the operator offers by name, so that no request can name an address of its own."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.budget import TASK
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import InputError, TaskError
from benchmarks.models.connect import TINY
from benchmarks.tasks.schema import SECTIONS, ModelSection

FILE = "endpoints.toml"
VARIABLE = "WHET_ENDPOINTS"

MOST_JOBS = "max_jobs"
USUAL_MOST_JOBS = 2

DECODING = (
    "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "stop", "seed",
    "presence_penalty", "frequency_penalty", "repetition_penalty", "reasoning_effort", "verbosity",
)  # fmt: skip
"""What a request may set. A library on the way to the model understands others as addresses, keys or code."""

_OF_THE_BODY = {"endpoint", "parameters"}


class UnusableModel(TaskError):
    """A request asks, in a `section` of the task, for a model that it may not ask for."""

    def __init__(self, section: str, message: str) -> None:
        super().__init__(f"{section}{message}")
        self.section = section


class EndpointsError(InputError):
    """The operator's endpoints are not configured as they must be."""


def read_endpoints(folder: Path, environment: Mapping[str, str]) -> dict[str, ModelSection]:
    """The endpoints in `endpoints.toml` of the home `folder` and, before them, in the JSON object WHET_ENDPOINTS:
    name to `{model, api_base, api_key_env, max_concurrency, prices, ...}`. The bundled toy model is always there.

    Raises EndpointsError that names the entry at fault.
    """
    return {name: _section(name, content) for name, content in _configured_endpoints(folder, environment).items()}


def job_limits(folder: Path, environment: Mapping[str, str]) -> dict[str, int]:
    """How many jobs may be under way on each endpoint at a time, over all workers: its `max_jobs`, by default 2.

    Raises EndpointsError that names the entry at fault.
    """
    return {name: _most_jobs(name, content) for name, content in _configured_endpoints(folder, environment).items()}


def _configured_endpoints(folder: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {TINY: {"model": TINY}}
    path = folder / FILE
    try:
        if path.is_file():
            found |= tomllib.loads(path.read_text(encoding="utf-8"))
        where = VARIABLE
        if environment.get(VARIABLE):
            given = json.loads(environment[VARIABLE])
            if not isinstance(given, dict):
                raise EndpointsError(f"{VARIABLE} must be a JSON object: name to {{model, api_base, …}}.")
            found |= given
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EndpointsError(f"{path} is not TOML: {error}.") from None
    except json.JSONDecodeError as error:
        raise EndpointsError(f"{where} is not JSON: {error}.") from None
    return found


def _most_jobs(name: str, content: Any) -> int:
    most = content.get(MOST_JOBS, USUAL_MOST_JOBS) if isinstance(content, dict) else USUAL_MOST_JOBS
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise EndpointsError(
            f"The endpoint '{name}' has {MOST_JOBS} = {most!r}; it is how many jobs it takes at a time, 1 or more."
        )
    return most


def _section(name: str, content: Any) -> ModelSection:
    _most_jobs(name, content)
    if not isinstance(content, dict) or not isinstance(content.get("model"), str) or "name" in content:
        raise EndpointsError(f"The endpoint '{name}' needs a model, as in model = \"hosted_vllm/Qwen3-8B\".")
    try:
        fields = {"name" if k == "model" else k: v for k, v in content.items() if k != MOST_JOBS}
        return ModelSection.model_validate(fields)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise EndpointsError(f"The endpoint '{name}' is not configured as it must be: {places}.") from None


def endpoint_of(task: Mapping[str, Any]) -> str | None:
    """What the operator calls the endpoint of the task model, in the content of a task as a request gave it."""
    chosen = task.get(SECTIONS[TASK])
    found = (chosen.get("endpoint") or chosen.get("name")) if isinstance(chosen, dict) else None
    return None if found is None else str(found)


def with_endpoints(task: Mapping[str, Any], endpoints: Mapping[str, ModelSection]) -> dict[str, Any]:
    """The content of a task as a request gave it, with each `{endpoint, parameters}` that names a model filled in from
    the operator's endpoints.

    Raises UnusableModel if there is no task model, or if one names no endpoint, an unknown one, or anything besides.
    """
    named = {section: task.get(section) for section in SECTIONS.values()}
    asked = {section: choice for section, choice in named.items() if choice is not None or section == SECTIONS[TASK]}
    return {**task, **{section: _configured(section, choice, endpoints) for section, choice in asked.items()}}


def _configured(section: str, choice: Any, endpoints: Mapping[str, ModelSection]) -> dict[str, Any]:
    if not isinstance(choice, dict) or not isinstance(choice.get("endpoint", choice.get("name")), str):
        raise UnusableModel(
            section, f": name an endpoint that the operator configured, as in {{endpoint: {next(iter(endpoints))}}}."
        )
    given = {"endpoint" if k == "name" and choice[k] == TINY else k: v for k, v in choice.items()}
    if strange := sorted(given.keys() - _OF_THE_BODY):
        raise UnusableModel(
            section,
            f".{strange[0]}: a request names an endpoint and parameters, nothing else; addresses and keys are the "
            "operator's to configure.",
        )
    name = str(given.get("endpoint"))
    if name not in endpoints:
        raise UnusableModel(
            section,
            f".endpoint: there is no endpoint '{name}'; known: {', '.join(endpoints)}."
            f"{did_you_mean(name, list(endpoints))}",
        )
    parameters = given.get("parameters", {})
    for parameter in parameters:
        if parameter not in DECODING:
            raise UnusableModel(
                section,
                f".parameters.{parameter}: a request may not set it; it may set {', '.join(DECODING)}."
                f"{did_you_mean(parameter, DECODING)}",
            )
    configured = endpoints[name].model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return {**configured, "parameters": {**configured.get("parameters", {}), **parameters}}
