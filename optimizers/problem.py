"""From a task to the problem that an optimization solves: proposals made, search space laid out."""

from __future__ import annotations

import importlib.metadata
import itertools
import random
from collections.abc import Sequence
from typing import TypeVar

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import OwnCodeError, TaskError
from benchmarks.own_code import load
from benchmarks.prompts.delimiters import FAMILIES
from benchmarks.tasks.task import Task, check_instruction, default_instruction, usable_families
from optimizers.constraints import Constraints, make_constraints
from optimizers.earlier import Earlier, entrants, new_instructions
from optimizers.headroom import default_repeats
from optimizers.plan import Plan, make_plan
from optimizers.proposers.given import Given
from optimizers.proposers.grammar import Grammar
from optimizers.proposers.operators import OPERATORS
from optimizers.proposers.protocol import Brief, Proposal, Proposer
from optimizers.repertoire import make_brief, make_repertoire, own_messages, proposer_names
from optimizers.search import Problem
from optimizers.space import SearchSpace

ENTRY_POINTS = "whet.proposers"
PROPOSALS = 16
REASONING_TOKENS = 512
MOST_LABELS_SHOWN = 24
"""With this many labels or fewer, one demonstration of each is among the default choices."""

POINTS_CHECKED = 256
"""How many prompts are laid out to see whether any keeps to the constraints."""

_LIMITS = {"max_tokens", "max_completion_tokens"}

Choice = TypeVar("Choice")


def make_problem(
    task: Task, *, occasion: str, seed: int, allow_code: bool, earlier: Sequence[Earlier] = ()
) -> tuple[Problem, list[str]]:
    """The problem, and notices about choices that were left out.

    `allow_code` lets a proposer be code of the current directory: the user's own machine only. `earlier` are prompts
    that other optimizations ended with; where all instructions are the user's own, no others are added. Raises
    TaskError if a factor has no choice left.
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

    constraints = make_constraints(task)
    violated = constraints.violation(task.baseline)
    if violated is not None:
        notices.append(
            f"Your prompt violates the constraints: {violated}. It stays the baseline; no candidate may do so."
        )
    names = proposer_names(task)
    brief = make_brief(task, constraints)
    proposals, dropped = _proposals(task, names, brief, constraints, seed=seed, allow_code=allow_code)
    notices += dropped
    if names != ["given"]:
        proposals += new_instructions(earlier, proposals, task, constraints)
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
        instruction=tuple(proposals),
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
    _check_satisfiable(space, constraints, seed)
    problem = Problem(
        space=space,
        baseline=task.baseline,
        validation=task.dataset.validation,
        test=task.dataset.test,
        test_digest=task.dataset.test_digest,
        stratify=task.stratify,
        occasion=occasion,
        repeats=spec.headroom.repeats or default_repeats(_temperature(task), spec.budget.calls),
        seed=seed,
        earlier=entrants(earlier, space, task.baseline, constraints),
        repertoire=make_repertoire(task, names, brief, constraints, seed),
        constraints=constraints,
        # A cheaper prompt may be worth finding where the score cannot rise.
        headroom_stops=spec.headroom.stop and spec.objective.within is None and spec.promote.non_inferiority is None,
        sequential=spec.proof.sequential,
        sampler=search.sampler,
    )
    return problem, notices


def plan_for(problem: Problem, calls: int) -> Plan:
    """The plan for solving `problem` with `calls` calls. Raises BudgetError if they are too few."""
    repertoire = problem.repertoire
    return make_plan(
        calls=calls,
        validation_rows=len(problem.validation),
        test_rows=len(problem.test),
        space_size=problem.space.size,
        instructions=len(problem.space.instruction),
        repeats=problem.repeats,
        grows=repertoire is not None,
        proposer_calls=repertoire.calls if repertoire is not None and repertoire.with_model else 0,
    )


def _temperature(task: Task) -> float:
    """The baseline's; 0 where the task leaves it to the endpoint."""
    found = task.parameters.get("temperature")
    return float(found) if isinstance(found, (int, float)) else 0.0


def _once(choices: Sequence[Choice]) -> tuple[Choice, ...]:
    return tuple(dict.fromkeys(choices))


def _proposals(
    task: Task, names: Sequence[str], brief: Brief, constraints: Constraints, *, seed: int, allow_code: bool
) -> tuple[list[Proposal], list[str]]:
    """The instructions that are there before a model writes any, and notices about those that the constraints rule
    out."""
    if "given" in names and not brief.given:
        raise TaskError("search.proposers names 'given', but there are no candidates.instructions to hand on.")
    # The baseline's own wording takes part, so that it can win with other demonstrations or delimiters.
    baseline = brief.baseline_instruction
    found = {} if own_messages(task) else {baseline: Proposal(text=baseline, source="baseline")}
    dropped = []
    for name in names:
        if name in OPERATORS:
            continue
        rng = random.Random(f"{seed}/proposer/{name}")
        for proposal in _proposed(make_proposer(name, allow_code=allow_code), name, brief, rng):
            where = "candidates.instructions" if name == "given" else f"the proposer '{name}'"
            check_instruction(proposal.text, task.signature, where)
            why = constraints.violation_of(proposal.text)
            if why is not None and name != "grammar":
                dropped.append(f"An instruction of {where} is left out, '{_shortened(proposal.text)}': {why}.")
            found.setdefault(proposal.text, proposal)
    if not found and any(name in OPERATORS for name in names):
        default = default_instruction(task.spec, task.labels)
        found[default] = Proposal(text=default, source="default")
    if not found:
        raise TaskError(f"The proposers {', '.join(names)} proposed nothing; add candidates.instructions.")
    allowed = [proposal for proposal in found.values() if constraints.violation_of(proposal.text) is None]
    if not allowed:
        why = constraints.violation_of(next(iter(found)))
        raise TaskError(f"constraints: no instruction keeps to them. The first one does not because {why}.")
    return allowed, dropped


def _check_satisfiable(space: SearchSpace, constraints: Constraints, seed: int) -> None:
    """Raises TaskError if none of many points that cover `space` keeps to the constraints."""
    why = None
    for point in itertools.islice(space.in_turn(random.Random(f"{seed}/constraints")), POINTS_CHECKED):
        why = constraints.violation(space.prompt(point))
        if why is None:
            return
    raise TaskError(
        f"constraints: none of {POINTS_CHECKED} prompts of the search space keeps to them; of the last one, {why}. "
        "Relax them, or write candidates.instructions that keep to them."
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


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
    known = [
        *built_in,
        *OPERATORS,
        *(entry_point.name for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS)),
    ]
    raise TaskError(
        f"search.proposers: unknown proposer '{name}'; known: {', '.join(known)}.{did_you_mean(name, known)}"
    )
