"""What one prompt scores on one split of one dataset in one epoch: the one way in, for whoever wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.budget import PROPOSER, TASK, Caps
from benchmarks.datasets.records import Example, Split
from benchmarks.digests import digest
from benchmarks.errors import BudgetError, EndpointDown, EndpointError, TaskError
from benchmarks.evaluation.rollout import REFUSALS, Rollout
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.agreement import Agreement
from benchmarks.ledger.protocol import Ledger, Occasion
from benchmarks.models.connect import Endpoint
from benchmarks.models.deadline import grace_of, withdraw_within
from benchmarks.models.paced import nobody
from benchmarks.models.protocol import FailureKind, LanguageModel
from benchmarks.models.vllm_metrics import prefix_cache, share_since
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task, check_variables
from optimizers.progress import Notice, Observer, PhaseStarted, Tally, silent
from service.batches import batched
from service.connection import caps_of, connected, endpoints_of
from service.home import Home
from service.judging import calls_for, evaluated
from service.result import by_role_json, cached_json

Returned = TypeVar("Returned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What came of one prompt on each row of a split, in the dataset's order.

    `agreement` is the judge's with people, None where nobody judges or it is not known. `spent`, as JSON values, holds
    calls, ledger_hits, prompt_tokens, completion_tokens, cached_tokens, usd (None where the price is unknown) and
    by_role.
    """

    examples: tuple[Example, ...]
    rollouts: tuple[Rollout, ...]
    agreement: Agreement | None
    spent: Mapping[str, Any]

    @property
    def scores(self) -> tuple[float | None, ...]:
        """The score of each row in [0, 1], None where it is missing."""
        return tuple(rollout.score for rollout in self.rollouts)


async def score(
    task: Task,
    prompt: Prompt,
    split: Split,
    home: Home,
    ledger: Ledger,
    *,
    epoch: str,
    mark: int,
    caps: Caps | None = None,
    environment: Mapping[str, str],
    observer: Observer = silent,
    on_left: Callable[[str], None] = nobody,
    refused_counts: bool = False,
) -> Scored:
    """What `prompt` scores on `split` of `task` with its model (and its judge) in the ledger epoch `epoch`.

    Replies that the ledger has of the epoch are not paid for again; those that came after `mark`, its mark when the job
    first started, are charged as if they were, so a job that was interrupted comes to the same. `caps` hold for this
    call alone; without any, those of the task's budget do. Looks at test are the caller's to count. If the model is
    asked in batches and this ends early, `on_left` is told, in words, which go on at the provider. That all rows were
    refused is a score of 0 if `refused_counts`, as it is of one row, else a mistake to be told of.

    Raises BudgetError before anything is spent if the cap on calls is smaller than the split, or when the cap on
    seconds is reached before all rows are done; TaskError if the prompt does not fit the task; EndpointDown if no row
    got a reply, and EndpointError if all were refused.
    """
    check_variables(prompt.variables, task.signature, "the prompt")
    examples, caps = task.dataset.split(split), caps or caps_of(task.spec.budget)
    endpoints = scoring_endpoints(task)
    check_calls(task, split, caps)
    endpoint, occasion = endpoints[TASK], Occasion(epoch=epoch)

    def on_notice(message: str) -> None:
        observer(Notice(message=message))

    cache = await prefix_cache(endpoint)
    connecting = (
        batched(
            endpoint,
            run=_name(task, prompt, split, caps, epoch),
            caps=caps,
            ledger=ledger,
            occasion=occasion,
            mark=mark,
            home=home,
            environment=environment,
            on_notice=on_notice,
            on_left=on_left,
        )
        if endpoint.batch
        else connected(
            endpoints,
            caps=caps,
            ledger=ledger,
            occasion=occasion,
            mark=mark,
            seed=task.spec.seed,
            environment=environment,
            on_notice=on_notice,
        )
    )
    async with connecting as models:
        connection = models.task
        tally = Tally(connection.budget, observer, level=lambda: connection.level)
        observer(PhaseStarted(phase=split.value, calls_planned=len(examples)))
        tally.expect(len(examples))
        assignments = [Assignment(prompt=prompt, example=example) for example in examples]
        async with tally.ticking():
            rollouts, agreement = await run_within(
                caps.seconds, evaluated(task, assignments, models, tally), models.all, rows=len(examples)
            )
    _check_answered(rollouts, refused_counts=refused_counts)
    spent = connection.budget.spent
    return Scored(
        examples=examples,
        rollouts=tuple(rollouts),
        agreement=agreement,
        spent={
            "calls": spent.calls,
            "ledger_hits": spent.ledger_hits,
            "prompt_tokens": spent.prompt_tokens,
            "completion_tokens": spent.completion_tokens,
            **cached_json(spent, await share_since(cache, endpoint)),
            "usd": spent.cost_usd,
            "by_role": by_role_json(connection.budget),
        },
    )


