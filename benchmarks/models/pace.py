"""When requests may leave for an endpoint: its level, its Retry-After, and the pause while it does not answer.

One `Pace` belongs to one endpoint in one event loop; the jobs that use the endpoint at the same time share it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

from benchmarks.errors import EndpointDown
from benchmarks.models.level import Level
from benchmarks.models.protocol import Completion, Failure, FailureKind, Request

MAX_RETRY_AFTER_S = 120.0
"""A longer Retry-After than this is cut, lest one reply header stalls a job for hours."""

UNREACHABLE = 3
"""Failures to connect, one after the other, that pause an endpoint: no request is to blame for one."""

UNANSWERED = 5
QUIET_S = 1.0
"""Attempts that fail one after the other, over at least so many seconds, that pause an endpoint, whatever the reason: a
burst of refusals in between answers does not."""

FEW_ROWS = 5
FEW_ROWS_S = 60.0
"""When fewer rows than this fail, it may be their fault: unless it cannot be reached at all, an endpoint is waited for
no longer than this, and then they are missing."""

FIRST_PROBE_S = 1.0
LONGEST_PROBE_S = 10.0

_SILENT = (FailureKind.CONNECTION, FailureKind.SERVER_ERROR, FailureKind.TIMEOUT, FailureKind.RATE_LIMITED)


class User(Protocol):
    """Whoever sends requests by a pace: at most `ceiling` at once; it is told what happens, and waits for `outage_s`
    seconds, at most, for an endpoint that does not answer."""

    ceiling: int
    outage_s: float
    on_notice: Callable[[str], None]


@dataclass(slots=True)
class _Outage:
    """The endpoint does not answer, since `since` (loop time); `cause` is in words. Each user that has to wait was
    told so, and has a timer for the end of its patience."""

    cause: str
    since: float
    interval_s: float = FIRST_PROBE_S
    due: bool = False
    probing: bool = False
    told: dict[User, asyncio.TimerHandle] = field(default_factory=dict)


class Pace:
    """Lets requests leave for one endpoint, in order of arrival.

    `allowed` is how many may be under way now: the level, or 0 while Retry-After asks for it and while the endpoint is
    paused. `under_way` is how many are, `left` counts those that ever were. Where users want different ceilings, the
    lowest holds: it is there to spare the endpoint.

    *Retry-After* concerns the endpoint, not only the request that was told: nothing else leaves until it is over.

    *Pause* (circuit breaker: Nygard, "Release It!", 2007). An endpoint that has answered before and then answers
    nothing more, or refuses everything as too much, is paused: one request now and then tries whether it answers again,
    the others wait, and no attempts are used up. The first answer ends the pause. A server that fails on certain rows
    looks the same once only these are left. So rows that failed before the endpoint answered others, which left later,
    cause no pause; and where only few rows fail, the pause ends soon: they are missing, and cause no other.
    """

    def __init__(self, ceiling: int) -> None:
        self.level = Level(ceiling)
        self.allowed = self.level.now
        self.under_way = 0
        self.left = 0
        self._users: list[User] = []
        self._waiting: deque[tuple[User, asyncio.Future[bool]]] = deque()
        self._closed_until = 0.0
        self._outage: _Outage | None = None
        self._has_answered = False
        self._unreachable = self._unanswered = 0
        self._silent_since = 0.0
        self._silent_rows: set[str | bytes] = set()
        self._failed_at: dict[str | bytes, int] = {}
        self._suspects: set[str | bytes] = set()
        self._opening: asyncio.TimerHandle | None = None
        self._probing: asyncio.TimerHandle | None = None

    def join(self, user: User) -> None:
        """`user` begins to send requests."""
        self._users.append(user)
        self._agree()

    def leave(self, user: User) -> None:
        """`user` sends no more; it may say so twice."""
        if user in self._users:
            self._users.remove(user)
            self._agree()

    def _agree(self) -> None:
        if self._users:
            self.level.limit(min(user.ceiling for user in self._users))
            self._admit()

    @property
    def calm(self) -> bool:
        """Whether the endpoint is in no trouble, and has room for one more request that nobody waits to use."""
        return self.under_way < self.allowed and not self.level.cut and not self._unanswered

    async def place(self, user: User) -> bool:
        """Waits until one more may be under way, which it then is; True if it is the one that tries a paused endpoint.

        Raises EndpointDown when the user's patience with a paused endpoint is at an end, asyncio.CancelledError when
        the user turns away those who wait.
        """
        self._wait_out(user)
        waiting: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((user, waiting))
        self._admit()
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self.back_without_word(probe=waiting.result())
            raise

    def turn_away(self, user: User) -> None:
        """Lets nobody wait any more for `user`."""
        for whose, waiting in self._waiting:
            if whose is user:
                waiting.cancel()

    def back(
        self, request: Request, reply: Completion | Failure, *, number: int, at_once: int, epoch: int, probe: bool
    ) -> None:
        """An attempt at `request` is back with `reply`; it was the `number`-th and one of `at_once` under way when it
        left in `epoch` of the level."""
        if isinstance(reply, Completion):
            self._answers(number)
            if self._failed_at or self._suspects:
                self._failed_at.pop(row_of(request), None)
                self._suspects.discard(row_of(request))
            self.level.answered(reply.latency_s, at_once, epoch)
        else:
            self._judge(request, reply, number=number, at_once=at_once, epoch=epoch, probe=probe)
        self.under_way -= 1
        if self._waiting or self.allowed != self.level.now:
            self._admit()

    def back_without_word(self, *, probe: bool) -> None:
        """An attempt came to nothing that tells about the endpoint."""
        self.under_way -= 1
        if probe and self._outage is not None:
            self._outage.due, self._outage.probing = True, False
        self._admit()

    def silent(self, failure: Failure) -> bool:
        """Whether `failure` belongs to an outage that has not ended."""
        return self._outage is not None and failure.kind in _SILENT

    def _judge(self, request: Request, failure: Failure, *, number: int, at_once: int, epoch: int, probe: bool) -> None:
        outage = self._outage
        if outage is not None and probe:
            outage.probing = False
        if not failure.kind.transient:
            self._answers(number)
            self.level.answered(failure.latency_s, at_once, epoch)
        elif failure.kind in _SILENT:
            self._miss(request, failure)
            if failure.kind is FailureKind.RATE_LIMITED or failure.retry_after_s is not None:
                self.level.refused(epoch)
            elif failure.kind is not FailureKind.CONNECTION:
                self.level.failed(epoch)
        if failure.retry_after_s:
            self._close_for(min(failure.retry_after_s, MAX_RETRY_AFTER_S))
        if outage is not None and probe and self._outage is outage:
            if failure.kind in _SILENT:
                outage.cause = failure.detail
                self._probe_later(outage)
            else:
                outage.due = True

    def _answers(self, number: int) -> None:
        self._has_answered = True
        if self._failed_at and self._outage is None:
            self._suspects.update(row for row, failed_at in self._failed_at.items() if failed_at < number)
        if self._unanswered:
            self._forget()
        if self._outage is not None:
            self._failed_at.clear()
            lasted_s = asyncio.get_running_loop().time() - self._outage.since
            self._resume(self._outage, f"The endpoint answers again, after {spoken(lasted_s)}: going on.")

    def _miss(self, request: Request, failure: Failure) -> None:
        if row_of(request) in self._suspects:
            return
        self._failed_at[row_of(request)] = self.left
        if not self._has_answered:
            return
        now = asyncio.get_running_loop().time()
        if not self._unanswered:
            self._silent_since = now
        self._unanswered += 1
        self._silent_rows.add(row_of(request))
        self._unreachable += failure.kind is FailureKind.CONNECTION and not failure.maybe_billed
        quiet = self._unanswered >= UNANSWERED and now >= self._silent_since + QUIET_S
        if self._outage is None and (self._unreachable >= UNREACHABLE or quiet):
            self._outage = _Outage(cause=failure.detail, since=now)
            self.allowed = 0
            self._probe_later(self._outage)
            for user in {whose for whose, _ in self._waiting}:
                self._wait_out(user, raising=False)

    def _forget(self) -> None:
        self._unreachable = self._unanswered = 0
        self._silent_rows.clear()

    @property
    def _many(self) -> bool:
        """Whether so many rows failed that it is the endpoint."""
        return len(self._silent_rows) >= FEW_ROWS

    @property
    def _certain(self) -> bool:
        """Whether it is the endpoint, and not a few rows that it fails on."""
        return self._many or self._unreachable >= UNREACHABLE

    def _resume(self, outage: _Outage, notice: str) -> None:
        self._outage = None
        if self._probing is not None:
            self._probing.cancel()
        for user, patience in outage.told.items():
            patience.cancel()
            user.on_notice(notice)

    def _wait_out(self, user: User, *, raising: bool = True) -> None:
        """Tells `user` about the outage, if there is one, the first time that it has to wait for its end."""
        outage = self._outage
        if outage is None:
            return
        loop = asyncio.get_running_loop()
        ends = outage.since + user.outage_s
        if raising and self._certain and loop.time() >= ends:
            raise self._down(outage, user)
        if user not in outage.told:
            soon = outage.since + min(user.outage_s, FEW_ROWS_S)
            outage.told[user] = loop.call_at(soon, self._reconsider, outage, user)
            user.on_notice(
                f"Paused: {outage.cause.rstrip('.')}. Trying again every {LONGEST_PROBE_S:g} s, giving up after "
                f"{spoken(user.outage_s)}."
            )

    def _reconsider(self, outage: _Outage, user: User) -> None:
        """Waits on while it is worth it; then gives up, or goes on if only a few rows failed."""
        loop = asyncio.get_running_loop()
        ends = outage.since + user.outage_s
        if loop.time() < ends and self._certain:
            outage.told[user] = loop.call_at(ends, self._reconsider, outage, user)
        elif self._certain:
            for whose, waiting in self._waiting:
                if whose is user and not waiting.done():
                    waiting.set_exception(self._down(outage, user))
        else:
            self._suspects |= self._silent_rows
            self._forget()
            self._resume(outage, "Going on: it may be that the endpoint fails on certain rows only.")
            self._admit()

    @staticmethod
    def _down(outage: _Outage, user: User) -> EndpointDown:
        return EndpointDown(
            f"{outage.cause.rstrip('.')}. No answer for {spoken(user.outage_s)}. Nothing that was paid for is lost: "
            "run the same command again once the endpoint answers."
        )

    def _probe_later(self, outage: _Outage) -> None:
        def due() -> None:
            outage.due = True
            self._admit()

        self._probing = asyncio.get_running_loop().call_later(outage.interval_s, due)
        outage.interval_s = min(2 * outage.interval_s, LONGEST_PROBE_S)

    def _close_for(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if until > self._closed_until:
            if self._opening is not None:
                self._opening.cancel()
            self._closed_until = until
            self.allowed = 0
            self._opening = loop.call_at(until, self._open)

    def _open(self) -> None:
        self._closed_until = 0.0
        self._admit()

    def _admit(self) -> None:
        """Lets leave who may."""
        outage = self._outage
        self.allowed = 0 if outage is not None or self._closed_until else self.level.now
        while self._waiting:
            probe = outage is not None and outage.due and not outage.probing and not self._closed_until
            if not probe and self.under_way >= self.allowed:
                return
            _, waiting = self._waiting.popleft()
            if waiting.done():
                continue
            if probe and outage is not None:
                outage.due, outage.probing = False, True
            self.under_way += 1
            self.left += 1
            waiting.set_result(probe)


def row_of(request: Request) -> str | bytes:
    """What tells the row of `request` from others."""
    return request.example_id or request.key


_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[tuple[str | None, ...], Pace]] = (
    WeakKeyDictionary()
)


def shared_pace(endpoint: tuple[str | None, ...], ceiling: int) -> Pace:
    """The pace of `endpoint` in the running event loop, for as long as somebody uses it."""
    paces = _paces.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
    pace = paces.get(endpoint)
    if pace is None:
        pace = paces[endpoint] = Pace(ceiling)
    return pace


def spoken(seconds: float) -> str:
    """A duration in words: seconds, or minutes from two on."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
