"""Servers and workers as processes of their own, killed, frozen and woken: a job belongs to one of them at a time, goes
on with another, and comes to what it would have come to anyway."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from service.durable import FILE, SCHEMA
from service.tables import events, jobs
from tests.end_to_end import tickets
from tests.end_to_end.command import Running, Workplace
from tests.end_to_end.contents import kept_for_good, looking_into
from tests.end_to_end.interruption import untimed
from tests.end_to_end.test_serve import free_port, with_endpoint
from tests.endpoints.faults import Fault
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json

pytestmark = pytest.mark.slow

IN_FLIGHT = 8
"""The endpoint's max_concurrency: so many may be paid twice for a process that was killed."""
TAKEN_OVER_S = 15.0
CANCELLED_S = 2.0
ENDED = ("succeeded", "failed", "cancelled")


def slow(delay_s: float = 0.1) -> LocalEndpoint:
    def late(_number: int) -> Fault:
        return Fault(delay_s=delay_s)

    return tickets.endpoint(late)


def body(calls: int = 160, **fields: Any) -> Json:
    task = {**tickets.task(""), "data": {"rows": tickets.rows(90)}, "model": {"endpoint": "local"}}
    return {"task": {**task, "budget": {"calls": calls}}, **fields}


def until(condition: Callable[[], bool], longest_s: float = 60.0) -> float:
    """The seconds it took until the condition held."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + longest_s
        time.sleep(0.05)
    return time.monotonic() - begun


def freeze(process: Running, workplace: Workplace) -> None:
    """Freezes the process while it does not write. Nobody can write into a file where a process is frozen that was
    about to; a server ends the session of such a one after a while."""
    while True:
        process.signal(signal.SIGSTOP)
        if "WHET_DATABASE_URL" in workplace.environment:
            return
        time.sleep(0.02)
        database = sqlite3.connect(workplace.home / "whet.sqlite", timeout=0)
        with closing(database), suppress(sqlite3.OperationalError):
            database.execute("BEGIN IMMEDIATE").close()
            return
        process.signal(signal.SIGCONT)
        time.sleep(0.02)


@dataclass(slots=True, kw_only=True)
class Place:
    """A workplace with its endpoint, its processes, and a client of its server."""

    workplace: Workplace
    endpoint: LocalEndpoint
    processes: list[Running] = field(default_factory=list)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=60))

    def serve(self, *arguments: str) -> Running:
        """A server, which answers."""
        port = free_port()
        process = self.start("serve", "--port", str(port), *arguments)
        self.client.base_url = httpx.URL(f"http://127.0.0.1:{port}")

        def ready() -> bool:
            try:
                return self.client.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        until(ready)
        return process

    def start(self, *arguments: str) -> Running:
        """A process under way."""
        self.processes.append(self.workplace.start(*arguments))
        return self.processes[-1]

    def post(self, content: Json) -> str:
        """The id of the optimization that was asked for."""
        answer = self.client.post("/v1/optimizations", json=content)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def get(self, job_id: str) -> Json:
        job: Json = self.client.get(f"/v1/optimizations/{job_id}").json()
        return job

    def ended(self, job_id: str) -> Json:
        until(lambda: self.get(job_id)["status"] in ENDED, 120)
        return self.get(job_id)

    def row(self, job_id: str) -> Mapping[str, Any]:
        """What the database says about the job."""
        with looking_into(self.workplace, alive=True) as connection:
            return dict(connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().one())

    def of(self, process: Running) -> Callable[[str], bool]:
        """Whether the process holds a job."""
        return lambda job_id: f":{process.process.pid}:" in (self.row(job_id)["owner"] or "")

    def written_for(self, job_id: str) -> Any:
        """Everything that is kept for a job, to be compared."""
        with looking_into(self.workplace, alive=True) as connection:
            said = connection.execute(sa.select(events).where(events.c.job == job_id).order_by(events.c.sequence)).all()
        return dict(self.row(job_id)), said, kept_for_good(self.workplace)


@contextmanager
def at(workplace: Workplace, endpoint: LocalEndpoint, **fields: Any) -> Iterator[Place]:
    """The workplace, with the endpoint under way; whatever runs in it is killed at the end."""
    with endpoint.in_thread() as serving, ExitStack() as stack:
        offered = with_endpoint(workplace, serving)
        section = json.loads(offered.environment["WHET_ENDPOINTS"])["local"]
        variables = {"WHET_ENDPOINTS": json.dumps({"local": {**section, "max_concurrency": IN_FLIGHT, **fields}})}
        here = Place(workplace=replace(offered, environment={**workplace.environment, **variables}), endpoint=serving)
        stack.callback(here.client.close)
        try:
            yield here
        finally:
            for process in here.processes:
                if not gone_already(process):
                    process.signal(signal.SIGKILL)
                    process.finished()
                assert "Traceback" not in process.said(), process.said()


def gone_already(process: Running) -> bool:
    try:
        process.signal(0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, workplace: Workplace) -> Workplace:
    """A workplace whose database is a file, or on a server."""
    if request.param == "sqlite":
        return workplace
    return replace(workplace, environment={"WHET_DATABASE_URL": request.getfixturevalue("database_url")})


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, launcher: Any) -> Json:
    """What the job comes to that nobody disturbs, and how many requests it takes."""
    folder = tmp_path_factory.mktemp("expected")
    with at(Workplace(folder=folder, launcher=launcher), tickets.endpoint()) as here:
        here.serve()
        job = here.ended(here.post(body()))
        return {"result": untimed(job["result"]), "requests": here.endpoint.requests}


def killed(process: Running) -> None:
    process.signal(signal.SIGKILL)
    assert process.finished().code == -signal.SIGKILL


def test_a_killed_server_goes_on_by_itself_when_it_is_started_again(anywhere: Workplace, expected: Json) -> None:
    with at(anywhere, slow()) as here:
        server = here.serve()
        job_id = here.post(body())
        until(lambda: here.endpoint.requests >= 60)
        killed(server)
        here.serve()
        job = here.ended(job_id)
        assert job["status"] == "succeeded"
        assert untimed(job["result"]) == expected["result"]
        assert here.endpoint.answered_again <= IN_FLIGHT
        assert here.endpoint.answered - here.endpoint.answered_again == expected["requests"]


def test_what_the_queue_keeps_may_be_deleted_at_any_time(anywhere: Workplace, expected: Json) -> None:
    with at(anywhere, slow()) as here:
        server = here.serve("--jobs", "1")
        under_way, waiting = here.post(body()), here.post(body(60))
        until(lambda: here.endpoint.requests >= 40)
        killed(server)
        forget(here.workplace)
        here.serve("--jobs", "1")
        until(lambda: here.endpoint.requests >= 90)
        forget(here.workplace)
        assert untimed(here.ended(under_way)["result"]) == expected["result"]
        assert here.ended(waiting)["status"] == "succeeded"


def forget(workplace: Workplace) -> None:
    url = workplace.environment.get("WHET_DATABASE_URL")
    if url is None:
        for file in workplace.home.glob(f"{FILE}*"):
            file.unlink()
        return
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE")


def test_workers_share_the_jobs(anywhere: Workplace) -> None:
    with at(anywhere, slow(), max_jobs=8) as here:
        here.serve("--jobs", "0")
        workers = [here.start("worker", "--jobs", "1") for _ in range(2)]
        asked = [here.post(body(60, seed=seed)) for seed in range(6)]
        seen: set[int] = set()

        def over() -> bool:
            owners = [here.row(job_id)["owner"] for job_id in asked]
            seen.update(int(owner.split(":")[1]) for owner in owners if owner)
            assert sum(owner is not None for owner in owners) <= len(workers)
            return all(here.get(job_id)["status"] == "succeeded" for job_id in asked)

        until(over, 120)
        assert seen == {worker.process.pid for worker in workers}
        assert [here.row(job_id)["fence"] for job_id in asked] == [1] * len(asked)


def two_workers(here: Place) -> tuple[str, Running, Running]:
    """A job under way, the worker that has it, and another one."""
    here.serve("--jobs", "0")
    workers = [here.start("worker") for _ in range(2)]
    job_id = here.post(body())
    until(lambda: here.endpoint.requests >= 40)
    first, second = workers if here.of(workers[0])(job_id) else reversed(workers)
    return job_id, first, second


def test_the_other_worker_takes_over_from_one_that_is_killed(anywhere: Workplace, expected: Json) -> None:
    with at(anywhere, slow()) as here:
        job_id, first, second = two_workers(here)
        killed(first)
        assert until(lambda: here.of(second)(job_id)) < TAKEN_OVER_S
        job = here.ended(job_id)
        assert untimed(job["result"]) == expected["result"]
        assert here.endpoint.answered_again <= IN_FLIGHT


@pytest.mark.parametrize("woken", ["while the other works", "when the other is done"])
def test_a_frozen_worker_loses_its_job_for_good(anywhere: Workplace, expected: Json, woken: str) -> None:
    with at(anywhere, slow()) as here:
        job_id, first, second = two_workers(here)
        freeze(first, here.workplace)
        assert until(lambda: here.of(second)(job_id)) < TAKEN_OVER_S
        if woken == "while the other works":
            first.signal(signal.SIGCONT)
            job = here.ended(job_id)
            assert here.row(job_id)["fence"] == 2
        else:
            job = here.ended(job_id)
            before = here.written_for(job_id)
            first.signal(signal.SIGCONT)
            time.sleep(4)
            assert here.written_for(job_id) == before
        assert untimed(job["result"]) == expected["result"]
        # It works on, for others.
        killed(second)
        assert here.ended(here.post(body(60, seed=1)))["status"] == "succeeded"


def test_a_cancelled_job_keeps_its_best_and_is_resumed(anywhere: Workplace, expected: Json) -> None:
    with at(anywhere, slow()) as here:
        here.serve()
        job_id = here.post(body())
        until(lambda: "best" in (here.get(job_id)["progress"] or {}))
        assert here.client.post(f"/v1/optimizations/{job_id}/cancel").status_code == 202
        assert until(lambda: here.get(job_id)["status"] == "cancelled") < CANCELLED_S
        best = here.get(job_id)["best"]
        assert best["prompt"]["messages"]
        assert (best["split"], best["proven"]) == ("validation", False)
        assert best["n"] > 0
        assert "It is not proven." in here.client.get(f"/optimizations/{job_id}").text
        assert 0 <= best["score"]["low"] <= best["score"]["mean"] <= best["score"]["high"] <= 1
        for _ in range(2):
            answer = here.client.post(f"/v1/optimizations/{job_id}/resume")
            assert answer.status_code == 202
            assert answer.json()["status"] in ("queued", "running")
        job = here.ended(job_id)
        assert untimed(job["result"]) == expected["result"]
        assert job["best"] is None
        assert here.client.post(f"/v1/optimizations/{job_id}/resume").json() == job
        assert here.endpoint.requests == expected["requests"]


def test_an_endpoint_has_so_many_jobs_at_a_time_and_the_most_urgent_first(anywhere: Workplace) -> None:
    with at(anywhere, slow(0.02), max_jobs=1) as here:
        here.serve("--jobs", "0")
        asked = {priority: here.post(body(60, seed=priority, priority=priority)) for priority in (-10, 0, 10, 5)}
        begun: list[int] = []
        for _ in range(2):
            here.start("worker", "--jobs", "2")

        def over() -> bool:
            rows = {priority: here.row(job_id) for priority, job_id in asked.items()}
            running = [priority for priority, row in rows.items() if row["status"] == "running"]
            assert len(running) <= 1
            begun.extend(priority for priority in running if priority not in begun)
            return all(row["status"] == "succeeded" for row in rows.values())

        until(over, 120)
        assert begun == sorted(asked, reverse=True)


def test_a_command_that_was_killed_does_not_run_for_ever(anywhere: Workplace) -> None:
    with at(anywhere, slow()) as here:
        here.workplace.write_task(tickets.task(here.endpoint.url))
        command = here.start("optimize", "task.yaml", "--no-progress")
        until(lambda: here.endpoint.requests >= 30)
        killed(command)
        here.serve()
        [job] = here.client.get("/v1/optimizations").json()["items"]
        ended = here.ended(job["id"])
        assert ended["status"] == "failed"
        assert "the same command again goes on" in ended["error"]
        asked = here.endpoint.requests
        assert here.client.post(f"/v1/optimizations/{job['id']}/resume").status_code == 409
        time.sleep(1)
        assert here.endpoint.requests == asked
        assert here.workplace.optimize()["optimization_id"] == job["id"]
        assert here.endpoint.answered_again <= IN_FLIGHT


def test_a_frozen_command_loses_its_job_to_the_same_command(anywhere: Workplace) -> None:
    with at(anywhere, slow()) as here:
        here.workplace.write_task(tickets.task(here.endpoint.url))
        command = here.start("optimize", "task.yaml", "--no-progress")
        until(lambda: here.endpoint.requests >= 30)
        freeze(command, here.workplace)
        assert "Another process is running" in here.workplace.run("optimize", "task.yaml", code=2).err
        time.sleep(8)
        result = here.workplace.optimize()
        command.signal(signal.SIGCONT)
        finished = command.finished()
        assert finished.code == 2
        assert "was handed on to another process" in finished.err
        assert here.workplace.optimize() == result
