"""From a task as the user wrote it to a task that can be run: rows read, split and checked, the baseline laid out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.datasets.checking import Report, check, labels_of
from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.reading import read_rows
from benchmarks.datasets.records import Dataset, Example, Split
from benchmarks.datasets.rows import Row, rows_from_values
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.datasets.splitting import SplitPlan, enough_per_answer, given_splits, split_examples
from benchmarks.datasets.versions import Find, no_datasets
from benchmarks.errors import TaskError
from benchmarks.evidence.detectable import smallest_detectable_difference
from benchmarks.metrics.judge import Judge
from benchmarks.metrics.protocol import Metric, ReplyFormat
from benchmarks.metrics.registry import is_classification, make_metric
from benchmarks.metrics.scoring import check_examples
from benchmarks.models.protocol import Message, ParameterValue
from benchmarks.prompts.control_tokens import control_tokens, refuse_control_tokens
from benchmarks.prompts.delimiters import FAMILIES, MODEL, Delimiters, model_family
from benchmarks.prompts.layout import Layout, Signature, lay_out
from benchmarks.prompts.prompt import Prompt
from benchmarks.prompts.template import TemplateError, parse, variables
from benchmarks.tasks.human_labels import HumanLabel, read_human_labels
from benchmarks.tasks.schema import DataSection, TaskSpec


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task ready to run.

    `labels` is empty unless the task is a classification or declares labels. `parameters` are the decoding parameters
    of the baseline. `human_labels` are what a judge is compared with. `report` says what is noteworthy about the data;
    errors among it have been raised already.
    """

    spec: TaskSpec
    signature: Signature
    labels: tuple[str, ...]
    metric: Metric
    dataset: Dataset
    stratify: bool
    report: Report
    parameters: Mapping[str, ParameterValue]
    baseline: Prompt
    human_labels: tuple[HumanLabel, ...] = ()

    @property
    def name(self) -> str:
        """The task's name, which is also the prompt's name in the registry."""
        return self.spec.name


def load_task(spec: TaskSpec, folder: Path, *, allow_code: bool, datasets: Find = no_datasets) -> Task:
    """The task that `spec` describes, with files relative to `folder`, and datasets that `datasets` finds. The task
    names its dataset by `name@digest` from then on.

    `allow_code` lets the metric be code of the current directory, and name a file: the user's own machine only. Raises
    TaskError, DataError or MetricError for whatever would waste calls.
    """
    classification = is_classification(spec.metric_name)
    spec, dataset, stratify = _dataset(spec, folder, classification, datasets)
    labels = tuple(spec.labels or ())
    if classification and not labels:
        labels = labels_of(dataset)
    report = check(
        dataset,
        labels or None,
        classification or bool(labels),
        smallest_detectable_difference(len(dataset.test)),
    )
    report.raise_errors()
    metric = make_metric(spec.metric_name, spec.metric_options, labels, allow_code=allow_code)
    rows = [*dataset.train, *dataset.validation, *dataset.test]
    check_examples(metric, rows)
    human_labels: tuple[HumanLabel, ...] = ()
    if isinstance(metric, Judge):
        human_labels = read_human_labels(metric, spec, folder, allow_files=allow_code)
        rows += [label.row for label in human_labels]
    for model in spec.models.values():
        refuse_control_tokens(rows, control_tokens(model.name, model.special_tokens))
    signature = Signature(inputs=tuple(spec.inputs), output=spec.output)
    parameters = _parameters(spec, [*dataset.train, *dataset.validation])
    return Task(
        spec=spec,
        signature=signature,
        labels=labels,
        metric=metric,
        dataset=dataset,
        stratify=stratify,
        report=report,
        parameters=parameters,
        baseline=_baseline(spec, signature, labels, parameters),
        human_labels=human_labels,
    )


def _dataset(spec: TaskSpec, folder: Path, classification: bool, datasets: Find) -> tuple[TaskSpec, Dataset, bool]:
    """The task with its dataset pinned, its rows, and whether their order is stratified."""

    def examples(rows: list[Row]) -> list[Example]:
        return make_examples(rows, spec.inputs, spec.output, spec.slices)

    def read(path: str | None) -> list[Example]:
        return examples(read_rows(folder / path)) if path is not None else []

    data = spec.data
    if data.dataset is not None:
        version = datasets(data.dataset)
        pinned = spec.model_copy(update={"data": DataSection(dataset=version.reference)})
        dataset = version.dataset(spec.inputs, spec.output, spec.slices)
        rows = [row for split in Split for row in dataset.split(split)]
        return pinned, dataset, _stratify(rows, classification)
    if data.path is None and data.rows is None:
        given = given_splits(read(data.train), read(data.validation), read(data.test))
        return spec, given, _stratify([*given.validation, *given.test], classification)
    rows = read(data.path) if data.path is not None else examples(rows_from_values(data.rows or []))
    stratify = _stratify(rows, classification)
    plan = SplitPlan(
        train=spec.split.train,
        validation=spec.split.validation,
        test=spec.split.test,
        seed=spec.split.seed,
        near_duplicates=spec.split.near_duplicates,
    )
    return spec, split_examples(rows, plan, stratify), stratify


