"""The queue calls back for what it is offered, once for each ticket, and needs nothing of what it keeps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from benchmarks.errors import StorageError
from service.durable import FILE, LOST_S, SCHEMA, Durable
from service.home import Home, open_home
from service.jobs import QUEUED, Job

pytestmark = pytest.mark.slow


def waiting(number: int, fence: int = 0) -> Job:
    return Job(id=f"opt-{number}", identity="i", epoch_number=0, task="t", status=QUEUED, fence=fence)


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Attendant:
    """Attends to each job until it is let go."""

    def __init__(self) -> None:
        self.attended: list[str] = []
        self.called, self.go_on = threading.Semaphore(0), threading.Event()

    def __call__(self, job_id: str) -> None:
        self.attended.append(job_id)
        self.called.release()
        self.go_on.wait(30)

    def next(self) -> str:
        """The next job it is called for."""
        assert self.called.acquire(timeout=20)
        return self.attended[-1]


@pytest.fixture
def opened(home_environment: dict[str, str]) -> Iterator[Home]:
    home = open_home(home_environment)
    yield home
    home.engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(opened: Home, clock: Clock) -> Iterator[Durable]:
    made = Durable(opened, clock)
    yield made
    made.stop()


def test_what_is_offered_is_attended_to_once(queue: Durable) -> None:
    attendant = Attendant()
    attendant.go_on.set()
    queue.start(attendant, 2)
    for _ in range(3):
        queue.offer([waiting(1)])
    assert attendant.next() == "opt-1"
    queue.offer([waiting(2)])
    assert attendant.next() == "opt-2"
    queue.offer([waiting(1, fence=1)])
    assert attendant.next() == "opt-1"
    assert attendant.attended == ["opt-1", "opt-2", "opt-1"]


def test_so_many_are_attended_to_at_a_time(queue: Durable) -> None:
    attendant = Attendant()
    queue.start(attendant, 2)
    queue.offer([waiting(number) for number in range(4)])
    assert {attendant.next(), attendant.next()} <= {"opt-0", "opt-1"}
    assert not attendant.called.acquire(timeout=1)
    attendant.go_on.set()
    attendant.next()
    attendant.next()
    assert sorted(attendant.attended) == [f"opt-{number}" for number in range(4)]


def test_a_ticket_that_was_lost_is_made_anew(queue: Durable, clock: Clock) -> None:
    attendant = Attendant()
    attendant.go_on.set()
    queue.start(attendant, 1)
    queue.offer([waiting(1)])
    assert attendant.next() == "opt-1"
    queue.offer([waiting(1)])
    clock.now_s += LOST_S
    queue.offer([waiting(1)])
    assert attendant.next() == "opt-1"
    assert len(attendant.attended) == 2


def test_what_it_keeps_may_be_deleted(queue: Durable, opened: Home) -> None:
    attendant = Attendant()
    attendant.go_on.set()
    queue.start(attendant, 1)
    queue.offer([waiting(1)])
    attendant.next()
    if opened.on_server:
        with opened.engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE")
    else:
        for file in opened.folder.glob(f"{FILE}*"):
            file.unlink()
    with suppress(StorageError):
        queue.offer([waiting(2)])  # It finds out, and makes everything anew.
    queue.offer([waiting(2)])
    assert attendant.next() == "opt-2"


def test_it_says_what_cannot_be_used(queue: Durable, opened: Home) -> None:
    if opened.on_server:
        pytest.skip("a file that is none")
    (opened.folder / FILE).write_text("no database")
    attendant = Attendant()
    attendant.go_on.set()
    with pytest.raises(StorageError, match="It may be deleted") as found:
        queue.start(attendant, 1)
    assert str(opened.folder / FILE) in str(found.value)
    (opened.folder / FILE).unlink()
    queue.offer([waiting(1)])
    assert attendant.next() == "opt-1"


def test_it_prints_nothing(queue: Durable, capfd: pytest.CaptureFixture[str]) -> None:
    attendant = Attendant()
    attendant.go_on.set()
    queue.start(attendant, 1)
    queue.offer([waiting(1)])
    attendant.next()
    queue.stop()
    assert capfd.readouterr() == ("", "")
