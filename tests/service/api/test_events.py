"""What happens in a job, as server-sent events: numbered, replayed from any number on, and closed by `done`."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end import tickets
from tests.endpoints.faults import Fault
from tests.endpoints.server import Server, endpoints, read_events, served
from tests.endpoints.wire import Json
from tests.service.api import requests
from tests.service.api.conftest import Finished


def numbered(events: list[Json]) -> list[Json]:
    """Those that can be replayed."""
    return [event for event in events if event["id"] is not None]


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Server]:
    """A server whose jobs take some seconds."""

    def late(_number: int) -> Fault:
        return Fault(delay_s=0.1)

    with (
        tickets.endpoint(late).in_thread() as endpoint,
        served(tmp_path, endpoints(endpoint.url, max_concurrency=8)) as server,
    ):
        yield server


def test_events_are_numbered_from_one_and_tell_the_job_from_its_first_phase_to_its_end(finished: Finished) -> None:
    events = numbered(finished.server.events(finished.job["id"]))
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    phases = [event["data"]["phase"] for event in events if event["event"] == "phase"]
    assert phases == ["headroom", "search", "finalists", "proof"]
    assert events[0]["data"] == {"phase": "headroom", "calls_planned": 8}
    best = [event["data"] for event in events if event["event"] == "best"]
    assert best
    assert [leader["calls_done"] for leader in best] == sorted(leader["calls_done"] for leader in best)
    for leader in best:
        assert 0 <= leader["low"] <= leader["score"] <= leader["high"] <= 1
    assert [event["event"] for event in events].count("done") == 1
    assert events[-1] == {"id": len(events), "event": "done", "data": {"status": "succeeded"}}


def test_progress_comes_first_and_is_what_the_job_says(finished: Finished) -> None:
    first = finished.server.events(finished.job["id"])[0]
    assert (first["id"], first["event"]) == (None, "progress")
    spent = first["data"].pop("spent")
    assert first["data"] == finished.job["progress"]
    assert spent["calls"] == finished.job["spent"]["calls"]


def test_a_stream_goes_on_after_the_last_event_that_was_seen(finished: Finished) -> None:
    whole = numbered(finished.server.events(finished.job["id"]))
    for last in range(len(whole) + 1):
        assert numbered(finished.server.events(finished.job["id"], after=last)) == whole[last:]


def test_it_is_no_page_to_be_kept(finished: Finished) -> None:
    answer = finished.server.client.get(f"/v1/optimizations/{finished.job['id']}/events")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"


def test_whoever_watches_sees_what_is_replayed_later(slow: Server) -> None:
    job_id = slow.post(requests.body())["id"]
    live = slow.events(job_id)
    assert slow.get(job_id)["status"] == "succeeded"
    assert numbered(live) == numbered(slow.events(job_id))
    done = [event["data"]["calls_done"] for event in live if event["event"] == "progress"]
    assert len(done) > 2
    assert done == sorted(done)


def test_a_stream_that_broke_is_taken_up_where_it_stood(slow: Server) -> None:
    job_id = slow.post(requests.body())["id"]
    seen: list[Json] = []
    while not seen or seen[-1]["event"] != "done":
        headers = {"Last-Event-ID": str(seen[-1]["id"])} if seen else {}
        with slow.client.stream("GET", f"/v1/optimizations/{job_id}/events", headers=headers) as answer:
            for event in read_events(answer):
                if event["id"] is not None:
                    seen.append(event)
                    break
    assert seen == numbered(slow.events(job_id))


@pytest.mark.slow
def test_many_may_watch_one_job(slow: Server) -> None:
    job_id = slow.post(requests.body())["id"]
    seen: list[list[Json]] = []
    watching = [threading.Thread(target=lambda: seen.append(numbered(slow.events(job_id)))) for _ in range(8)]
    for thread in watching:
        thread.start()
    for thread in watching:
        thread.join()
    assert len(seen) == 8
    assert all(events == seen[0] for events in seen)
    assert seen[0][-1]["event"] == "done"


def test_a_job_that_waits_and_is_cancelled_is_done(tmp_path: Path) -> None:
    with served(tmp_path, endpoints("http://127.0.0.1:9/v1"), jobs=0) as server:
        job_id = server.post(requests.small())["id"]
        server.client.post(f"/v1/optimizations/{job_id}/cancel")
        assert server.events(job_id) == [{"id": 1, "event": "done", "data": {"status": "cancelled"}}]


def test_a_stream_of_a_job_that_was_carried_on_ends_with_its_one_done(tmp_path: Path) -> None:
    with served(tmp_path, endpoints("http://127.0.0.1:9/v1"), jobs=0) as server:
        job_id = server.post(requests.small())["id"]
        for _ in range(2):
            server.client.post(f"/v1/optimizations/{job_id}/cancel")
            assert server.post(requests.small())["status"] == "queued"
        with server.client.stream("GET", f"/v1/optimizations/{job_id}/events") as watching:
            server.client.post(f"/v1/optimizations/{job_id}/cancel")
            live = list(read_events(watching))
        done = {"id": 3, "event": "done", "data": {"status": "cancelled"}}
        assert live == [done]
        for last in (0, 1, 2):
            assert server.events(job_id, after=last) == [done]
        assert server.events(job_id, after=3) == []


@pytest.mark.slow
def test_a_job_that_is_carried_on_tells_everything_once(slow: Server) -> None:
    body = requests.body(budget={"calls": 160, "seconds": 100})
    job_id = slow.post(body)["id"]
    with slow.client.stream("GET", f"/v1/optimizations/{job_id}/events") as watching:
        for event in read_events(watching):
            if event["event"] == "best":
                slow.client.post(f"/v1/optimizations/{job_id}/cancel")
                break
    slow.ended(job_id)
    slow.post(body)
    assert slow.ended(job_id)["status"] == "succeeded"
    events = numbered(slow.events(job_id))
    phases = [event["data"]["phase"] for event in events if event["event"] == "phase"]
    assert phases == ["headroom", "search", "finalists", "proof"]
    assert [event["event"] for event in events].count("done") == 1
    assert [event["id"] for event in events] == sorted({event["id"] for event in events})
    page = slow.client.get(f"/optimizations/{job_id}").text
    notices = [event["data"]["message"] for event in events if event["event"] == "log"]
    assert notices
    for notice in notices:
        assert page.count(html.escape(notice, quote=False)) == 1


def test_a_job_that_fails_is_done(tmp_path: Path) -> None:
    with tickets.endpoint(key="another").in_thread() as endpoint, served(tmp_path, endpoints(endpoint.url)) as server:
        job_id = server.post(requests.small())["id"]
        assert server.events(job_id)[-1]["data"] == {"status": "failed"}
        assert server.get(job_id)["status"] == "failed"


def test_a_quiet_stream_says_from_time_to_time_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.api.optimizations.COMMENT_S", 0.5)
    with served(tmp_path, endpoints("http://127.0.0.1:9/v1"), jobs=0) as server:
        job_id = server.post(requests.small())["id"]
        with server.client.stream("GET", f"/v1/optimizations/{job_id}/events") as answer:
            lines = answer.iter_lines()
            assert [next(lines) for _ in range(4)] == [": still here", "", ": still here", ""]


@pytest.mark.parametrize("given", ["x", "-1", "1.0", "\xb2", "9" * 30])
def test_what_is_no_number_of_an_event_is_refused(finished: Finished, given: str) -> None:
    answer = finished.server.client.get(
        f"/v1/optimizations/{finished.job['id']}/events", headers={b"Last-Event-ID": given.encode("latin-1")}
    )
    assert answer.status_code == 400
    assert answer.json()["title"] == "Not an event id"


def test_an_unknown_job_has_no_events(finished: Finished) -> None:
    answer = finished.server.client.get("/v1/optimizations/opt-nowhere/events")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
