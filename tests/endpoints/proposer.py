"""A stand-in proposer: it answers DSPy's prompts in the chat adapter's format, and its edits really help.

The task it helps with: a row names things, and the label follows from the first of them. The task model
(`SorterModel`) knows the label of a thing only if the prompt states it, as in "barrel goes to amber"; otherwise it says
the first label. The proposer reads what it is told as a person would: it takes such facts from the failures or the
examples in its prompt, and adds them to the instruction.

    async with LocalEndpoint(ProposerModel().answer) as endpoint: ...

`mode` makes it answer badly.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from benchmarks.budget import PROPOSER, Budget
from benchmarks.ledger.protocol import Ledger, Occasion
from benchmarks.models.connect import wrapped
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import Failure, FailureKind, LanguageModel, Request
from benchmarks.models.retrying import Patience
from optimizers.proposers.author import Writer
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.wire import Json, Reply

LABELS = ("amber", "cobalt", "olive", "scarlet")
THINGS = {
    thing: LABELS[number % len(LABELS)]
    for number, thing in enumerate(
        ["barrel", "candle", "feather", "ladder", "mirror", "needle", "pebble", "saddle", "tunnel", "violin"]
    )
}
"""Each thing with its label."""

COMPLETED = "[[ ## completed ## ]]"
_FIELD = re.compile(r"\[\[ ## (\w+) ## \]\]\n(.*?)(?=\n\n\[\[ ## |\n\nRespond with|\Z)", re.DOTALL)
_OUTPUT = re.compile(r"`\[\[ ## (\w+) ## \]\]`")
_FACT = re.compile(r"(\w+) goes to (\w+)")


def rows(count: int) -> list[dict[str, str]]:
    """`count` different rows {"text", "label"}, which go through all things in turn."""
    things = list(THINGS)
    return [
        {"text": f"{things[n % len(things)]} and {things[n * 7 % 9]}, parcel number {n:04d}", "label": label}
        for n in range(count)
        for label in [THINGS[things[n % len(things)]]]
    ]


class SorterModel:
    """The task model: it knows what the prompt states."""

    def respond(self, request: Request) -> str:
        """As a model in the same process."""
        return self.reply([{"role": m.role, "content": m.content} for m in request.messages])

    def reply(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The label of the last row in the prompt."""
        text = "\n".join(message["content"] for message in messages)
        row = re.findall(r"(\w+) and \w+, parcel number \d{4}", text)
        return dict(_FACT.findall(text)).get(row[-1], LABELS[0]) if row else LABELS[0]

    def answer(self, messages: list[Json], _body: Json) -> Reply:
        """As an endpoint's answer."""
        return Reply(text=self.reply(messages))


class Mode(StrEnum):
    """How the proposer answers."""

    GOOD = "good"
    BAD_FORMAT = "bad format"
    CUT_OFF = "cut off"
    LEAKING = "leaking"
    THINKING = "thinking"
    FAILING = "failing"


@dataclass(slots=True, kw_only=True)
class ProposerModel:
    """The proposer. With `LEAKING` it repeats `secret`; it adds `facts_at_once` facts to an instruction."""

    mode: Mode = Mode.GOOD
    secret: str = ""
    facts_at_once: int = 2

    def answer(self, messages: list[Json], _body: Json) -> Reply | Fault:
        """As an endpoint's answer."""
        if self.mode is Mode.FAILING:
            return Fault(kind=FaultKind.SERVER_ERROR)
        return Reply(text=self.reply(messages))

    def respond(self, request: Request) -> str | Failure:
        """As a model in the same process."""
        if self.mode is Mode.FAILING:
            return Failure(kind=FailureKind.SERVER_ERROR, detail="HTTP 500")
        return self.reply([{"role": m.role, "content": m.content} for m in request.messages])

    def reply(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """What it writes."""
        told = dict(_FIELD.findall(messages[-1]["content"]))
        wanted = [name for name in _OUTPUT.findall(messages[-1]["content"]) if name != "completed"]
        instruction = self._instruction(told)
        if self.mode is Mode.BAD_FORMAT:
            return f"Sure! Try this one: {instruction}"
        if self.mode is Mode.LEAKING:
            instruction += f" For instance:   {self.secret.upper()}!"
        if self.mode is Mode.THINKING:
            instruction = f"<think>They want something new. {instruction}"
        if self.mode is Mode.CUT_OFF:
            instruction *= 1000
        fields = {"hypothesis": "Some things are not said to belong anywhere.", "instruction": instruction}
        return "\n\n".join([*(f"[[ ## {name} ## ]]\n{fields[name]}" for name in wanted), COMPLETED])

    def _instruction(self, told: Mapping[str, str]) -> str:
        if "first" in told:
            lines = [*told["first"].splitlines(), *told["second"].splitlines()]
            return "\n".join(dict.fromkeys(lines))
        before = told.get("instruction_so_far", "Sort the parcel by its first thing.")
        if "manner" in told:
            return f"{before}\n(Said {told['manner']}.)"
        seen = told.get("failures") or told.get("examples", "")
        stated = dict(_FACT.findall(before))
        facts = [
            f"{thing} goes to {label}."
            for thing, label in dict(re.findall(r"text: (\w+) and [^\n]*\n(?:Expected|Answer): (\w+)", seen)).items()
            if thing not in stated
        ]
        return "\n".join([before, *facts[: self.facts_at_once]])


def connect(
    inner: LanguageModel, budget: Budget, ledger: Ledger, *, mark: int = 0, price: Price | None = None
) -> Writer:
    """The proposer model `inner` behind all wrappers, on a job's budget; to be called in a running event loop."""
    tariff = Tariff(price=price)
    model = wrapped(
        inner,
        max_concurrency=8,
        tariff=tariff,
        budget=budget.of(PROPOSER),
        ledger=ledger,
        occasion=Occasion(),
        mark=mark,
        patience=Patience(attempts=2),
        rng=random.Random(0),
    )
    return Writer(model=model, parameters={"max_tokens": 4096}, tariff=tariff, budget=budget.of(PROPOSER))
