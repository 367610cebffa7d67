"""Running an evaluation: one prompt on one split, with interval and slices."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.budget import TASK
from benchmarks.datasets.records import Split
from benchmarks.digests import digest
from benchmarks.evidence.compare import Arm, summarise
from benchmarks.evidence.intervals import mean_interval
from benchmarks.ledger.sql import SqlLedger
from benchmarks.models.connect import tariff_for
from benchmarks.models.paced import nobody
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task, check_variables
from optimizers.progress import Observer, silent
from service.connection import caps_of, endpoints_of
from service.epochs import epoch_of
from service.home import Home
from service.journal import SqlLooks
from service.judging import graded_by, judge_json
from service.result import interval_json, model_json, per_1000_requests
from service.scoring import Scored, check_calls, score, scored_digest, scoring_endpoints


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
    of the same prompt on the same split go on. An evaluation on test is logged as a look at it. Raises what `score`
    does.
    """
    check(task, prompt, split)
    ledger = SqlLedger(home.engine, home.now)
    try:
        epoch = epoch_of(scored_digest(task, prompt, split), home, fresh=fresh)
        scored = await score(
            task,
            prompt,
            split,
            home,
            ledger,
            epoch=epoch,
            mark=await ledger.mark(),
            environment=environment,
            observer=observer,
            on_left=on_left,
        )
    finally:
        await ledger.close()
    return evaluation_json(task, prompt, split, scored, look=look(task, prompt, split, epoch, home))


def check(task: Task, prompt: Prompt, split: Split) -> None:
    """Raises what would stop the evaluation at once, so that nothing is written down in vain."""
    check_variables(prompt.variables, task.signature, "the prompt")
    caps = caps_of(task.spec.budget)
    for endpoint in scoring_endpoints(task).values():
        tariff_for(endpoint, caps)
    check_calls(task, split, caps)


def look(task: Task, prompt: Prompt, split: Split, epoch: str, home: Home) -> int | None:
    """Which look at the test split this evaluation is, from now on; None on another split."""
    if split is not Split.TEST:
        return None
    model = endpoints_of(task.spec)[TASK].model_identity
    looked = [prompt.digest, model.endpoint, model.model, *graded_by(task), *([epoch] if epoch else [])]
    return SqlLooks(home).count(task.dataset.test_digest, digest(looked))


def evaluation_json(task: Task, prompt: Prompt, split: Split, scored: Scored, *, look: int | None) -> dict[str, Any]:
    """Everything a user may want to know of an evaluation but its rows."""
    rollouts = scored.rollouts
    done = [(example, r) for example, r in zip(scored.examples, rollouts, strict=True) if not r.missing]
    examples = [example for example, _ in done]
    arm = Arm(
        answers=tuple(rollout.answer for _, rollout in done),
        scores=tuple(rollout.score for _, rollout in done if rollout.score is not None),
    )
    return {
        "task": task.name,
        "model": model_json(endpoints_of(task.spec)[TASK]),
        "judge": judge_json(task, scored.agreement),
        "split": split.value,
        "prompt_digest": prompt.digest,
        "dataset_digest": task.dataset.digest,
        "metric": task.metric.name,
        "n": len(done),
        "missing": len(rollouts) - len(done),
        "score": interval_json(summarise(task.metric, arm, examples, level=0.95, seed=task.spec.seed)),
        "slices": _slices(task, [(example.slices, s) for example, s in zip(examples, arm.scores, strict=True)]),
        "problems": dict(sorted(Counter(r.problem for r in rollouts if r.problem).items())),
        "look": look,
        "per_1000_requests": per_1000_requests([rollout for _, rollout in done]),
        "spent": dict(scored.spent),
    }


def _slices(task: Task, rows: list[tuple[Mapping[str, str], float]]) -> list[dict[str, Any]]:
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for slices, found in rows:
        for column, value in slices.items():
            scores[column, value].append(found)
    return [
        {
            "column": column,
            "value": value,
            "n": len(found),
            "score": interval_json(mean_interval(found, binary=task.metric.binary)),
        }
        for (column, value), found in sorted(scores.items())
    ]
