"""What may write instructions for a task, and by which rules: all that is settled before anything is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.errors import TaskError
from benchmarks.models.protocol import ParameterValue
from benchmarks.prompts.control_tokens import control_tokens
from benchmarks.tasks.schema import ModelSection
from benchmarks.tasks.task import Task
from optimizers.constraints import Constraints
from optimizers.proposers.leaks import Leaks
from optimizers.proposers.lints import Rules
from optimizers.proposers.operators import OPERATORS
from optimizers.proposers.protocol import Brief

SHARE = 0.1
"""The share of a budget's calls that the proposer model may take at most."""

MAX_TOKENS = 4096
"""How long a reply of the proposer model may be where the task does not say."""

EXCHANGE = "recombine"
"""The operator that can do without a model: it exchanges the blocks of the grammar."""

_LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, kw_only=True)
class Repertoire:
    """How instructions may be written for a job.

    `operators` are those that may write in rounds; `with_model` says that a proposer model writes for them, which may
    be called `calls` times in all.
    """

    brief: Brief
    operators: tuple[str, ...]
    with_model: bool
    rules: Rules
    calls: int
    seed: int


def proposer_names(task: Task) -> list[str]:
    """The proposers that the task names, or the default ones: its candidates, else the grammar, and whatever a model
    can write where there is one.

    Raises TaskError if one is named that needs a model, and there is none.
    """
    spec = task.spec
    own = ["given"] if spec.candidates else ["grammar"]
    if spec.proposer_model is not None:
        return spec.search.proposers or [*own, *OPERATORS]
    names = spec.search.proposers or (own if spec.candidates else [*own, EXCHANGE])
    for name in names:
        if name in OPERATORS and not (name == EXCHANGE and "grammar" in names):
            instead = " Beside 'grammar' it works without one." if name == EXCHANGE else ""
            raise TaskError(
                f"search.proposers names '{name}', which a model writes, but there is no proposer_model. Add "
                "proposer_model: {name: hosted_vllm/<model>, api_base: http://localhost:8000/v1} to the task, or leave "
                f"'{name}' out.{instead}"
            )
    return names


def make_brief(task: Task, constraints: Constraints) -> Brief:
    """What proposers may know about `task`."""
    spec = task.spec
    return Brief(
        description=spec.description,
        signature=task.signature,
        labels=task.labels,
        train=task.dataset.train,
        baseline_instruction="" if own_messages(task) else str(task.baseline.factors["instruction"]),
        given=tuple(spec.candidates.instructions) if spec.candidates else (),
        required=constraints.required,
    )


def own_messages(task: Task) -> bool:
    """Whether the baseline is complete messages, whose words are no instruction to lay out anew."""
    return task.spec.prompt is not None and task.spec.prompt.messages is not None


def make_repertoire(
    task: Task, names: Sequence[str], brief: Brief, constraints: Constraints, seed: int
) -> Repertoire | None:
    """What writes in rounds, of the proposers `names`; None if none of them does."""
    operators = tuple(name for name in OPERATORS if name in names)
    if not operators:
        return None
    spec, baseline = task.spec, str(task.baseline.factors["instruction"])
    model = spec.model
    leaks = Leaks(task.dataset.validation, task.dataset.train, [spec.description, baseline, *brief.given, *task.labels])
    return Repertoire(
        brief=brief,
        operators=operators,
        with_model=spec.proposer_model is not None,
        rules=Rules(
            signature=task.signature,
            constraints=constraints,
            control_tokens=control_tokens(model.name, model.special_tokens) if model else (),
            leaks=leaks,
        ),
        calls=int(SHARE * spec.budget.calls),
        seed=seed,
    )


def proposer_parameters(section: ModelSection) -> Mapping[str, ParameterValue]:
    """The decoding parameters of the proposer model: the user's, with a limit to the length of its replies."""
    limit = {} if any(name in section.parameters for name in _LIMITS) else {"max_tokens": MAX_TOKENS}
    return {**limit, **section.parameters}
