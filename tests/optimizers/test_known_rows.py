"""What the ledger knew when a job first started is settled then, whatever is kept later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import request_for
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Entry, Occasion, ledger_key
from benchmarks.models.protocol import Completion, ModelIdentity, Usage
from benchmarks.prompts.prompt import Prompt
from optimizers.journal import MemoryJournal
from optimizers.known_rows import known_rows
from tests.endpoints.jobs import labelled_rows, make_task, numbered

MODEL = ModelIdentity(endpoint="here", model="local")
ROWS = make_task(labelled_rows(30)).dataset.validation
ONE, OTHER = (candidate.prompt for candidate in numbered(2))
EPOCH = Occasion(epoch="night 1")


def keep(ledger: MemoryLedger, prompt: Prompt, rows: Sequence[Example], occasion: Occasion = EPOCH) -> None:
    for row in rows:
        request = request_for(prompt, row)
        entry = Entry(
            key=ledger_key(occasion, MODEL, request),
            reply=Completion(text="amber", usage=Usage(prompt_tokens=1, completion_tokens=1), latency_s=0.0),
            occasion=occasion,
            model=MODEL,
            prompt_digest=prompt.digest,
            example_id=row.id,
        )
        asyncio.run(ledger.keep(entry))


def known(ledger: MemoryLedger, journal: MemoryJournal, mark: int) -> list[tuple[str, str]]:
    found = asyncio.run(
        known_rows([ONE, OTHER], ROWS, model=MODEL, ledger=ledger, occasion=EPOCH, mark=mark, journal=journal)
    )
    return [(assignment.prompt.digest, assignment.example.id) for assignment in found]


def test_it_is_what_was_kept_of_this_epoch_before_the_start() -> None:
    ledger = MemoryLedger()
    keep(ledger, ONE, ROWS[:5])
    keep(ledger, OTHER, ROWS[2:4])
    keep(ledger, OTHER, ROWS[4:8], Occasion(epoch="night 2"))
    mark = len(ledger.entries)
    keep(ledger, OTHER, ROWS[8:])
    expected = [(ONE.digest, row.id) for row in ROWS[:5]] + [(OTHER.digest, row.id) for row in ROWS[2:4]]
    assert known(ledger, MemoryJournal(), mark) == expected


def test_it_is_settled_once() -> None:
    """Later replies add nothing, and one that was pruned is asked for again."""
    ledger, journal = MemoryLedger(), MemoryJournal()
    keep(ledger, ONE, ROWS[:5])
    first = known(ledger, journal, mark=5)
    assert len(first) == 5
    keep(ledger, OTHER, ROWS)
    ledger.entries.pop(next(iter(ledger.entries)))
    assert known(ledger, journal, mark=len(ledger.entries)) == first


def test_nothing_is_known_of_nobody() -> None:
    assert known(MemoryLedger(), MemoryJournal(), mark=0) == []
