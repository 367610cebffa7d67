"""The load that every client puts on the stub: the same questions, in the same order."""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.records import Example
from benchmarks.datasets.rows import rows_from_values
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt

MODEL = "stub"
LABELS = ("billing", "delivery", "orders", "refunds", "technical")
PARAMETERS = {"temperature": 0, "max_tokens": 16}
INSTRUCTION = "Which team can solve this? Answer with one of: " + ", ".join(LABELS) + "."

_VOCABULARY = (
    "account address again amount answer arrived app because bought broken button card charged closed code customer "
    "date day discount email error first friend gift house invoice item last late link login lost message missing "
    "money month name never number old open order package page password payment phone please price problem question "
    "receipt return screen second send shipped shop size still store thanks today twice update wait week wrong year"
)
_WORDS_PER_ROW = 150
"""With the instruction about 200 tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """`calls` calls at most `concurrency` at once to the endpoint at `url`, after `warm_up` calls that do not count.

    Call n asks about row n % `rows`. Where a client would answer a question that it has seen without asking again,
    calls with equal n // `rows` are one pass over the rows and different passes are different questions.
    """

    url: str
    calls: int
    warm_up: int
    concurrency: int
    rows: int = 200

    @property
    def uncounted(self) -> range:
        """The numbers of the calls that do not count."""
        return range(self.warm_up)

    @property
    def counted(self) -> range:
        """The numbers of the calls that count."""
        return range(self.warm_up, self.warm_up + self.calls)


def examples(count: int, seed: int = 0) -> list[Example]:
    """Labelled rows: a message of about 180 tokens, and the team that can solve it."""
    rng, words = random.Random(seed), _VOCABULARY.split()
    values = [
        {"message": " ".join(rng.choices(words, k=_WORDS_PER_ROW)), "team": rng.choice(LABELS)} for _ in range(count)
    ]
    return make_examples(rows_from_values(values), ["message"], "team", [])


def prompt() -> Prompt:
    """The instruction as the system message, the row as the user message."""
    return Prompt(
        messages=(Message(role="system", content=INSTRUCTION), Message(role="user", content="{{message}}")),
        parameters=PARAMETERS,
    )


def messages(load: Load) -> list[list[dict[str, str]]]:
    """The rendered messages of each row, as request bodies hold them."""
    rendered = (prompt().render(example.inputs) for example in examples(load.rows))
    return [[{"role": m.role, "content": m.content} for m in row] for row in rendered]
