"""Running an evaluation: one prompt on one split, with interval and slices."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from benchmarks.budget import PROPOSER, TASK
from benchmarks.datasets.records import Split
from benchmarks.digests import digest
from benchmarks.errors import BudgetError, EndpointDown, EndpointError, TaskError
from benchmarks.evaluation.rollout import REFUSALS
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.compare import Arm, summarise
from benchmarks.evidence.intervals import mean_interval
from benchmarks.ledger.protocol import Occasion
from benchmarks.ledger.sql import SqlLedger
from benchmarks.models.deadline import grace_of, withdraw_within
from benchmarks.models.paced import nobody
from benchmarks.models.protocol import FailureKind, LanguageModel
from benchmarks.models.vllm_metrics import prefix_cache, share_since
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task, check_variables
from optimizers.progress import Notice, Observer, PhaseStarted, Tally, silent
from service.batches import batched
from service.connection import caps_of, connected, endpoints_of
from service.epochs import epoch_of
from service.home import Home
from service.journal import SqlLooks
from service.judging import calls_for, evaluated, graded_by, judge_json
from service.result import by_role_json, cached_json, interval_json, model_json, per_1000_requests

Returned = TypeVar("Returned")


async def run_evaluation(
    task: Task,
    prompt: Prompt,
    split: Split,
    home: Home,
    *,
    fresh: bool = False,
    environment: Mapping[str, str],
    observer: Observer = silent,
    on_left: Callable[[str], None] = nobody,
) -> dict[str, Any]:
    """The score of `prompt` on `split` of `task`, as JSON values.

    Replies that the ledger holds are not paid for again, unless `fresh` begins a new epoch, in which later evaluations
    of the same prompt on the same split go on. If the model is asked in batches and the evaluation ends
    early, `on_left` is told, in words, which batches go on at the provider. An evaluation on test is logged as a look
    at it. Raises BudgetError before anything is spent if the task's cap is smaller than the split, and when the seconds
    cap is reached before all rows are done.
    """
    check_variables(prompt.variables, task.signature, "the prompt")
    examples = task.dataset.split(split)
    caps, calls = caps_of(task.spec.budget), calls_for(task, len(examples))
    if caps.calls < calls:
        raise BudgetError(
            f"The {split} split has {len(examples)} rows, which may take {calls} calls, and the budget {caps.calls}. "
            f"Nothing was spent. Give at least --budget-calls {calls}."
        )
    endpoints = {role: endpoint for role, endpoint in endpoints_of(task.spec).items() if role != PROPOSER}
    endpoint = endpoints[TASK]

    def on_notice(message: str) -> None:
        observer(Notice(message=message))

    if len(endpoints) > 1 and any(endpoint.batch for endpoint in endpoints.values()):
        raise TaskError("A judge grades replies one by one: take batch: true out of model and judge_model.")
    ledger = SqlLedger(home.engine, home.now)
    occasion = Occasion(epoch=epoch_of(digest(_evaluated(task, prompt, split)), home, fresh=fresh))
    try:
        mark = await ledger.mark()
        cache = await prefix_cache(endpoint)
        connecting = (
            batched(
                endpoint,
                run=_name(task, prompt, split, occasion.epoch),
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
    finally:
        await ledger.close()
    done = [(example, rollout) for example, rollout in zip(examples, rollouts, strict=True) if not rollout.missing]
    last = rollouts[-1]
    if not done and last.problem == FailureKind.UNAFFORDABLE.value:
        raise BudgetError("The token or dollar cap does not pay for a single call. Raise budget.tokens or budget.usd.")
    if not done:
        raise EndpointDown(
            f"None of {len(rollouts)} calls got a reply; the last one: {last.detail}. Run the same command again once "
            "the endpoint answers."
        )
    if all(rollout.problem in REFUSALS for rollout in rollouts):
        raise EndpointError(f"The endpoint refuses every request. The last refusal: {last.detail}")
    look = None
    if split is Split.TEST:
        model = endpoint.model_identity
        epoch = [occasion.epoch] if occasion.epoch else []
        looked = digest([prompt.digest, model.endpoint, model.model, *graded_by(task), *epoch])
        look = SqlLooks(home).count(task.dataset.test_digest, looked)
    scored = [example for example, _ in done]
    arm = Arm(
        answers=tuple(rollout.answer for _, rollout in done),
        scores=tuple(rollout.score for _, rollout in done if rollout.score is not None),
    )
    spent = connection.budget.spent
    return {
        "task": task.name,
        "model": model_json(endpoint),
        "judge": judge_json(task, agreement),
        "split": split.value,
        "prompt_digest": prompt.digest,
        "dataset_digest": task.dataset.digest,
        "metric": task.metric.name,
        "n": len(done),
        "missing": len(rollouts) - len(done),
        "score": interval_json(summarise(task.metric, arm, scored, level=0.95, seed=task.spec.seed)),
        "slices": _slices(task, [(example.slices, score) for example, score in zip(scored, arm.scores, strict=True)]),
        "problems": dict(sorted(Counter(r.problem for r in rollouts if r.problem).items())),
        "look": look,
        "per_1000_requests": per_1000_requests([rollout for _, rollout in done]),
        "spent": {
            "calls": spent.calls,
            "ledger_hits": spent.ledger_hits,
            "prompt_tokens": spent.prompt_tokens,
            "completion_tokens": spent.completion_tokens,
            **cached_json(spent, await share_since(cache, endpoint)),
            "usd": spent.cost_usd,
            "by_role": by_role_json(connection.budget),
        },
    }


def _name(task: Task, prompt: Prompt, split: Split, epoch: str) -> str:
    """What is evaluated, on which budget: the same again is the same evaluation."""
    budget = task.spec.budget
    once = [budget.calls, budget.tokens, budget.usd, *([epoch] if epoch else [])]
    return digest([*_evaluated(task, prompt, split), *once])


def _evaluated(task: Task, prompt: Prompt, split: Split) -> list[str]:
    """What is evaluated."""
    model = endpoints_of(task.spec)[TASK].model_identity
    return [task.name, prompt.digest, split.value, task.dataset.digest, model.endpoint, model.model]


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


def _slices(task: Task, rows: list[tuple[Mapping[str, str], float]]) -> list[dict[str, Any]]:
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for slices, score in rows:
        for column, value in slices.items():
            scores[column, value].append(score)
    return [
        {
            "column": column,
            "value": value,
            "n": len(found),
            "score": interval_json(mean_interval(found, binary=task.metric.binary)),
        }
        for (column, value), found in sorted(scores.items())
    ]
