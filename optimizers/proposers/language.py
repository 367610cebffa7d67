"""The proposer model as DSPy sees it: a `dspy.BaseLM` over our own model seam, so that ledger, budget and retries hold
for programs as they do for rollouts.

DSPy's own cache, history, retries and threads take no part: `acall` is all that its adapters use of a model, and here
it goes to the seam at once. (The inherited `acall` prepares each request in a thread and warns that `aforward` is on
its way out.) Settings are set for the task that runs the program and nowhere else, so two jobs may share a process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dspy

from benchmarks.errors import BudgetError
from benchmarks.models.protocol import Failure, FailureKind, LanguageModel, Message, ParameterValue, Request

COMPLETED = "[[ ## completed ## ]]"
"""The mark with which DSPy's chat adapter asks a model to end its reply."""


class NoReply(Exception):
    """The proposer model gave no reply. `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.kind.value}: {failure.detail}")
        self.failure = failure


class CutOff(Exception):
    """The reply was cut off at max_tokens."""


class Unreadable(Exception):
    """The reply is not in the form that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The fields of a reply. `closed` says that the model marked its end."""

    fields: Mapping[str, str]
    closed: bool


class SeamLM(dspy.BaseLM):  # type: ignore[misc] # DSPy brings no types
    """One question to the proposer model. `text` is the reply once there is one."""

    def __init__(self, model: LanguageModel, parameters: Mapping[str, ParameterValue], repeat: int) -> None:
        super().__init__(model.identity.model, cache=False, num_retries=0)
        self._seam = model
        self._parameters = parameters
        self._repeat = repeat
        self.text = ""

    async def acall(
        self, prompt: str | None = None, *, messages: Sequence[Mapping[str, Any]] | None = None, **_options: Any
    ) -> list[str]:
        """The reply to `messages`, as the only one of a list.

        Raises NoReply, CutOff, BudgetError where the budget has no room, and EndpointError as the seam does.
        """
        asked = messages or [{"role": "user", "content": prompt or ""}]
        reply = await self._seam.complete(request(asked, self._parameters, self._repeat))
        if isinstance(reply, Failure):
            if reply.kind is FailureKind.UNAFFORDABLE:
                raise BudgetError(reply.detail)
            raise NoReply(reply)
        if reply.truncated:
            raise CutOff
        self.text = reply.text
        return [reply.text]


def request(messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, ParameterValue], repeat: int) -> Request:
    """What is asked of the proposer model."""
    return Request(
        messages=tuple(Message(role=str(m["role"]), content=str(m["content"])) for m in messages),
        parameters=parameters,
        repeat=repeat,
    )


def adapter() -> Any:
    """How fields become messages and replies become fields. A reply in another form costs no second call."""
    return dspy.ChatAdapter(use_json_adapter_fallback=False)


def messages_of(signature: Any, inputs: Mapping[str, str]) -> list[dict[str, Any]]:
    """The messages that a program of `signature` sends for `inputs`."""
    messages: list[dict[str, Any]] = adapter().format(signature, [], dict(inputs))
    return messages


async def answer(
    signature: Any,
    inputs: Mapping[str, str],
    *,
    model: LanguageModel,
    parameters: Mapping[str, ParameterValue],
    repeat: int = 0,
) -> Reply:
    """What the model answers to a program of `signature`; the same messages with another `repeat` are another draw.

    Raises what `SeamLM.acall` raises, and Unreadable.
    """
    lm = SeamLM(model, parameters, repeat)
    with dspy.context(lm=lm, adapter=adapter(), disable_history=True, trace=None, track_usage=False, callbacks=[]):
        try:
            prediction = await dspy.Predict(signature).acall(**inputs)
        except dspy.AdapterParseError as error:
            raise Unreadable(" ".join(lm.text.split())[:160]) from error
    fields = {name: str(getattr(prediction, name) or "").strip() for name in signature.output_fields}
    return Reply(fields=fields, closed=COMPLETED in lm.text)
