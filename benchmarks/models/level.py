"""How many requests may be under way at an endpoint at once: the rule, without clock, loop or network."""

from __future__ import annotations

import math

FIRST = 16
"""Requests under way at the beginning, where the ceiling allows."""

FULL = 0.75
"""An attempt tells something about the level if at least this share of it was under way when it left."""

WORTH = 0.2
"""Raising the level by 1 % must raise throughput by this many per cent to be worth it."""

DOUBLING_WORTH = 0.3
"""The same while the level doubles: the queue of a server that is full has yet to fill, which flatters the level."""

STEP = 1.25
MEASURED = 100
RESTS = 3
DOUBLE_AGAIN = 2
CUT = 0.7
ROOF = 0.95
FORGIVEN = 0.1
PATIENCE = 2.0


class Level:
    """Finds the level at which throughput stops growing, and stays below the one at which an endpoint complains.

    `now` is the level, from 1 to `ceiling`; `epoch` counts its changes. Whoever sends an attempt notes the epoch and
    how many are under way with it, and reports both with what came of it. Attempts of former epochs say nothing about
    the present level; attempts that left while the level was not full say nothing about any.

    *Worth.* By Little's law (1961) throughput is level / latency. So where the level went from L to L' and latency
    from T to T', throughput grew by 1 - log(T'/T) / log(L'/L) per cent for each per cent of level: 1 where slots are
    free, 0 beyond the last slot of a server with k slots, in between for servers that batch, where latency grows by
    less than the level. A higher level is worth its while from `WORTH` on. Latencies enter by their geometric mean,
    which a few stragglers do not move. Only neighbouring windows are compared: a server that slows down, or prompts
    that grow longer, mislead one comparison and are what is normal for the next.

    *Slow start* (TCP, RFC 5681): the level doubles with each round of as many attempts, until that is not worth it.

    *Climbing* (hill climbing, as .NET's thread pool does: Hellerstein et al., "Optimizing concurrency levels in the
    .NET ThreadPool", 2008): over windows of `MEASURED` attempts or more the level tries a quarter more and a quarter
    less in turn, goes on in a direction as long as it is right, and rests for `RESTS` windows when neither was. Right
    upwards `DOUBLE_AGAIN` times in a row, it doubles again.

    *Trouble.* A refusal for overload (429) cuts the level to `CUT` of itself at once, as CUBIC does (RFC 9438: milder
    than halving, which would cost a quarter of the throughput for ever); other failures do when they come to more
    than a tenth of the attempts, so that a row that fails each time does not stop the others. Attempts that left before
    a cut do not cause another. The level of the trouble becomes a roof: the level returns to just below in steps of a
    quarter a round, and tries it again by one more a window.
    """

    __slots__ = (
        "_at_once", "_base", "_base_level", "_count", "_cut_epoch", "_direction", "_enough", "_failed", "_latency",
        "_resting", "_right", "_rising", "_roof", "_testing", "ceiling", "epoch", "now",
    )  # fmt: skip

    def __init__(self, ceiling: int, first: int = FIRST) -> None:
        self.ceiling = ceiling
        self.now = max(1, min(first, ceiling))
        self.epoch = 0
        self._roof = ceiling
        self._rising = True
        self._testing = True
        self._direction = 1
        self._resting = self._right = 0
        self._base: tuple[float, float] | None = None
        self._base_level = self.now
        self._failed = 0.0
        self._cut_epoch = 0
        self._begin_window()

    @property
    def cut(self) -> bool:
        """Whether trouble keeps the level below its ceiling."""
        return self._roof < self.ceiling

    def limit(self, ceiling: int) -> None:
        """Sets another ceiling."""
        self._roof = ceiling if self._roof == self.ceiling else min(self._roof, ceiling)
        self.ceiling = ceiling
        self._base_level = min(self._base_level, ceiling)
        if self.now > ceiling:
            self._move(ceiling)

    def answered(self, latency_s: float, at_once: int, epoch: int) -> None:
        """An attempt that left in `epoch`, as one of `at_once` under way, was answered after `latency_s`."""
        if self._failed:
            self._failed = max(0.0, self._failed - FORGIVEN)
        if epoch != self.epoch or at_once < FULL * self.now or latency_s <= 0:
            return
        self._count += 1
        self._latency += math.log(latency_s)
        self._at_once += math.log(at_once)
        if self._count >= self._enough:
            window = (self._latency / self._count, self._at_once / self._count)
            if self._rising:
                self._rise(window)
            else:
                self._climb(window)

    def refused(self, epoch: int) -> None:
        """An attempt that left in `epoch` was refused because the endpoint has too much to do."""
        if epoch < self._cut_epoch:
            return
        self._roof = max(1, min(self.now - 1, int(ROOF * self.now)))
        self._failed = 0.0
        self._rising, self._testing, self._base = True, False, None
        self._move(max(1, int(CUT * self.now)))
        self._cut_epoch = self.epoch

    def failed(self, epoch: int) -> None:
        """An attempt that left in `epoch` failed on the endpoint's side, or got no reply in time."""
        self._failed += 1
        if self._failed > PATIENCE:
            self.refused(epoch)

    def _rise(self, window: tuple[float, float]) -> None:
        if self._testing and self._base is not None and not _worth(self._base, window, DOUBLING_WORTH):
            self._rising = False
            self._move(self._base_level)
        elif self.now >= self._roof:
            self._rising = False
            self._begin_window()
        else:
            self._base, self._base_level = window, self.now
            self._move(min(self._roof, self.now * 2 if self._testing else _more(self.now)))
        if not self._rising:
            self._base, self._resting, self._direction, self._right = None, 0, 1, 0
            self._enough = max(MEASURED, 3 * self.now)

    def _climb(self, window: tuple[float, float]) -> None:
        if self._roof < self.ceiling:
            self._roof += 1
        if self._base is None or self._base_level == self.now:
            self._base, self._base_level = window, self.now
            self._resting -= 1
            if self._resting < 0:
                self._try()
            elif self.now < self._roof < min(self.ceiling, _more(self.now)):
                self._move(self._roof)
            else:
                self._begin_window()
        elif _worth(self._base, window, WORTH) == (self._direction > 0):
            self._base, self._base_level = window, self.now
            self._right += 1
            if self._right == DOUBLE_AGAIN and self._direction > 0:
                self._rising, self._testing = True, True
                self._move(min(self._roof, 2 * self.now))
            else:
                self._try()
        else:
            self._turn()
            self._move(self._base_level)

    def _try(self) -> None:
        there = min(self._roof, _more(self.now)) if self._direction > 0 else max(1, int(self.now / STEP))
        if there == self.now:
            self._turn()
            self._begin_window()
        else:
            self._move(there)

    def _turn(self) -> None:
        self._direction, self._right = -self._direction, 0
        self._resting = RESTS if self._direction > 0 else 0

    def _move(self, level: int) -> None:
        if level != self.now:
            self.now = level
            self.epoch += 1
        self._begin_window()

    def _begin_window(self) -> None:
        self._count = 0
        self._latency = self._at_once = 0.0
        self._enough = self.now if self._rising else max(MEASURED, 3 * self.now)


def _more(level: int) -> int:
    return max(level + 1, round(STEP * level))


def _worth(one: tuple[float, float], other: tuple[float, float], least: float) -> bool:
    """Whether the higher level of two windows (mean log latency, mean log of attempts under way) is worth at least as
    much; not if about as many were under way in both."""
    widened = other[1] - one[1]
    return abs(widened) > 0.01 and 1 - (other[0] - one[0]) / widened >= least
