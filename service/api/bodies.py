"""What requests say. Unknown fields are refused with the nearest known name, as in task files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from benchmarks.datasets.limits import LONGEST_NAME
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.datasets.versions import NAME
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.models.protocol import Message, Setting
from benchmarks.prompts.prompt import Prompt
from benchmarks.prompts.template import TemplateError, parse, variables
from benchmarks.tasks.schema import DATASET, BudgetSection, PromoteSection, SearchSection, SplitSection, TaskSpec
from service.addresses import LONGEST_URL
from service.endpoints import DECODING
from service.outbox import EventType
from service.registered_tasks import REFERENCE

MOST_ROWS = 20_000
MOST_FIELD_BYTES = 2**20
"""No text in a body has more bytes in UTF-8: no field of a row, and no other one."""
MOST_MESSAGES = 256
MOST_PROMPT_BYTES = 2**20
LONGEST_VARIABLE = 128
LAST_YEAR = 9000
MOST_NUMBER = 2**53
"""The largest whole number that every reader of JSON understands."""

VersionNumber = Annotated[int, Field(ge=1, lt=2**31)]
"""The number of a version of a prompt."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Body(_Part):
    @model_validator(mode="before")
    @classmethod
    def _texts(cls, content: Any) -> Any:
        found = [
            InitErrorDetails(type=PydanticCustomError("text", "{wrong}", {"wrong": wrong}), loc=place, input={})
            for place, wrong in _unfit_texts(content)
        ]
        if found:
            raise ValidationError.from_exception_data(cls.__name__, found)
        return content