def _stratify(rows: list[Example], classification: bool) -> bool:
    return classification or enough_per_answer(rows)


def _parameters(spec: TaskSpec, rows: list[Example]) -> dict[str, ParameterValue]:
    """The user's decoding parameters over the defaults: greedy, and room for the longest expected answer twice over
    (a token is taken for two bytes, which holds for other scripts than the Latin one too)."""
    given = dict(spec.model.parameters) if spec.model else {}
    parameters: dict[str, ParameterValue] = {}
    if "temperature" not in given:
        parameters["temperature"] = 0
    if "max_tokens" not in given and "max_completion_tokens" not in given:
        longest = max(len(row.answer.encode()) for row in rows)
        parameters["max_tokens"] = min(2048, 16 + math.ceil(longest / 2) * 2)
    return {**parameters, **given}


def usable_families(spec: TaskSpec, dataset: Dataset) -> tuple[dict[str, Delimiters], dict[str, str]]:
    """The delimiter families that the task's data allow, and, by name, why the others are left out."""
    known = dict(FAMILIES)
    excluded: dict[str, str] = {}
    special = spec.model.special_tokens if spec.model else None
    if special:
        known[MODEL] = model_family(special)
    else:
        excluded[MODEL] = "model.special_tokens names no special tokens of the served model"
    signature = Signature(inputs=tuple(spec.inputs), output=spec.output)
    rows = [row for split in Split for row in dataset.split(split)]
    texts = [text for row in rows for text in row.inputs.values()]
    answers = [row.answer for row in rows]
    for name, family in list(known.items()):
        fields = [field for field, _ in signature.fields(dict.fromkeys(signature.inputs, ""), name)]
        string = family.collides(texts, answers, fields)
        if string is not None:
            excluded[name] = f"{string!r} occurs in the data and would be read as structure"
            del known[name]
    return known, excluded


def default_instruction(spec: TaskSpec, labels: tuple[str, ...]) -> str:
    """The plain instruction of a task that brings no prompt."""
    description = spec.description.strip() or f"Given the {' and '.join(spec.inputs)}, write the {spec.output}."
    listed = f" Answer with one of: {', '.join(labels)}." if labels else ""
    return (description + listed).replace("{{", '{{"{{"}}')


def _baseline(
    spec: TaskSpec, signature: Signature, labels: tuple[str, ...], parameters: Mapping[str, ParameterValue]
) -> Prompt:
    prompt = spec.prompt
    if prompt is not None and prompt.messages is not None:
        messages = tuple(Message(role=m.role, content=m.content) for m in prompt.messages)
        instruction = "\n\n".join(m.content for m in messages if m.role == "system") or messages[0].content
        baseline = Prompt(
            messages=messages,
            parameters=parameters,
            reply_format=ReplyFormat(marker=prompt.answer_marker),
            factors={
                "instruction": instruction,
                "instruction_source": "baseline",
                "demonstrations": 0,
                "delimiters": "own",
                "placement": "own",
                "answer_marker": prompt.answer_marker,
                "reasoning": "off",
            },
        )
        check_variables(baseline.variables, signature, "prompt.messages")
        if not baseline.variables:
            raise TaskError(
                f"prompt.messages mentions no input; write {{{{{signature.inputs[0]}}}}} where the row should stand."
            )
        return baseline
    given = prompt.instruction if prompt is not None else None
    if given is not None:
        check_instruction(given, signature, "prompt.instruction")
    family = (prompt.delimiters if prompt else None) or _fixed(spec.search.delimiters) or "plain"
    if family == MODEL and not (spec.model and spec.model.special_tokens):
        raise TaskError("The delimiter family 'model' needs model.special_tokens: the tokens it is made of.")
    special = spec.model.special_tokens if spec.model else None
    marker = (prompt.answer_marker if prompt else None) or _fixed(spec.search.answer_marker)
    return lay_out(
        Layout(
            instruction=given if given is not None else default_instruction(spec, labels),
            instruction_source="baseline" if given is not None else "default",
            delimiters=model_family(special) if family == MODEL and special else FAMILIES[family],
            placement=(prompt.placement if prompt else None) or _fixed(spec.search.placement) or "system",
            answer_marker=None if marker in (None, "none") else marker,
        ),
        signature,
        parameters,
    )


def _fixed(choices: list[str] | None) -> str | None:
    """The one choice of a factor that the user fixed: it holds for the baseline too."""
    return choices[0] if choices is not None and len(choices) == 1 else None


def check_instruction(instruction: str, signature: Signature, where: str) -> None:
    """Raises TaskError if `instruction` is no template over the task's inputs."""
    try:
        check_variables(variables(parse(instruction)), signature, where)
    except TemplateError as error:
        raise TaskError(f"{where}: {error}") from None


def check_variables(names: tuple[str, ...], signature: Signature, where: str) -> None:
    """Raises TaskError for the first of `names` that is no input of the task."""
    for name in names:
        if name not in signature.inputs:
            raise TaskError(
                f"{where} uses {{{{{name}}}}}, which is no input; inputs: {', '.join(signature.inputs)}."
                f"{did_you_mean(name, signature.inputs)}"
            )