def scoring_endpoints(task: Task) -> dict[str, Endpoint]:
    """The endpoints that scoring a prompt of `task` asks, by the roles of their models. Raises TaskError where they
    cannot work together."""
    endpoints = {role: endpoint for role, endpoint in endpoints_of(task.spec).items() if role != PROPOSER}
    if len(endpoints) > 1 and any(endpoint.batch for endpoint in endpoints.values()):
        raise TaskError("A judge grades replies one by one: take batch: true out of model and judge_model.")
    return endpoints


def check_calls(task: Task, split: Split, caps: Caps) -> None:
    """Raises BudgetError if the calls that are allowed are too few for the split."""
    rows = len(task.dataset.split(split))
    calls = calls_for(task, rows)
    if caps.calls < calls:
        raise BudgetError(
            f"The {split} split has {rows} rows, which may take {calls} calls, and the budget {caps.calls}. "
            f"Nothing was spent. Give at least --budget-calls {calls} (budget.calls in a request)."
        )


def scored_digest(task: Task, prompt: Prompt, split: Split) -> str:
    """The digest of what is scored, on what, by which model: each has epochs of its own."""
    return digest(_scored(task, prompt, split))


def _name(task: Task, prompt: Prompt, split: Split, caps: Caps, epoch: str) -> str:
    """What is scored, on which budget: the same again is the same run."""
    once = [caps.calls, caps.tokens, caps.usd, *([epoch] if epoch else [])]
    return digest([*_scored(task, prompt, split), *once])


def _scored(task: Task, prompt: Prompt, split: Split) -> list[str]:
    model = endpoints_of(task.spec)[TASK].model_identity
    return [task.name, prompt.digest, split.value, task.dataset.digest, model.endpoint, model.model]


def _check_answered(rollouts: Sequence[Rollout], *, refused_counts: bool) -> None:
    """Raises what explains that there is nothing to score."""
    last = rollouts[-1]
    if all(rollout.missing for rollout in rollouts):
        if last.problem == FailureKind.UNAFFORDABLE.value:
            raise BudgetError(
                "The token or dollar cap does not pay for a single call. Raise budget.tokens or budget.usd."
            )
        raise EndpointDown(
            f"None of {len(rollouts)} calls got a reply; the last one: {last.detail}. Run the same command again once "
            "the endpoint answers."
        )
    if not refused_counts and all(rollout.problem in REFUSALS for rollout in rollouts):
        raise EndpointError(f"The endpoint refuses every request. The last refusal: {last.detail}")


async def run_within(
    cap_s: float | None, running: Awaitable[Returned], models: Sequence[LanguageModel], *, rows: int
) -> Returned:
    """What `running`, an evaluation of `rows` rows, comes to. Raises BudgetError once `cap_s` seconds have passed and
    it is not done; by then replies of `models` under way are kept or given up."""
    if cap_s is None:
        return await running
    grace_s = grace_of(cap_s)
    try:
        async with asyncio.timeout(cap_s - grace_s):
            return await running
    except TimeoutError:
        await asyncio.gather(*(withdraw_within(model, grace_s) for model in models))
        raise BudgetError(
            f"{cap_s:g} s were not enough for {rows} rows. The replies that came are kept: run the same "
            "command again, or raise budget.seconds."
        ) from None
