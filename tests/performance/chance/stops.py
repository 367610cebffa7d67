"""How often the look at the headroom ends a job, where nothing and where something can be gained."""

from __future__ import annotations

from benchmarks.budget import Caps
from benchmarks.models.protocol import Request
from optimizers.headroom import Headroom, look
from optimizers.plan import HEADROOM_ROWS, PROBES
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respondent, chance, labelled_rows, make_task, numbered, truth, wrong
from tests.endpoints.virtual_time import in_virtual_time

VALIDATION_ROWS = 200

TASK = make_task(labelled_rows(VALIDATION_ROWS + 10), split={"train": 0, "validation": VALIDATION_ROWS, "test": 10})
ANSWERS = truth(TASK)
BASELINE = Candidate(trial=0, prompt=TASK.baseline, choices=None)
OTHERS = numbered(PROBES)


def saturated(gain: float, seed: int, request: Request) -> str:
    """The baseline is wrong on a share `gain` of the rows, all of which a better prompt would get right; the other
    prompts are wrong on a tenth."""
    share = gain if request.prompt_digest == BASELINE.prompt.digest else 0.1
    answer = ANSWERS[request.example_id]
    return wrong(answer) if chance(seed, request.prompt_digest, request.example_id) < share else answer


WORLDS = {"saturated": saturated}


def seen(world: str, gain: float, *, calls: int, proof_rows: int, seed: int) -> Headroom:
    """What the look of a job of `calls` calls shows."""
    respond = WORLDS[world]

    async def main() -> Headroom | None:
        model = Respondent(respond=lambda request: respond(gain, seed, request))
        _, evaluator = Job(task=TASK, caps=Caps(calls=calls)).connect(model)
        order = TASK.dataset.validation
        return await look(
            BASELINE,
            OTHERS,
            order[:HEADROOM_ROWS],
            1,
            evaluator,
            further=order[HEADROOM_ROWS:],
            most_calls=(calls - 2 * proof_rows) // 8,
            proof_rows=proof_rows,
        )

    headroom = in_virtual_time(main())
    if headroom is None:
        raise AssertionError("the budget pays for a look")
    return headroom


def stopped(world: str, gain: float, *, calls: int, proof_rows: int, runs: int) -> float:
    """The share of jobs that the look ends."""
    looks = (seen(world, gain, calls=calls, proof_rows=proof_rows, seed=seed) for seed in range(runs))
    return sum(found.little_to_gain for found in looks) / runs
