"""What a batch needs of OpenAI's API: files go up and down, batches are made, looked for and looked at.

Everything but the making of a batch can be repeated without harm, and is, until the provider answers or patience ends.
After an attempt to make a batch whose outcome is unknown, the provider's list says whether there is one.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import openai
from openai.types import Batch, FileObject

from benchmarks.errors import EndpointDown, EndpointError
from benchmarks.models.batch.lines import COMPLETIONS
from benchmarks.models.batch.submissions import Submission
from benchmarks.models.pace import MAX_RETRY_AFTER_S
from benchmarks.models.protocol import Failure, FailureKind
from benchmarks.models.wire import failure_of_status, redact

LABEL = "whet-submission"
"""Where a batch's metadata hold the id of its submission."""

CONNECT_TIMEOUT_S = 10.0
TRANSFER_TIMEOUT_S = 600.0
LOOK_TIMEOUT_S = 60.0
CLOCKS_DIFFER_S = 86_400.0
"""Batches that are older than a submission by more than this cannot be its own, however wrong a clock is."""

NO_KEY = "none"
"""Sent where there is no key: the client would otherwise take one from the environment, to whatever address."""

Result = TypeVar("Result")
Pause = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How long things are waited for, in seconds.

    A batch is closed when no new request has come for `quiet_s`. It is looked at after `first_look_s`, then ever more
    rarely, at most `longest_wait_s` apart. A batch that the provider was asked for may appear in its list so late as
    `settling_s`. While the provider does not answer it is asked again for `patience_s`; if it has never answered, only
    `attempts_at_first` times, so that a mistyped address is reported at once.
    """

    quiet_s: float = 1.0
    first_look_s: float = 2.0
    longest_wait_s: float = 60.0
    growth: float = 1.5
    settling_s: float = 60.0
    patience_s: float = 3600.0
    attempts_at_first: int = 2

    def waits(self) -> Waits:
        """The waits between looks, from the first."""
        return Waits(self)


@dataclass(slots=True)
class Waits:
    """Waits that grow."""

    rhythm: Rhythm
    _next_s: float = 0.0

    def next_s(self) -> float:
        """The next wait."""
        self._next_s = min(max(self.rhythm.first_look_s, self._next_s * self.rhythm.growth), self.rhythm.longest_wait_s)
        return self._next_s


class _Passing(Exception):
    """An attempt failed for a reason that passes by itself. `reached` says that the provider may have acted on it."""

    def __init__(self, failure: Failure, *, reached: bool) -> None:
        super().__init__(failure.detail)
        self.failure = failure
        self.reached = reached


class Unknown(Exception):
    """The provider knows no such batch or file."""


class Provider:
    """OpenAI's Files and Batch API at `api_base`.

    Every method raises AccessDenied for a refused key, EndpointDown when patience is over or the address serves
    something else, and EndpointError, with the provider's words, for what it refuses. `pause(seconds)` waits.
    `on_notice` is told when the provider does not answer.
    """

    def __init__(
        self,
        *,
        api_base: str,
        api_key: str | None,
        model: str,
        rhythm: Rhythm,
        pause: Pause,
        on_notice: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.api_base = api_base
        self._api_key = api_key
        self._model = model
        self._rhythm = rhythm
        self._pause = pause
        self._on_notice = on_notice
        self._clock = clock
        self._now = now
        self._has_answered = False
        self._client: openai.AsyncOpenAI | None = None

    async def upload(self, name: str, content: bytes) -> str:
        """The id of a new file with the lines of a batch."""

        async def attempt() -> FileObject:
            return await self._open().files.create(
                file=(name, content, "application/jsonl"), purpose="batch", timeout=_timeout(TRANSFER_TIMEOUT_S)
            )

        try:
            return (await self._patiently(lambda: self._one(attempt, _is(FileObject)))).id
        except Unknown as error:
            raise EndpointDown(
                f"{error} Check api_base (it usually ends in /v1): model.batch needs an endpoint that has OpenAI's "
                "Files and Batch API."
            ) from None

    async def make(self, file_id: str, submission: Submission, asking: Callable[[], Awaitable[None]]) -> Batch:
        """The new batch of `submission`, whose lines are in the file `file_id`.

        It is made once: after an attempt that may have succeeded, the list is asked first. `asking` comes before each
        attempt.
        """
        began_s = self._clock()
        attempts = 0
        waits = self._rhythm.waits()

        async def attempt() -> Batch:
            return await self._open().batches.create(
                input_file_id=file_id,
                endpoint=COMPLETIONS,  # type: ignore[arg-type] # the one literal it is
                completion_window="24h",
                metadata={LABEL: submission.id},
                timeout=_timeout(TRANSFER_TIMEOUT_S),
            )

        while True:
            await asking()
            try:
                return await self._one(attempt, _is(Batch))
            except Unknown as error:
                raise EndpointDown(f"{error} model.batch needs an endpoint that has OpenAI's Batch API.") from None
            except _Passing as passing:
                attempts += 1
                await self._bear(passing, began_s, attempts, waits)
                if passing.reached:
                    found = await self.find(submission, asked_at_s=self._now())
                    if found is not None:
                        return found

    async def find(self, submission: Submission, *, asked_at_s: float | None) -> Batch | None:
        """The batch that was made of `submission`, if one was.

        One that was asked for (at `asked_at_s`, seconds since 1970) only just now may still be on its way: it is
        looked for until it must have appeared.
        """

        async def look() -> Batch | None:
            # The newest come first.
            async for batch in self._open().batches.list(limit=100, timeout=_timeout(LOOK_TIMEOUT_S)):
                if (batch.metadata or {}).get(LABEL) == submission.id:
                    return batch
                if batch.created_at < submission.begun_at_s - CLOCKS_DIFFER_S:
                    break
            return None

        waits = self._rhythm.waits()
        while True:
            found = await self._patiently(lambda: self._one(look, lambda answer: answer is None or _is(Batch)(answer)))
            left_s = 0.0 if asked_at_s is None else asked_at_s + self._rhythm.settling_s - self._now()
            if found is not None or left_s <= 0:
                return found
            # A clock that was set back must not make this longer than settling takes.
            await self._pause(min(waits.next_s(), left_s, self._rhythm.settling_s))

    async def look(self, batch_id: str) -> Batch:
        """How a batch stands. Raises Unknown."""

        async def attempt() -> Batch:
            return await self._open().batches.retrieve(batch_id, timeout=_timeout(LOOK_TIMEOUT_S))

        return await self._patiently(lambda: self._one(attempt, _is(Batch)))

    async def content(self, file_id: str) -> bytes:
        """What a file holds. Raises Unknown."""

        async def attempt() -> bytes:
            answer = await self._open().files.content(file_id, timeout=_timeout(TRANSFER_TIMEOUT_S))
            return answer.content

        return await self._patiently(lambda: self._one(attempt, _is_content))

    async def close(self) -> None:
        """Closes connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _open(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._client = openai.AsyncOpenAI(api_key=self._api_key or NO_KEY, base_url=self.api_base, max_retries=0)
        return self._client

    async def _patiently(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        began_s = self._clock()
        attempts = 0
        waits = self._rhythm.waits()
        while True:
            try:
                return await attempt()
            except _Passing as passing:
                attempts += 1
                await self._bear(passing, began_s, attempts, waits)

    async def _bear(self, passing: _Passing, began_s: float, attempts: int, waits: Waits) -> None:
        """Waits until the next attempt is due. Raises EndpointDown if there is to be none."""
        failure = passing.failure
        at_first = not self._has_answered and failure.kind in (FailureKind.CONNECTION, FailureKind.GARBLED)
        impatient = at_first and attempts >= self._rhythm.attempts_at_first
        if impatient or self._clock() - began_s >= self._rhythm.patience_s:
            raise EndpointDown(
                f"{failure.detail.rstrip('.')}. Run the same command again once {self.api_base} answers: it goes on "
                "with the batches that are open, and pays nothing twice."
            ) from None
        if attempts == 1:
            self._on_notice(f"{failure.detail.rstrip('.')}; asking again.")
        await self._pause(max(waits.next_s(), min(failure.retry_after_s or 0.0, MAX_RETRY_AFTER_S)))

    async def _one(self, attempt: Callable[[], Awaitable[Result]], usable: Callable[[object], bool]) -> Result:
        """One attempt, whose answer must be `usable`: the client takes whatever comes for what it expects.

        Raises _Passing, Unknown, or the EndpointError that it comes to.
        """
        try:
            answer = await attempt()
        except openai.APIStatusError as error:
            text = redact(error.response.text, self._api_key)
            if error.status_code == 404:
                raise Unknown(f"{self.api_base} answered 404: {text[:300]}") from None
            failure = failure_of_status(
                error.status_code,
                error.response.headers,
                text,
                api_base=self.api_base,
                model=self._model,
                latency_s=0.0,
            )
            self._has_answered = True
            if failure.kind.transient:
                raise _Passing(failure, reached=failure.kind is not FailureKind.RATE_LIMITED) from None
            raise EndpointError(
                f"{failure.detail} The batch was refused as a whole. Correct what it names, or leave out model.batch."
            ) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            reached = type(cause).__name__ not in ("ConnectError", "ConnectTimeout")
            what = "the connection broke" if reached else "no connection"
            detail = redact(f"{self.api_base}: {what} ({type(cause).__name__}: {cause})", self._api_key)
            raise _Passing(Failure(kind=FailureKind.CONNECTION, detail=detail), reached=reached) from None
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            # The client trips over what is no JSON, or JSON of another form.
            detail = redact(
                f"{self.api_base} answered with something that is not OpenAI's ({type(error).__name__})", self._api_key
            )
            raise _Passing(Failure(kind=FailureKind.GARBLED, detail=detail), reached=True) from None
        if not usable(answer):
            detail = f"{self.api_base} answered with something that is not OpenAI's Files and Batch API's"
            raise _Passing(Failure(kind=FailureKind.GARBLED, detail=detail), reached=True)
        self._has_answered = True
        return answer


def _is(kind: type[Batch] | type[FileObject]) -> Callable[[object], bool]:
    return lambda answer: isinstance(answer, kind) and isinstance(getattr(answer, "id", None), str)


def _is_content(answer: object) -> bool:
    """Whether `answer` may be the lines of a file, and not the page of a proxy."""
    return isinstance(answer, bytes) and not answer.lstrip().startswith(b"<")


def _timeout(seconds: float) -> openai.Timeout:
    return openai.Timeout(seconds, connect=CONNECT_TIMEOUT_S)
