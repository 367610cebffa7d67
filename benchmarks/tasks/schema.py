"""The schema of a task, one for file, command line and REST; unknown fields are refused with the nearest known name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from benchmarks.budget import JUDGE, PROPOSER, TASK
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import TaskError
from benchmarks.models.protocol import Setting
from benchmarks.prompts.delimiters import NAMES as DELIMITERS
from benchmarks.prompts.layout import PLACEMENTS, STYLES

SELECTORS = ("random", "balanced", "nearest")
MOST_DEMONSTRATIONS = 64
SECTIONS = {TASK: "model", PROPOSER: "proposer_model", JUDGE: "judge_model"}
"""Where a task names the model of each role."""

LABEL = r"^([0-9][0-9._-]*)?[a-z][a-z0-9._-]*$"
"""A label of the registry, at most 64 characters. One of digits alone would read as a version."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
"""The name of a task, and of its prompt in the registry."""

DATASET = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(@[0-9a-f]{8,64})?$"
"""A registered dataset: its name, for its latest version, or `name@digest`."""

_NO_DECODING_PARAMETERS = ("model", "messages", "stream", "n", "api_base", "api_key", "timeout")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Share = Annotated[float, Field(ge=0)]


class DataSection(_Section):
    """Where the rows are: one `path` to be split, or given files for the three splits, or inline `rows`, or a
    registered `dataset` (`name@digest`, or `name` for the latest), whose split is drawn already."""

    path: str | None = None
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    rows: list[dict[str, Any]] | None = None
    dataset: Annotated[str, Field(pattern=DATASET)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> DataSection:
        given = self.train is not None or self.validation is not None or self.test is not None
        if (self.path is not None) + (self.rows is not None) + (self.dataset is not None) + given != 1:
            raise ValueError("give exactly one of: path; rows; dataset; or validation and test (and train) files")
        if given and (self.validation is None or self.test is None):
            raise ValueError("given split files need at least validation and test")
        return self


class SplitSection(_Section):
    """How rows from one source are divided: numbers up to 1 are fractions, integers above are counts."""

    train: Share = 0.2
    validation: Share = 0.4
    test: Share = 0.4
    seed: Annotated[int, Field(ge=-(2**53), le=2**53)] = 0
    near_duplicates: Literal["warn", "group"] = "warn"


class MessageSection(_Section):
    """One chat message of a prompt; `content` is a template with `{{variables}}`."""

    role: Literal["system", "user", "assistant"]
    content: str


class PromptSection(_Section):
    """The baseline: an instruction that whet lays out, or complete messages, taken as they are."""

    instruction: str | None = None
    messages: list[MessageSection] | None = Field(default=None, min_length=1)
    delimiters: str | None = None
    placement: str | None = None
    answer_marker: str | None = None

    @model_validator(mode="after")
    def _one_form(self) -> PromptSection:
        if (self.instruction is None) == (self.messages is None):
            raise ValueError("give either instruction or messages")
        if self.messages is not None and (self.delimiters or self.placement):
            raise ValueError("delimiters and placement belong to an instruction; messages are taken as they are")
        if self.delimiters is not None:
            _known("delimiter family", self.delimiters, DELIMITERS)
        if self.placement is not None:
            _known("placement", self.placement, PLACEMENTS)
        return self


class CandidatesSection(_Section):
    """The user's own candidates."""

    instructions: list[str] = Field(min_length=1)


class DemonstrationsSection(_Section):
    """Choices for demonstrations: how many, shown how, chosen how."""

    count: list[Annotated[int, Field(ge=0, le=MOST_DEMONSTRATIONS)]] | None = Field(default=None, min_length=1)
    style: list[str] | None = Field(default=None, min_length=1)
    selector: list[str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _names(self) -> DemonstrationsSection:
        for style in self.style or ():
            _known("demonstration style", style, STYLES)
        for selector in self.selector or ():
            _known("demonstration selector", selector, SELECTORS)
        return self


class SearchSection(_Section):
    """Every factor is a list of choices; one choice fixes it, an absent factor has its default choices."""

    proposers: list[str] | None = Field(default=None, min_length=1)
    demonstrations: DemonstrationsSection = DemonstrationsSection()
    delimiters: list[str] | None = Field(default=None, min_length=1)
    placement: list[str] | None = Field(default=None, min_length=1)
    answer_marker: list[str] | None = Field(default=None, min_length=1)
    reasoning: list[Literal["off", "on"]] = Field(default=["off"], min_length=1)
    temperature: list[Annotated[float, Field(ge=0, le=2)]] | None = Field(default=None, min_length=1)
    max_tokens: list[Annotated[int, Field(ge=1)]] | None = Field(default=None, min_length=1)
    sampler: Literal["posterior", "tpe"] = "posterior"

    @field_validator("reasoning", mode="before")
    @classmethod
    def _yaml_switches(cls, value: Any) -> Any:
        # YAML 1.1 reads a bare off or on as a boolean.
        words = {True: "on", False: "off"}
        return [words.get(v, v) if isinstance(v, bool) else v for v in value] if isinstance(value, list) else value

    @field_validator("answer_marker", mode="before")
    @classmethod
    def _no_marker(cls, value: Any) -> Any:
        return ["none" if v is None else v for v in value] if isinstance(value, list) else value

    @model_validator(mode="after")
    def _names(self) -> SearchSection:
        for family in self.delimiters or ():
            _known("delimiter family", family, DELIMITERS)
        for placement in self.placement or ():
            _known("placement", placement, PLACEMENTS)
        return self


class PricesSection(_Section):
    """What the endpoint charges, in US dollars for a million tokens."""

    prompt_usd_per_million: Annotated[float, Field(ge=0)]
    completion_usd_per_million: Annotated[float, Field(ge=0)]


class ModelSection(_Section):
    """A model: the task's, the proposer or the judge. `identity` names the endpoint in the ledger when its address may
    change. At most `max_concurrency` requests are under way at once; when the endpoint stops answering, the job waits
    for it for `outage_s` seconds before it gives up. `hedge` allows paying for a second attempt where the first takes
    much longer than others. `batch` sends an evaluation through OpenAI's Batch API."""

    name: str
    api_base: str | None = None
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    identity: str | None = None
    parameters: dict[str, Setting] = {}
    max_concurrency: Annotated[int, Field(ge=1, le=4096)] = 64
    timeout_s: Annotated[float, Field(gt=0)] = 120.0
    outage_s: Annotated[float, Field(ge=0)] = 600.0
    hedge: bool = False
    prices: PricesSection | None = None
    batch: bool = False
    special_tokens: list[str] | None = Field(default=None, min_length=1)

    @field_validator("api_base")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not value.strip().lower().startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://, as in http://localhost:8000/v1")
        if value is not None and "@" in value:
            raise ValueError("an address holds no user or key; name the variable that holds the key in api_key_env")
        return value

    @model_validator(mode="after")
    def _batches(self) -> ModelSection:
        if self.batch and not self.name.startswith("openai/"):
            raise ValueError(
                f"batch: true needs a model of OpenAI's Batch API, named openai/<model>; '{self.name}' has none. Leave "
                "batch out"
            )
        return self

    @field_validator("parameters", mode="before")
    @classmethod
    def _decoding(cls, value: Any) -> Any:
        for name, setting in value.items() if isinstance(value, dict) else ():
            if name in _NO_DECODING_PARAMETERS:
                raise ValueError(f"'{name}' is no decoding parameter; whet itself decides about it")
            if setting is None and name in ("max_tokens", "max_completion_tokens"):
                raise ValueError(f"'{name}' must be a number: without a limit a reply can take any number of tokens")
            if isinstance(setting, dict):
                raise ValueError(f"'{name}' must be a text, a number, true, false, null or a list of texts")
        return value


class HeadroomSection(_Section):
    """How the room for improvement is measured: `repeats` draws of the baseline show the model's own noise, null means
    two if replies are sampled and else one. `stop` ends the job where there is little to gain."""

    repeats: Annotated[int, Field(ge=1, le=20)] | None = None
    stop: bool = True


class ProofSection(_Section):
    """How the winner is proved: on all rows set aside for it, or `sequential`, on as many as it takes."""

    sequential: bool = False


class BudgetSection(_Section):
    """Caps; null means no cap of that kind."""

    calls: Annotated[int, Field(ge=1)] = 2000
    tokens: Annotated[int, Field(ge=1)] | None = None
    usd: Annotated[float, Field(gt=0)] | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None


class WithinSection(_Section):
    """What one request with a winner may take at most, on average: prompt tokens as the endpoint counts them, the row
    included; US dollars for 1,000 requests; seconds of a reply, as they are measured during the search (the median)."""

    prompt_tokens: Annotated[float, Field(gt=0)] | None = None
    cost_usd_per_1000: Annotated[float, Field(ge=0)] | None = None
    latency_s: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> WithinSection:
        if self.prompt_tokens is None and self.cost_usd_per_1000 is None and self.latency_s is None:
            raise ValueError("give at least one bound: prompt_tokens, cost_usd_per_1000 or latency_s; or leave it out")
        return self


class ObjectiveSection(_Section):
    """What is maximised, and within which bounds."""

    maximize: Literal["score"] = "score"
    within: WithinSection | None = None


Passage = Annotated[str, Field(min_length=1)]


class ConstraintsSection(_Section):
    """What every candidate must keep to; the baseline alone is exempt.

    Every prompt contains the texts of `must_contain` word for word and, whatever their case, none of
    `must_not_contain`; it takes at most `max_prompt_tokens` tokens without the row. `protected` are passages of the
    baseline's instruction that stand unchanged in every instruction.
    """

    must_contain: list[Passage] = []
    must_not_contain: list[Passage] = []
    max_prompt_tokens: Annotated[int, Field(ge=1)] | None = None
    protected: list[Passage] = []

    @model_validator(mode="after")
    def _no_contradiction(self) -> ConstraintsSection:
        for passage in (*self.must_contain, *self.protected):
            for banned in self.must_not_contain:
                if banned.casefold() in passage.casefold():
                    raise ValueError(f"every prompt must contain {passage!r}, in which {banned!r} must not occur")
        return self


class PromoteSection(_Section):
    """Which label a proven winner gets. `when: never` registers it without moving the label. `non_inferiority` is the
    score that a prompt which takes fewer tokens may lose and still be promoted: 0.01 is one point of a hundred."""

    label: Annotated[str, Field(pattern=LABEL, max_length=64)] = "production"
    when: Literal["proven", "never"] = "proven"
    non_inferiority: Annotated[float, Field(gt=0, lt=1)] | None = None


class TaskSpec(_Section):
    """A task as the user writes it."""

    name: Annotated[str, Field(pattern=NAME)]
    description: str = ""
    inputs: list[str] = Field(min_length=1)
    output: str
    data: DataSection
    split: SplitSection = SplitSection()
    labels: list[str] | None = Field(default=None, min_length=2)
    metric: str | dict[str, Any] = "exact_match"
    prompt: PromptSection | None = None
    candidates: CandidatesSection | None = None
    search: SearchSection = SearchSection()
    model: ModelSection | None = None
    proposer_model: ModelSection | None = None
    judge_model: ModelSection | None = None
    headroom: HeadroomSection = HeadroomSection()
    proof: ProofSection = ProofSection()
    budget: BudgetSection = BudgetSection()
    objective: ObjectiveSection = ObjectiveSection()
    constraints: ConstraintsSection = ConstraintsSection()
    slices: list[str] = []
    promote: PromoteSection = PromoteSection()
    warm_start: bool = True
    seed: Annotated[int, Field(ge=-(2**53), le=2**53)] = 0

    @field_validator("metric", mode="before")
    @classmethod
    def _metric_form(cls, value: Any) -> Any:
        if not isinstance(value, (str, dict)):
            raise ValueError("write a metric's name, or {name: …} with its options")
        return value

    @model_validator(mode="after")
    def _columns(self) -> TaskSpec:
        if self.output in self.inputs:
            raise ValueError(f"output '{self.output}' is also an input: the answer would stand in the question")
        for name in self.inputs:
            if "{" in name or "}" in name or name != name.strip() or not name:
                raise ValueError(f"input '{name}' cannot be a variable: no braces, no white space around it")
        if self.data.dataset is not None and "split" in self.model_fields_set:
            raise ValueError("a dataset was split when it was registered: leave split out")
        if len(set(self.inputs)) != len(self.inputs):
            raise ValueError("inputs name a column twice")
        if self.labels is not None and len(set(self.labels)) != len(self.labels):
            raise ValueError("labels name a label twice")
        if isinstance(self.metric, dict) and not isinstance(self.metric.get("name"), str):
            raise ValueError("metric needs a name, as in {name: numeric, tolerance: 0.01}")
        if self.judge_model is None and self.metric_name == JUDGE:
            raise ValueError("metric: judge needs judge_model: the model that grades replies")
        if self.judge_model is not None and self.metric_name != JUDGE:
            raise ValueError(f"judge_model grades replies for metric: judge; the metric is '{self.metric_name}'")
        return self

    @property
    def models(self) -> dict[str, ModelSection]:
        """The models that the task names, by their roles."""
        named = {TASK: self.model, PROPOSER: self.proposer_model, JUDGE: self.judge_model}
        return {role: model for role, model in named.items() if model is not None}

    @property
    def metric_name(self) -> str:
        """The metric's name."""
        return self.metric if isinstance(self.metric, str) else str(self.metric["name"])

    @property
    def metric_options(self) -> dict[str, Any]:
        """The metric's options."""
        return {} if isinstance(self.metric, str) else {k: v for k, v in self.metric.items() if k != "name"}


def _known(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"unknown {what} '{name}'; known: {', '.join(known)}.{did_you_mean(name, known)}")


def read_task_file(path: Path) -> dict[str, Any]:
    """The content of a task file, YAML or JSON, before it is checked.

    Raises TaskError if there is no such file, or if it is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise TaskError(f"There is no task file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"The task file {path} cannot be read: {error}.") from error
    try:
        # YAML 1.1 takes 1e-6 for a text; JSON is read by its own rules.
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # YAML dates that do not exist are ValueErrors
        raise TaskError(f"The task file {path} is not YAML or JSON: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict):
        raise TaskError(f"The task file {path} is empty or no mapping: it needs at least name, inputs, output, data.")
    return content


def parse_task(content: dict[str, Any]) -> TaskSpec:
    """The checked task.

    Raises TaskError that names every field at fault, the rule and, for an unknown name, the nearest known one.
    """
    try:
        return TaskSpec.model_validate(content)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc'])) or 'task'}: {explain(e)}{_hint(e)}" for e in error.errors()]
        raise TaskError("The task is not valid:\n" + "\n".join(lines)) from None


def explain(error: Any, model: type[BaseModel] = TaskSpec) -> str:
    """What is wrong, by one of the errors that pydantic found in `model`, without secrets."""
    if error["type"] == "extra_forbidden":
        return f"unknown field.{did_you_mean(str(error['loc'][-1]), _fields(error['loc'][:-1], model))}"
    if error["type"] == "missing":
        return "required"
    message = error["msg"].removeprefix("Value error, ")
    value = error["input"]
    secret = error["loc"][-1:] == ("api_key_env",) or (error["loc"][-1:] == ("api_base",) and "@" in str(value))
    shown = "" if isinstance(value, (dict, list)) or secret else f" (found {value!r:.200})"
    return f"{message}{shown}"


def _hint(error: Any) -> str:
    bare = error["type"] == "string_type" and not isinstance(error["input"], dict | list | None)
    return "; YAML reads a bare number, date, yes, no, on or off as such: write it in quotes" if bare else ""


def _fields(location: tuple[Any, ...], model: type[BaseModel]) -> list[str]:
    for part in location:
        field = model.model_fields.get(part)
        if field is not None:
            model = next(_sections(field.annotation), model)
    return list(model.model_fields)


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections that `annotation` speaks of, as `list[MessageSection] | None` does."""
    if hasattr(annotation, "model_fields"):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _sections(argument)
