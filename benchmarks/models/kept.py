"""Every reply is kept before it is used, as a wrapper."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    _withheld: list[Entry] = field(default_factory=list)

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The inner model's answer, once it is durable; another process that was faster has the last word.

        Passing failures are not kept. Rejections are withheld until the endpoint has answered something else: while
        it rejects everything the mistake is in its configuration, and must not be replayed once that is corrected.
        """
        reply = await self.inner.complete(request)
        if isinstance(reply, Failure) and reply.kind.transient:
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
        if isinstance(reply, Completion):
            self._has_answered = True
        elif reply.kind is FailureKind.REJECTED and not self._has_answered:
            self._withheld.append(entry)
            return reply
        while self._has_answered and self._withheld:
            rejected = self._withheld.pop()
            if rejected.key != entry.key:
                await self.ledger.keep(rejected)
        return (await self.ledger.keep(entry)).reply

    async def withdraw(self) -> None:
        """Passes on."""
        await self.inner.withdraw()

    async def close(self) -> None:
        """Closes the inner model; the ledger belongs to the caller."""
        await self.inner.close()
