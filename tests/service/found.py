"""A finished optimization with a front of three prompts and a winner that was taken apart, made by hand."""

from __future__ import annotations

from typing import Any

from benchmarks.budget import TASK
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.models.protocol import Message, ModelIdentity
from benchmarks.prompts.prompt import Prompt
from optimizers.ablation import Ablation
from optimizers.expense import Expense
from optimizers.front import Member, as_good_in_words
from optimizers.importance import FactorImportance, Importance
from optimizers.study import Candidate
from service.home import Home
from service.jobs import SUCCEEDED, Jobs, job_identity
from service.result import front_json, mattered_json
from tests.endpoints.jobs import labelled_rows, make_task
from tests.service.begun import begun

MODEL = {"name": "tiny"}


def prompt(text: str) -> Prompt:
    """A prompt of one message."""
    message = Message(role="user", content=f"{text}\n{{{{text}}}}")
    return Prompt(messages=(message,), parameters={"temperature": 0}, factors={"instruction": text})


def paired(mean: float, low: float, high: float) -> PairedDifference:
    return PairedDifference(mean=mean, low=low, high=high, p=0.5, n=120, test="exact McNemar")


def member(trial: int, score: float, tokens: float, difference: PairedDifference | None) -> Member:
    """A member of the front at two dollars for a million tokens."""
    return Member(
        candidate=Candidate(trial=trial, prompt=prompt(f"Prompt {trial}."), choices=None),
        score=Interval(mean=score, low=score - 0.05, high=score + 0.05, n=120),
        difference=difference,
        expense=Expense(prompt_tokens=tokens, completion_tokens=3.0, cost_usd_per_1000=0.002 * tokens, latency_s=0.25),
    )


MEMBERS = (
    member(7, 0.86, 640.0, None),
    member(4, 0.855, 400.0, paired(-0.005, -0.021, 0.011)),
    member(2, 0.7, 210.0, paired(-0.16, -0.24, -0.08)),
)


def part(name: str, difference: PairedDifference) -> Ablation:
    return Ablation(part=name, instead="none", prompt=prompt(name), difference=difference, prompt_tokens=10.0)


PARTS = (
    part("the 4 demonstrations", paired(0.062, 0.021, 0.103)),
    part("the instruction", paired(-0.04, -0.07, -0.01)),
    part("the delimiters xml", paired(0.0, -0.023, 0.023)),
)
IMPORTANCE = Importance(
    factors=(
        FactorImportance(factor="instruction", share=0.7, p=0.01),
        FactorImportance(factor="placement", share=0.3, p=0.6),
    ),
    trials=60,
)


def found(**fields: Any) -> dict[str, Any]:
    """What a result says of the front and of what mattered, as `result_json` has it, and `fields`."""
    return {
        "task": "job",
        "front": front_json(MEMBERS),
        "cheaper": as_good_in_words(MEMBERS),
        "mattered": mattered_json(IMPORTANCE, PARTS),
        **fields,
    }


def conclude(home: Home, result: dict[str, Any], *, seed: int = 0) -> str:
    """Writes down an optimization of the task `job` that came to `result`; returns its id."""
    task, jobs = make_task(labelled_rows(60), model=MODEL, seed=seed), Jobs(home)
    job = jobs.find(job_identity(task, {TASK: ModelIdentity(endpoint="tiny", model="tiny")}), task, fresh=False)
    begun(jobs, job, task)
    jobs.conclude(job.id, SUCCEEDED, result=result)
    return job.id