def _unfit_texts(content: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where in a body a text is too long, or the name of a field no text, and what is wrong."""
    left: list[tuple[tuple[str | int, ...], Any]] = [((), content)]
    while left:
        place, content = left.pop()
        if isinstance(content, str):
            size = len(content.encode(errors="replace"))
            if size > MOST_FIELD_BYTES:
                yield place, f"a text of {size:,} bytes; a field may have {MOST_FIELD_BYTES:,}"
            continue
        fields = (
            content.items() if isinstance(content, dict) else enumerate(content if isinstance(content, list) else ())
        )
        for name, inner in fields:
            if isinstance(name, str):
                try:
                    _unicode(name)
                except ValueError as error:
                    yield place, f"the name of a field holds {error}"
                    continue
                left += [(place, name)] if _may_be_long(name) else []
            if isinstance(inner, (dict, list)) or (isinstance(inner, str) and _may_be_long(inner)):
                left.append(((*place, name), inner))


def _may_be_long(text: str) -> bool:
    """No character has more than four bytes."""
    return 4 * len(text) > MOST_FIELD_BYTES


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half a character (a lone surrogate), which UTF-8 cannot write") from None
    return text


Text = Annotated[str, AfterValidator(_unicode)]
"""A text that can be kept, and has a digest."""


class EndpointChoice(_Part):
    """A model endpoint that the operator configured, by its name, or the bundled toy model (`name: tiny`)."""

    endpoint: str | None = None
    name: Annotated[str, Field(pattern="^tiny$")] | None = None
    parameters: dict[str, Setting] = {}

    @model_validator(mode="after")
    def _one_name(self) -> EndpointChoice:
        if (self.endpoint is None) == (self.name is None):
            raise ValueError("give the name of an endpoint, or name: tiny")
        return self


class DataBody(_Part):
    """Labelled rows: those of a registered dataset, `name@digest` or the latest version of `name`, or rows in the
    request itself."""

    dataset: Annotated[str, Field(pattern=DATASET)] | None = None
    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST_ROWS)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> DataBody:
        if (self.dataset is None) == (self.rows is None):
            raise ValueError("give rows, or the name of a dataset")
        return self


class TaskBody(TaskSpec):
    """A task: as in a task file, but with its rows in the request or in a registered dataset, and models that the
    operator configured."""

    data: DataBody  # type: ignore[assignment]
    model: EndpointChoice | None = None  # type: ignore[assignment]
    proposer_model: EndpointChoice | None = None  # type: ignore[assignment]
    judge_model: EndpointChoice | None = None  # type: ignore[assignment]


_NAME = TypeAdapter(Annotated[str, Field(pattern=REFERENCE)])


class _OrName:
    """A thing, or the name of one. A union would say of each mistake in a thing that it is no text, too."""

    def __init__(self, thing: type[BaseModel], name: TypeAdapter[str]) -> None:
        self._thing, self._name = thing, name

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            lambda value, thing: self._name.validate_python(value) if isinstance(value, str) else thing(value),
            handler.generate_schema(self._thing),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(schema), self._name.json_schema()]}


TaskOrName = Annotated[TaskBody | str, _OrName(TaskBody, _NAME)]


class OptimizationBody(_Body):
    """An optimization: a task, itself or by its registered name (`name`, or `name@version`), and what to override in
    it. `fresh` asks everything anew instead of returning what the same task came to before. Of those that wait, a
    higher `priority` goes first."""

    task: TaskOrName
    model: EndpointChoice | None = None
    proposer_model: EndpointChoice | None = None
    judge_model: EndpointChoice | None = None
    search: SearchSection | None = None
    budget: BudgetSection | None = None
    promote: PromoteSection | None = None
    seed: Annotated[int, Field(ge=-(2**53), le=2**53)] | None = None
    fresh: bool = False
    priority: Annotated[int, Field(ge=-10, le=10)] | None = None

    def content(self, registered: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
        """The task, which `registered` knows by name, with the overrides in place of its own fields, as a task file
        would hold it."""
        task = registered(self.task) if isinstance(self.task, str) else dumped(self.task)
        left = {"task", "fresh", "priority"}
        return {**task, **self.model_dump(mode="json", exclude_none=True, exclude_unset=True, exclude=left)}

    def said(self) -> dict[str, Any]:
        """What the request says, with names as they are: what they stand for may change."""
        task = self.task if isinstance(self.task, str) else dumped(self.task)
        return {"task": task, **self.model_dump(mode="json", exclude_unset=True, exclude={"task"})}


def dumped(task: TaskBody) -> dict[str, Any]:
    """A task as a task file would hold it."""
    return task.model_dump(mode="json", exclude_unset=True)


class SplitChoice(SplitSection):
    """How rows are divided for good: by shares, or as a `column` says that holds train, validation or test."""

    column: Annotated[str, Field(max_length=LONGEST_NAME)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SplitChoice:
        if self.column is not None and self.model_fields_set != {"column"}:
            raise ValueError("column says to which split each row belongs; leave the other fields out")
        return self


Columns = Annotated[list[Annotated[str, Field(max_length=LONGEST_NAME)]], Field(min_length=1)]


class DatasetBody(_Body):
    """A dataset: its name, the columns that go in and the one with the expected answers (if they are not given, what
    the columns are called and hold decides), how it is split for good, and, unless they come as a file, its labelled
    `rows` or promptfoo's `tests` (a list of test cases, or a configuration with them)."""

    name: Annotated[str, Field(pattern=NAME)]
    inputs: Columns | None = None
    output: Annotated[str, Field(max_length=LONGEST_NAME)] | None = None
    split: SplitChoice = SplitChoice()
    rows: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = None
    tests: list[Any] | dict[str, Any] | None = None


class LabelBody(_Body):
    """Where a label should point, and why."""

    version: VersionNumber
    why: Annotated[str, Field(max_length=2000), AfterValidator(_unicode)] = ""


class RenderBody(_Body):
    """Values for a prompt's variables. Of `label` and `version` at most one is given; the default is production."""

    variables: dict[str, str]
    label: str | None = None
    version: VersionNumber | None = None


class RollbackBody(_Body):
    """Why a label goes back."""

    why: Annotated[str, Field(max_length=2000), AfterValidator(_unicode)] = ""


def _template(text: str) -> str:
    try:
        names = variables(parse(text))
    except TemplateError as error:
        raise ValueError(str(error)) from None
    for name in names:
        if len(name) > LONGEST_VARIABLE:
            raise ValueError(f"a variable has a name of {len(name)} characters; the most is {LONGEST_VARIABLE}")
    return text


class MessageBody(_Part):
    """One chat message of a prompt; `content` is a template with `{{variables}}`."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[Text, AfterValidator(_template)]


Passage = Annotated[str, Field(max_length=200), AfterValidator(_unicode)]


class ReplyFormatBody(_Part):
    """How the prompt tells the model to write its answer: after a `marker`, or between `opening` and `closing`."""

    marker: Passage | None = None
    opening: Passage | None = None
    closing: Passage | None = None


class VersionBody(_Body):
    """A prompt that somebody wrote: messages over variables, decoding parameters, and how replies are written.
    `variables` may say which ones the messages are meant to have; if they have others, the prompt is refused."""

    messages: Annotated[list[MessageBody], Field(min_length=1, max_length=MOST_MESSAGES)]
    variables: list[Text] | None = None
    config: dict[str, Setting] = {}
    reply_format: ReplyFormatBody = ReplyFormatBody()

    @field_validator("messages")
    @classmethod
    def _size(cls, messages: list[MessageBody]) -> list[MessageBody]:
        size = sum(len(message.content.encode()) for message in messages)
        if size > MOST_PROMPT_BYTES:
            raise ValueError(f"messages of {size:,} bytes in all; a prompt may have {MOST_PROMPT_BYTES:,}")
        return messages

    @field_validator("variables")
    @classmethod
    def _as_meant(cls, meant: list[str] | None, info: ValidationInfo) -> list[str] | None:
        messages = info.data.get("messages")
        if meant is None or messages is None:
            return meant
        found = set(variables(part for message in messages for part in parse(message.content)))
        missing, extra = sorted(set(meant) - found), sorted(found - set(meant))
        if missing or extra:
            lack = f"the messages lack {', '.join(missing)}" if missing else ""
            have = f"the messages also have {', '.join(extra)}" if extra else ""
            raise ValueError("; ".join(filter(None, (lack, have))))
        return meant

    @field_validator("config")
    @classmethod
    def _decoding(cls, config: dict[str, Setting]) -> dict[str, Setting]:
        for name, value in config.items():
            if name not in DECODING:
                raise ValueError(
                    f"'{name:.40}' is no decoding parameter that a request may set; it may set {', '.join(DECODING)}."
                    f"{did_you_mean(name, DECODING)}"
                )
            if isinstance(value, (int, float)) and not abs(value) <= MOST_NUMBER:  # NaN is not, either.
                raise ValueError(f"'{name}' must be a number between -{MOST_NUMBER} and {MOST_NUMBER}")
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    _unicode(text)
        return config

    @property
    def prompt(self) -> Prompt:
        """The prompt."""
        return Prompt(
            messages=tuple(Message(role=message.role, content=message.content) for message in self.messages),
            parameters=dict(self.config),
            reply_format=ReplyFormat(**self.reply_format.model_dump()),
        )


_PROMPT = TypeAdapter(Annotated[Text, Field(min_length=1, max_length=300)])


class EvaluationBody(_Body):
    """An evaluation: a prompt on one split of a task's rows. The `task` is given itself or by its registered name; the
    `prompt` as `name@label`, `name@version` or `name` (its label production), or itself; without one it is the task's
    own. `data`, `model`, `judge_model`, `budget` and `seed` override those of the task. Replies come from the ledger
    where it has them: in the `epoch` of an earlier evaluation or night, by default the latest that was begun for this
    prompt on this split; `fresh` begins a new one, in which everything is asked anew. Of those that wait, a higher
    `priority` goes first."""

    task: TaskOrName
    prompt: Annotated[VersionBody | str | None, _OrName(VersionBody, _PROMPT)] = None
    split: Literal["validation", "test"] = "validation"
    data: DataBody | None = None
    model: EndpointChoice | None = None
    judge_model: EndpointChoice | None = None
    budget: BudgetSection | None = None
    seed: Annotated[int, Field(ge=-(2**53), le=2**53)] | None = None
    fresh: bool = False
    epoch: Annotated[Text, Field(max_length=128)] | None = None
    priority: Annotated[int, Field(ge=-10, le=10)] | None = None

    @model_validator(mode="after")
    def _one_epoch(self) -> EvaluationBody:
        if self.fresh and self.epoch is not None:
            raise ValueError("fresh begins an epoch of its own; leave out fresh or epoch")
        return self

    def content(self, registered: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
        """The task, which `registered` knows by name, with the overrides in place of its own fields, as a task file
        would hold it."""
        task = registered(self.task) if isinstance(self.task, str) else dumped(self.task)
        overrides = {"data", "model", "judge_model", "budget", "seed"}
        return {**task, **self.model_dump(mode="json", exclude_none=True, exclude_unset=True, include=overrides)}

    def said(self) -> dict[str, Any]:
        """What the request says, with names as they are: what they stand for may change."""
        task = self.task if isinstance(self.task, str) else dumped(self.task)
        own = self.prompt
        prompt = own.model_dump(mode="json", exclude_unset=True) if isinstance(own, VersionBody) else own
        rest = self.model_dump(mode="json", exclude_unset=True, exclude={"task", "prompt"})
        return {"task": task, "prompt": prompt, **rest}


def _written(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise ValueError("write a time as text, as in 2027-01-31T12:00:00Z")
    return value


def _within_reach(time: datetime | None) -> datetime | None:
    if time is not None and time.year > LAST_YEAR:
        raise ValueError(f"a time after {LAST_YEAR}; leave it out for a key that does not expire")
    return time


class KeyBody(_Body):
    """A key to be made. Without `expires_at` it is valid until it is deleted, without `calls_per_day` what is asked for
    with it may spend any number of calls."""

    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_unicode)]
    scopes: Annotated[list[Literal["prompts:read", "jobs:write", "labels:promote", "admin"]], Field(min_length=1)]
    expires_at: Annotated[
        AwareDatetime | None, Field(strict=False), BeforeValidator(_written), AfterValidator(_within_reach)
    ] = None
    calls_per_day: Annotated[int, Field(ge=1, lt=2**31)] | None = None


WebhookUrl = Annotated[
    Text, Field(max_length=LONGEST_URL, description="https://, and a host that the server may call.")
]
EventTypes = Annotated[list[EventType], Field(min_length=1)]
Description = Annotated[Text, Field(max_length=500)]


class WebhookBody(_Body):
    """A webhook to be made: where to, and which events."""

    url: WebhookUrl
    events: EventTypes
    description: Description = ""


class WebhookChange(_Body):
    """What is to be changed in a webhook; what is left out, or null, stays."""

    url: WebhookUrl | None = None
    events: EventTypes | None = None
    description: Description | None = None
    enabled: bool | None = None
