"""Every reply is kept before it is used, as a wrapper."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.ledger.protocol import Entry, Ledger, Occasion
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, ModelIdentity, Request


@dataclass(slots=True, kw_only=True)
class Kept:
    """Writes replies to the ledger, under the key that `Recorded` has put into the request, before they go on.

    It stands inside the concurrency limit, so that at no moment more replies than that are paid for and not yet kept.
    """

    inner: LanguageModel
    ledger: Ledger
    occasion: Occasion
    _has_answered: bool = False

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The inner model's answer, once it is durable; another process that was faster has the last word.

        Passing failures are not kept, nor are rejections by an endpoint that has not answered anything yet: a mistake
        in its configuration must not be replayed once it is corrected.
        """
        reply = await self.inner.complete(request)
        if isinstance(reply, Completion):
            self._has_answered = True
        elif reply.kind.transient or (reply.kind is FailureKind.REJECTED and not self._has_answered):
            return reply
        entry = Entry(
            key=request.key,
            reply=reply,
            occasion=self.occasion,
            model=self.identity,
            prompt_digest=request.prompt_digest,
            example_id=request.example_id,
            repeat=request.repeat,
        )
        return (await self.ledger.keep(entry)).reply

    async def withdraw(self) -> None:
        """Passes on."""
        await self.inner.withdraw()

    async def close(self) -> None:
        """Closes the inner model; the ledger belongs to the caller."""
        await self.inner.close()
