"""When a schedule is due: a cron expression in a time zone, and a delay that is drawn for each due time.

Each time of the local clock that the expression names is due once. A time that the clock skips is taken by the offset
before the gap (2:30 becomes 3:30), and of a time that it shows twice the first counts: RFC 5545, section 3.3.5.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from croniter.croniter import CroniterError

from benchmarks.errors import InputError

FIELDS = 5
DRAWN = re.compile(r"(?<![a-z])[rh](?![a-z])")
"""croniter would draw such a field anew whenever it is asked."""
LONGEST_SHIFT = timedelta(hours=3)
"""No clock is put forward or back by more, so that due times more than this apart are in order."""
YEAR = timedelta(days=365)
MOST_A_YEAR = 366 * 24
LONGEST_JITTER_S = 1800


class BadTimes(InputError):
    """A cron expression or a time zone that there is not, or that is due too often or never; `field` says which."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class DueTimes:
    """The due times of a schedule: `cron` has five fields, `zone` is an IANA name, `jitter_s` the longest delay in
    seconds. `seed` names what is delayed. Times are in UTC."""

    cron: str
    zone: str
    jitter_s: int = 0
    seed: str = ""

    def checked(self, now: datetime) -> int:
        """How often it is due in the year from `now`. Raises BadTimes if it is due more than once an hour, or never."""
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise BadTimes(
                "zone", f"There is no time zone '{self.zone}'; IANA names are like Europe/Berlin or UTC."
            ) from None
        if len(self.cron.split()) != FIELDS or DRAWN.search(self.cron.lower()):
            raise BadTimes(
                "cron", f"'{self.cron}' has not five fields: minute, hour, day, month, weekday, as in 30 2 * * *."
            )
        count = 0
        try:
            for due in self._from(now):
                if due > now + YEAR:
                    break
                count += due > now
                if count > MOST_A_YEAR:
                    break
        except CroniterError as error:
            raise BadTimes("cron", f"'{self.cron}' is no cron expression that comes true: {error}.") from None
        closest = min((later - due for due, later in self._pairs(now)), default=YEAR)
        if count > MOST_A_YEAR or closest < timedelta(hours=1):
            raise BadTimes("cron", f"'{self.cron}' is due more than once an hour; a night is due once an hour at most.")
        return max(1, count)

    def after(self, time: datetime) -> datetime:
        """The first due time after `time`."""
        found: datetime | None = None
        for due in self._from(time):
            if found is not None and due > found + LONGEST_SHIFT:
                break
            if due > time and (found is None or due < found):
                found = due
        assert found is not None  # noqa: S101 - croniter raises where nothing follows
        return found

    def latest(self, due: datetime, now: datetime) -> datetime:
        """The last due time from `due` on whose start is not after `now`; `due` if there is no later one."""
        before = now - YEAR if now - due > YEAR else due
        while (following := self.after(before)) <= now and self.start(following) <= now:
            due = before = following
        return due

    def start(self, due: datetime) -> datetime:
        """When the night that is due at `due` begins: later by a delay that is always the same for this due time."""
        drawn = random.Random(f"{self.seed} {due.isoformat()}").random()
        return due + timedelta(milliseconds=int(drawn * self.jitter_s * 1000))

    def _from(self, time: datetime) -> Iterator[datetime]:
        """Due times, nearly in order, from some before `time`."""
        zone = ZoneInfo(self.zone)
        local = (time - LONGEST_SHIFT).astimezone(zone).replace(tzinfo=None)
        each = croniter(self.cron, local)
        while True:
            yield each.get_next(datetime).replace(tzinfo=zone).astimezone(UTC)

    def _pairs(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Neighbouring times of the local clock in the next days: what is closer than an hour shows there."""
        each = croniter(self.cron, now.replace(tzinfo=None))
        due = each.get_next(datetime)
        for _ in range(100):
            later = each.get_next(datetime)
            yield due, later
            due = later
