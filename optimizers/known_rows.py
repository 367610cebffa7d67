"""What the ledger knows of the first candidates of a warm start: free rows, which the search may count on.

Which replies are there depends on what else has run in the home, so it is settled in the journal when a job first
starts.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import request_for
from benchmarks.evaluation.run import Assignment
from benchmarks.ledger.protocol import Ledger, Occasion, ledger_key
from benchmarks.models.protocol import ModelIdentity
from benchmarks.prompts.prompt import Prompt
from optimizers.journal import Journal

POINT = "known rows"


async def known_rows(
    prompts: Sequence[Prompt],
    rows: Sequence[Example],
    *,
    model: ModelIdentity,
    ledger: Ledger,
    occasion: Occasion,
    mark: int,
    journal: Journal,
) -> tuple[Assignment, ...]:
    """The rollouts of `prompts` on `rows` whose replies were in the ledger at `mark`, when the job first started.

    The journal has a text of 0 and 1 for each prompt, by its digest: a digit for every row.
    """
    if not prompts:
        return ()
    settled = journal.recall(POINT)
    if settled is None:
        settled = {}
        for prompt in prompts:
            entries = await ledger.find_all([ledger_key(occasion, model, request_for(prompt, row)) for row in rows])
            settled[prompt.digest] = "".join("1" if entry and entry.sequence <= mark else "0" for entry in entries)
        journal.record(POINT, settled)
    return tuple(
        Assignment(prompt=prompt, example=row)
        for prompt in prompts
        for row, known in zip(rows, settled[prompt.digest], strict=True)
        if known == "1"
    )
