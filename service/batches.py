"""The model of an evaluation, connected through OpenAI's Batch API: behind ledger and budget, but without a limit to
how many requests are under way, which would cut a batch into pieces."""

from __future__ import annotations

import random
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.budget import Budget, Caps
from benchmarks.ledger.protocol import Ledger, Occasion
from benchmarks.models.batch.submissions import Submissions
from benchmarks.models.connect import Endpoint, batch_lane, tariff_for
from benchmarks.models.kept import Kept
from benchmarks.models.metered import Metered
from benchmarks.models.recorded import Recorded
from benchmarks.models.retrying import Patience, Retrying
from service.connection import Connection, Models
from service.home import Home

if TYPE_CHECKING:
    from benchmarks.models.batch.provider import Rhythm

ONE_ATTEMPT = Patience(attempts=1, attempts_at_first=1, requests_at_first=None)
"""A request that its batch did not answer is missing: another attempt could take another day."""


@asynccontextmanager
async def batched(
    endpoint: Endpoint,
    *,
    run: str,
    caps: Caps,
    ledger: Ledger,
    occasion: Occasion | None = None,
    mark: int,
    home: Home,
    environment: Mapping[str, str],
    on_notice: Callable[[str], None],
    on_left: Callable[[str], None],
    rhythm: Rhythm | None = None,
) -> AsyncIterator[Models]:
    """The task model at `endpoint`, connected.

    `run` names what is being run, `mark` is the ledger's mark now. The same again, after whatever interrupted it, waits
    for the batches that are open and is charged what it would have been charged without the interruption. Where the
    block is left by an error or a cancellation the open batches go on at the provider, and `on_left` is told;
    `on_notice` is told how far they are.
    """
    tariff, occasion = tariff_for(endpoint, caps), occasion or Occasion()
    budget = Budget(caps)
    submissions = Submissions(home, run=run, now_mark=mark)
    lane = batch_lane(endpoint, tariff, submissions, environment, on_notice=on_notice, on_left=on_left, rhythm=rhythm)
    metered = Metered(inner=lane, budget=budget, tariff=tariff)
    retrying = Retrying(metered, patience=ONE_ATTEMPT, rng=random.Random(0))
    model = Recorded(
        Kept(inner=retrying, ledger=ledger, occasion=occasion),
        ledger=ledger,
        occasion=occasion,
        mark=submissions.mark,
        budget=budget,
        tariff=tariff,
    )
    try:
        yield Models(task=Connection(model=model, tariff=tariff, budget=budget, at_once=sys.maxsize))
        await lane.finish()
    finally:
        try:
            await model.withdraw()
        finally:
            await model.close()
