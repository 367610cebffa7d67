"""The batch lane: requests that are asked at the same time go out together, in a batch of OpenAI's Batch API."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from openai.types import Batch

from benchmarks.digests import canonical, digest
from benchmarks.errors import EndpointDown, EndpointError, StorageError
from benchmarks.models.batch.lines import MOST_BYTES, MOST_REQUESTS, Reader, parts, read_answers, request_line
from benchmarks.models.batch.provider import Provider, Rhythm, Unknown
from benchmarks.models.batch.submissions import Submission, Submissions
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Request

GRACE_S = 4.0
"""How long a batch that is just being made, or read, may take to be so once the lane is withdrawn."""

LONGEST_MAKING_S = 1800.0
"""How long another process may take to make its batches before this one gives up waiting for it."""

GONE_AFTER_S = 2 * 86_400.0
"""A batch has ended a day after it was made; if the provider does not know it after two, it is gone."""

NAMED = 300
"""Characters of a refusal that a message repeats."""

ENDED = ("completed", "failed", "expired", "cancelled")
"""The states that a batch does not leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one batch may hold."""

    requests: int = MOST_REQUESTS
    bytes: int = MOST_BYTES


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, and the reply that those who asked wait for."""

    request: Request
    reply: asyncio.Future[Completion | Failure]


