"""From a task to the problem that an optimization solves: proposals made, search space laid out."""

from __future__ import annotations

import importlib.metadata
import random
from collections.abc import Sequence
from typing import TypeVar

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import OwnCodeError, TaskError
from benchmarks.own_code import load
from benchmarks.prompts.delimiters import FAMILIES
from benchmarks.tasks.task import Task, check_instruction, usable_families
from optimizers.optimization import Problem
from optimizers.proposers.given import Given
from optimizers.proposers.grammar import Grammar
from optimizers.proposers.protocol import Brief, Proposal, Proposer
from optimizers.space import SearchSpace

ENTRY_POINTS = "whet.proposers"
PROPOSALS = 16
REASONING_TOKENS = 512
MOST_LABELS_SHOWN = 24
"""With this many labels or fewer, one demonstration of each is among the default choices."""

_LIMITS = {"max_tokens", "max_completion_tokens"}

Choice = TypeVar("Choice")


def make_problem(task: Task, *, occasion: str, seed: int, allow_code: bool) -> tuple[Problem, list[str]]:
    """The problem, and notices about choices that were left out.

    `allow_code` lets a proposer be code of the current directory: the user's own machine only. Raises TaskError if a
    factor has no choice left.
    """
    spec, search = task.spec, task.spec.search
    families, excluded = usable_families(spec, task.dataset)
    notices = [
        f"The delimiters '{name}' are left out: {why}."
        for name, why in excluded.items()
        if name in (search.delimiters or FAMILIES)
    ]
    wanted = search.delimiters or list(families)
    delimiters = [families[name] for name in wanted if name in families]
    if not delimiters:
        raise TaskError(f"No delimiter family is left of {', '.join(wanted)}. " + " ".join(notices))

    train = task.dataset.train
    one_each = [len(task.labels)] if 8 < len(task.labels) <= MOST_LABELS_SHOWN else []
    counts = [c for c in search.demonstrations.count or [0, 2, 4, 8, *one_each] if c <= len(train)] or [0]
    if search.demonstrations.count and len(counts) < len(search.demonstrations.count):
        notices.append(f"There are {len(train)} train rows, so no prompt shows more demonstrations than that.")
    markers = search.answer_marker or ["none", "Answer:"]
    space = SearchSpace(
        signature=task.signature,
        parameters=task.parameters,
        train=train,
        seed=seed,
        instruction=tuple(_proposals(task, seed, allow_code)),
        count=_once(counts),
        style=_once(search.demonstrations.style or ["inline", "turns"]),
        selector=_once(search.demonstrations.selector or ["balanced", "nearest"]),
        delimiters=tuple(delimiters),
        placement=_once(search.placement or ["system", "user"]),
        answer_marker=_once([None if marker == "none" else marker for marker in markers]),
        reasoning=_once([switch == "on" for switch in search.reasoning]),
        temperature=_once(search.temperature or [None]),
        max_tokens=_once(search.max_tokens or [None]),
        reasoning_tokens=None if spec.model and _LIMITS & spec.model.parameters.keys() else REASONING_TOKENS,
    )
    problem = Problem(
        space=space,
        baseline=task.baseline,
        validation=task.dataset.validation,
        test=task.dataset.test,
        test_digest=task.dataset.test_digest,
        stratify=task.stratify,
        occasion=occasion,
        repeats=spec.headroom.repeats,
        seed=seed,
    )
    return problem, notices


def _once(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    return tuple(dict.fromkeys(choices))


def _proposals(task: Task, seed: int, allow_code: bool) -> list[Proposal]:
    spec = task.spec
    given = tuple(spec.candidates.instructions) if spec.candidates else ()
    baseline = str(task.baseline.factors.get("instruction", ""))
    own_messages = spec.prompt is not None and spec.prompt.messages is not None
    brief = Brief(
        description=spec.description,
        signature=task.signature,
        labels=task.labels,
        train=task.dataset.train,
        baseline_instruction="" if own_messages else baseline,
        given=given,
    )
    names = spec.search.proposers or (["given"] if given else ["grammar"])
    if "given" in names and not given:
        raise TaskError("search.proposers names 'given', but there are no candidates.instructions to hand on.")
    # The baseline's own wording takes part, so that it can win with other demonstrations or delimiters.
    found = {} if own_messages else {baseline: Proposal(text=baseline, source="baseline")}
    for name in names:
        rng = random.Random(f"{seed}/proposer/{name}")
        for proposal in _proposed(make_proposer(name, allow_code=allow_code), name, brief, rng):
            where = "candidates.instructions" if name == "given" else f"the proposer '{name}'"
            check_instruction(proposal.text, task.signature, where)
            found.setdefault(proposal.text, proposal)
    if not found:
        raise TaskError(f"The proposers {', '.join(names)} proposed nothing; add candidates.instructions.")
    return list(found.values())


def _proposed(proposer: Proposer, name: str, brief: Brief, rng: random.Random) -> list[Proposal]:
    try:
        proposals = list(proposer.propose(brief, PROPOSALS, rng))
    except Exception as error:  # whatever the user's own proposer raises
        raise OwnCodeError(f"The proposer '{name}' failed: {type(error).__name__}: {error}") from error
    for proposal in proposals:
        if not isinstance(proposal, Proposal):
            raise OwnCodeError(f"The proposer '{name}' must return Proposals; it returned {proposal!r}.")
    return proposals


def make_proposer(name: str, *, allow_code: bool) -> Proposer:
    """The proposer called `name`: built in, an installed entry point of the group `whet.proposers`, or, where code is
    allowed, `module:name`."""
    built_in: dict[str, type[Proposer]] = {"given": Given, "grammar": Grammar}
    if name in built_in:
        return built_in[name]()
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS, name=name):
        proposer: Proposer = entry_point.load()()
        return proposer
    if ":" in name and allow_code:
        own = load(name)
        if not callable(own):
            raise TaskError(f"The proposer '{name}' is no class.")
        made: Proposer = own()
        return made
    known = [*built_in, *(entry_point.name for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS))]
    raise TaskError(
        f"search.proposers: unknown proposer '{name}'; known: {', '.join(known)}.{did_you_mean(name, known)}"
    )