class Batched:
    """One model behind a Batch API, as a `LanguageModel`.

    A batch is closed when no request has come for a moment, so that all rows of an evaluation go out in one. A request
    goes out once in a run: whoever asks it again hears what its batch said. What went out where is in `submissions`, so
    that the same run, started again, waits for the batches that are open instead of paying for others.

    `on_notice` is told how far a batch is, `on_left` which batches go on at the provider when the lane is withdrawn.
    `key_variable` names the environment variable that holds the key, for the command that stops a batch.
    """

    def __init__(
        self,
        *,
        identity: ModelIdentity,
        api_base: str,
        model: str,
        tariff: Tariff,
        submissions: Submissions,
        api_key: str | None = None,
        key_variable: str | None = None,
        on_notice: Callable[[str], None] = lambda _: None,
        on_left: Callable[[str], None] = lambda _: None,
        rhythm: Rhythm | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.identity = identity
        self._model = model
        self._tariff = tariff
        self._submissions = submissions
        self._api_key = api_key
        self._key_variable = key_variable
        self._on_notice = on_notice
        self._on_left = on_left
        self._rhythm = rhythm or Rhythm()
        self._limits = limits or Limits()
        self._sleep = sleep
        self._now = now
        self._provider = Provider(
            api_base=api_base,
            api_key=api_key,
            model=model,
            rhythm=self._rhythm,
            pause=self._pause,
            on_notice=on_notice,
            clock=clock,
            now=now,
        )
        self._asked: dict[bytes, _Asked] = {}
        self._gathered: dict[bytes, _Asked] = {}
        self._gathering = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._pauses: set[asyncio.Future[None]] = set()
        self._open: dict[str, int] = {}
        self._making = False
        self._withdrawing = False

    async def complete(self, request: Request) -> Completion | Failure:
        """The reply to `request`, once its batch has ended.

        Raises AccessDenied for a refused key, EndpointDown for an address without a Batch API, and EndpointError when
        the batch is refused.
        """
        key = request.key or _own_key(request)
        asked = self._asked.get(key)
        if asked is None:
            asked = _Asked(request, asyncio.get_running_loop().create_future())
            self._asked[key] = self._gathered[key] = asked
            if not self._gathering:
                self._gathering = True
                task = asyncio.create_task(self._see_through())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(asked.reply)

    async def _see_through(self) -> None:
        """Gathers requests until no more come, and sees their batches through."""
        group: dict[bytes, _Asked] = {}
        try:
            try:
                await self._quiet()
            finally:
                group, self._gathered, self._gathering = self._gathered, {}, False
            async with self._alone():
                submitted = await self._submitted(group)
            async with asyncio.TaskGroup() as waiting:
                for submission, asked in submitted:
                    waiting.create_task(self._answered(submission, asked))
        except Exception as error:
            self._fail(group, error)
        finally:
            for key in [key for key, asked in group.items() if not asked.reply.done()]:
                group[key].reply.cancel()
                self._asked.pop(key, None)

    async def _quiet(self) -> None:
        size = 0
        while size < len(self._gathered):
            size = len(self._gathered)
            await self._pause(self._rhythm.quiet_s)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Of all processes that make batches for this model, one at a time: a submission without a batch is then one
        whose process died."""
        name = f"batch-{digest([self.identity.endpoint, self.identity.model])[:16]}"
        waited_s = 0.0
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(self._submissions.lock(name))
                    break
                except StorageError:
                    if waited_s >= LONGEST_MAKING_S:
                        raise
                    if not waited_s:
                        self._on_notice("another process is making batches for this model; waiting for it")
                await self._pause(self._rhythm.quiet_s)
                waited_s += self._rhythm.quiet_s
            yield

    async def _submitted(self, group: Mapping[bytes, _Asked]) -> list[tuple[Submission, Mapping[bytes, _Asked]]]:
        """The batches that hold the requests of `group`: those of an earlier run, then new ones for the rest."""
        held = await asyncio.to_thread(self._submissions.holding, list(group))
        found: dict[str, Submission | None] = {}
        for submission in {submission.id: submission for submission in held.values()}.values():
            found[submission.id] = await self._recovered(submission)
        known: dict[str, dict[bytes, _Asked]] = {}
        lines: dict[bytes, bytes] = {}
        for key, asked in group.items():
            if key in held and found[held[key].id] is not None:
                known.setdefault(held[key].id, {})[key] = asked
            else:
                lines[key] = request_line(key, self._model, asked.request)
        return [
            *((submission, known[name]) for name, submission in found.items() if submission is not None),
            *[
                (await self._made(part), {key: group[key] for key in part})
                for part in parts(lines, self._limits.requests, self._limits.bytes)
            ],
        ]

    async def _recovered(self, submission: Submission) -> Submission | None:
        """`submission` with its batch; None, and forgotten, if no batch was made of it."""
        if submission.batch_id is None:
            # The provider was never asked, or the answer was lost with the process.
            found = (
                await self._provider.find(submission, asked_at_s=submission.asked_at_s)
                if submission.asked_at_s is not None
                else None
            )
            if found is None:
                await asyncio.to_thread(self._submissions.drop, submission)
                return None
            submission = await self._known(submission, found)
        self._on_notice(f"batch {submission.batch_id} of an earlier run holds requests of this one; waiting for it")
        return submission

    async def _made(self, lines: Mapping[bytes, bytes]) -> Submission:
        """A new batch of `lines`."""
        submission = await asyncio.to_thread(self._submissions.begin, list(lines), self.identity, self._now())
        try:
            file_id = await self._provider.upload(f"whet-{submission.id}.jsonl", b"".join(lines.values()))

            async def asking() -> None:
                await asyncio.to_thread(self._submissions.asking, submission, self._now())
                self._making = True

            batch = await self._provider.make(file_id, submission, asking)
            submission = await self._known(submission, batch)
        except EndpointDown:
            raise  # There may be a batch, which the next run will look for.
        except EndpointError:
            self._making = False
            await asyncio.to_thread(self._submissions.drop, submission)
            raise
        self._making = False
        self._open[submission.batch_id or ""] = len(lines)
        self._on_notice(f"batch {submission.batch_id}: {len(lines)} requests, to be answered within 24 h")
        return submission

    async def _known(self, submission: Submission, batch: Batch) -> Submission:
        await asyncio.to_thread(self._submissions.made, submission, batch.id)
        return replace(submission, batch_id=batch.id)

    async def _answered(self, submission: Submission, group: Mapping[bytes, _Asked]) -> None:
        """Waits for the batch to end and hands out its answers, or what stopped it."""
        batch_id = submission.batch_id or ""
        self._open[batch_id] = len(group)
        try:
            batch = await self._ended(submission, batch_id)
            if batch is None or batch.status == "failed":
                await asyncio.to_thread(self._submissions.drop, submission)
            if batch is None:
                _answer_all(group, f"batch {batch_id} is gone at the provider, and its answers with it")
            elif batch.status == "failed":
                self._fail(group, _refusal(batch, self._provider.api_base))
            else:
                await self._hand_out(batch, group)
            self._open.pop(batch_id, None)
        except Exception as error:
            self._fail(group, error)

    async def _ended(self, submission: Submission, batch_id: str) -> Batch | None:
        """The batch, once it has ended; None if it is gone."""
        waits, told = self._rhythm.waits(), ""
        while True:
            try:
                batch = await self._provider.look(batch_id)
            except Unknown as error:
                if self._now() - submission.begun_at_s > GONE_AFTER_S:
                    return None
                raise EndpointError(
                    f"{error}. Batch {batch_id} was made with another key or project: run the same command with that "
                    "one, lest the requests are paid for twice. Two days after it was made whet gives it up."
                ) from None
            if (standing := _standing(batch)) != told:
                self._on_notice(f"batch {batch_id}: {standing}")
                told = standing
            if batch.status in ENDED:
                return batch
            await self._pause(waits.next_s())

    async def _hand_out(self, batch: Batch, group: Mapping[bytes, _Asked]) -> None:
        files = [await self._content(name) for name in (batch.output_file_id, batch.error_file_id) if name]
        answers = read_answers(files, group)
        if answers.unreadable:
            self._on_notice(f"batch {batch.id}: {answers.unreadable} lines of its files cannot be read")
        ended_at = batch.completed_at or batch.expired_at or batch.cancelled_at or batch.created_at
        reader = Reader(
            batch_id=batch.id,
            status=batch.status,
            latency_s=float(max(1, ended_at - batch.created_at)),  # A second is as fine as its clock.
            api_base=self._provider.api_base,
            model=self._model,
            tariff=self._tariff,
            api_key=self._api_key,
        )
        refused: dict[bytes, EndpointError] = {}
        for key, asked in group.items():
            try:
                _answer(asked, reader.reply(asked.request, answers.by_key.get(key)))
            except EndpointError as error:
                refused[key] = error
        if refused:
            # What every request would meet may be put right: these may go out anew.
            await asyncio.to_thread(self._submissions.forget, list(refused))
            for key, refusal in refused.items():
                self._fail({key: group[key]}, refusal)

    async def _content(self, file_id: str) -> bytes:
        try:
            return await self._provider.content(file_id)
        except Unknown:
            return b""  # Files are deleted after 30 days, or by hand; its rows are missing then.

    def _fail(self, group: Mapping[bytes, _Asked], error: Exception) -> None:
        for key, asked in group.items():
            if not asked.reply.done():
                asked.reply.set_exception(error)
                self._asked.pop(key, None)

    async def _pause(self, seconds: float) -> None:
        """Waits, unless the lane is withdrawn."""
        if self._withdrawing:
            raise asyncio.CancelledError
        pause = asyncio.ensure_future(self._sleep(seconds))
        self._pauses.add(pause)
        try:
            await pause
        finally:
            pause.cancel()
            self._pauses.discard(pause)

    async def withdraw(self) -> None:
        """Makes no more batches and waits for none: those that are made go on at the provider, and `on_left` is told.
        A batch that is just being made or read may take a few seconds to be so."""
        self._withdrawing = True
        try:
            for pause in list(self._pauses):
                pause.cancel()
            if self._tasks:
                _, late = await asyncio.wait(list(self._tasks), timeout=GRACE_S)
                for task in late:
                    task.cancel()
                if late:
                    await asyncio.wait(late)
        finally:
            self._withdrawing = False
            for batch_id, count in self._open.items():
                self._on_left(self._farewell(batch_id, count))
            if self._making:
                self._on_left("A batch was just being made. The same command finds it, if it was.")
            self._open.clear()
            self._making = False

    def _farewell(self, batch_id: str, count: int) -> str:
        key = f' -H "Authorization: Bearer ${self._key_variable}"' if self._key_variable else ""
        return (
            f"Batch {batch_id} ({count} requests) goes on at {self._provider.api_base}. The same command waits for it "
            f"and pays nothing twice. To stop it: curl -X POST{key} {self._provider.api_base}/batches/{batch_id}/cancel"
            " - the same command then keeps what was answered by that time."
        )

    async def finish(self) -> None:
        """The run is over, and its replies are in the ledger: forgets where they came from, so that what is missing may
        be asked anew."""
        await asyncio.to_thread(self._submissions.forget, list(self._asked))
        await asyncio.to_thread(self._submissions.forget_run)

    async def close(self) -> None:
        """Closes connections."""
        await self._provider.close()


def _own_key(request: Request) -> bytes:
    """The key of a request that no ledger has given one."""
    messages = [[message.role, message.content] for message in request.messages]
    return hashlib.sha256(canonical([dict(request.parameters), messages, request.repeat])).digest()


def _answer(asked: _Asked, reply: Completion | Failure) -> None:
    if not asked.reply.done():
        asked.reply.set_result(reply)


def _answer_all(group: Mapping[bytes, _Asked], detail: str) -> None:
    for asked in group.values():
        _answer(asked, Failure(kind=FailureKind.SERVER_ERROR, detail=detail, maybe_billed=True))


def _standing(batch: Batch) -> str:
    counts = batch.request_counts
    if counts is None or not counts.total or batch.status == "validating":
        return batch.status
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{counts.completed} of {counts.total} answered{failed}" + (
        "" if batch.status == "in_progress" else f", {batch.status}"
    )


def _refusal(batch: Batch, api_base: str) -> EndpointError:
    """What a batch that failed validation means."""
    errors = (batch.errors.data if batch.errors else None) or []
    said = "; ".join(
        (f"line {error.line}: " if error.line is not None else "") + f"{error.message} ({error.code})"
        for error in errors
    )
    full = any(error.code == "token_limit_exceeded" for error in errors)
    remedy = (
        "That counts what waits in all batches of the account: run the same command again once others have ended."
        if full
        else "Correct what it names, or leave out model.batch."
    )
    return EndpointError(f"{api_base} refused batch {batch.id}: {said[:NAMED] or 'it does not say why'}. {remedy}")
