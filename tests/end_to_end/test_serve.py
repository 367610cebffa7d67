"""`whet serve`, `whet keys` and `whet worker` as processes of their own, beside the other commands on the same home."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Running, Workplace
from tests.end_to_end.interruption import untimed
from tests.end_to_end.test_secrets import KEY, places_with_the_key
from tests.endpoints.faults import Fault
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.server import endpoints
from tests.endpoints.wire import Json

ADMIN_KEY = "an-operator-s-own-key"
STOPS_S = 5.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A `whet serve` under way."""

    process: Running
    client: httpx.Client

    def ended(self, job_id: str) -> Json:
        """An optimization, once it has ended."""
        until = time.monotonic() + 120
        while (job := self.client.get(f"/v1/optimizations/{job_id}", headers={"Prefer": "wait=10"}).json())[
            "status"
        ] not in ("succeeded", "failed", "cancelled"):
            assert time.monotonic() < until
        found: Json = job
        return found


@contextmanager
def serving(workplace: Workplace, *arguments: str, stop: signal.Signals = signal.SIGINT) -> Iterator[Serving]:
    """A server for the workplace, which must end well and soon when it is stopped."""
    port = free_port()
    process = workplace.start("serve", "--port", str(port), *arguments)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
        until = time.monotonic() + 60
        while True:
            try:
                if client.get("/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                assert time.monotonic() < until, process.err.read_text()
                time.sleep(0.05)
        yield Serving(process=process, client=client)
        begun = time.monotonic()
        process.signal(stop)
        finished = process.finished()
        assert time.monotonic() - begun < STOPS_S
        assert finished.code in (0, 130, -stop)
        assert "Traceback" not in finished.err, finished.err


def with_endpoint(workplace: Workplace, endpoint: LocalEndpoint, **environment: str) -> Workplace:
    """The workplace with the endpoint offered under the name `local`, as `whet optimize` knows it."""
    return replace(workplace, environment={**endpoints(endpoint.url, identity="tickets"), **environment})


def body(**fields: object) -> Json:
    """The request for the optimization that `task.yaml` describes."""
    task = {**tickets.task(""), "data": {"rows": tickets.rows(90)}, "model": {"endpoint": "local"}, **fields}
    return {"task": task}


def test_it_says_where_it_serves_and_ends_on_ctrl_c(workplace: Workplace) -> None:
    with serving(workplace) as server:
        assert server.client.get("/healthz").json() == {"status": "alive"}
        said = server.process.err.read_text()
        assert f"whet serves .whet on {server.client.base_url}".rstrip("/") in said
        assert "open to this machine, without keys" in said


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_it_ends_soon_also_while_somebody_watches_a_job(workplace: Workplace, stop: signal.Signals) -> None:
    def late(_number: int) -> Fault:
        return Fault(delay_s=0.1)

    with tickets.endpoint(late).in_thread() as endpoint:
        there = with_endpoint(workplace, endpoint)
        with serving(there, stop=stop) as server:
            job_id = server.client.post("/v1/optimizations", json=body()).json()["id"]
            watching = http.client.HTTPConnection("127.0.0.1", server.client.base_url.port)
            watching.request("GET", f"/v1/optimizations/{job_id}/events")
            assert watching.getresponse().read(8)
            while endpoint.requests < 30:
                time.sleep(0.01)
        watching.close()
        assert endpoint.answered == endpoint.requests < 160
        with serving(there) as server:
            assert server.ended(job_id)["status"] == "succeeded"
        assert endpoint.answered_again == 0


def test_another_address_needs_a_key(workplace: Workplace) -> None:
    for host in ("0.0.0.0", "::"):
        refused = workplace.run("serve", "--host", host, "--port", str(free_port()), code=2)
        assert f"{host} can be reached from other machines, and there is no key" in refused.err
        assert "whet keys create" in refused.err


def test_a_key_that_could_be_guessed_is_none(workplace: Workplace) -> None:
    guessable = replace(workplace, environment={"WHET_ADMIN_KEY": "admin"})
    refused = guessable.run("serve", "--host", "0.0.0.0", "--port", str(free_port()), code=2)
    assert "WHET_ADMIN_KEY has fewer than 16 characters" in refused.err


def test_with_the_operator_s_key_it_serves_everybody_who_has_it(workplace: Workplace) -> None:
    keyed = replace(workplace, environment={"WHET_ADMIN_KEY": ADMIN_KEY})
    with serving(keyed, "--host", "0.0.0.0") as server:
        assert "with keys" in server.process.err.read_text()
        assert server.client.get("/v1/prompts").status_code == 401
        headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
        assert server.client.get("/v1/prompts", headers=headers).status_code == 200
        assert server.client.get("/v1/prompts", headers={**headers, "Host": "whet.example"}).status_code == 200
    assert ADMIN_KEY not in server.process.err.read_text()


def test_a_host_may_be_added_by_name(workplace: Workplace) -> None:
    with serving(workplace, "--allow-host", "whet.internal") as server:
        assert server.client.get("/v1/prompts", headers={"Host": "whet.internal:80"}).status_code == 200
        assert server.client.get("/v1/prompts", headers={"Host": "evil.example"}).status_code == 421


def test_keys_are_made_listed_and_revoked(workplace: Workplace) -> None:
    made = workplace.run("keys", "create", "app", "--scope", "prompts:read", "--scope", "jobs:write")
    key = made.out.strip()
    assert re.fullmatch(r"whet_[\w-]{43}", key)
    assert "may: prompts:read, jobs:write" in made.err
    headers = {"Authorization": f"Bearer {key}"}
    listed = workplace.run("keys", "list").out
    assert "app" in listed
    assert key not in listed
    found = re.search(r"key-[0-9a-f]{16}", listed)
    assert found is not None
    with serving(workplace, "--host", "0.0.0.0") as server:
        assert server.client.get("/v1/prompts").status_code == 401
        assert server.client.get("/v1/prompts", headers=headers).status_code == 200
        put = server.client.put("/v1/prompts/a/labels/production", json={"version": 1}, headers=headers)
        assert put.status_code == 403
        workplace.run("keys", "revoke", found[0])
        assert server.client.get("/v1/prompts", headers=headers).status_code == 401
    assert workplace.run("serve", "--host", "0.0.0.0", code=2).out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "app", "--scope", "prompts:reed"), "Did you mean 'prompts:read'?"),
        (("create", "app"), "--scope"),
        (("revoke", "key-0"), "There is no key 'key-0'"),
    ],
)
def test_a_mistake_about_keys_is_explained(workplace: Workplace, arguments: tuple[str, ...], said: str) -> None:
    assert said in workplace.run("keys", *arguments, code=2).err


def test_endpoints_that_are_not_configured_as_they_must_be_are_named_before_anything_is_served(
    workplace: Workplace,
) -> None:
    wrong = replace(workplace, environment={"WHET_ENDPOINTS": json.dumps({"local": {"modle": "x"}})})
    for command in ("serve", "worker"):
        assert "The endpoint 'local' needs a model" in wrong.run(command, code=2).err


def test_what_the_command_line_ran_is_shown_and_goes_on_over_rest(
    workplace: Workplace, endpoint: LocalEndpoint
) -> None:
    there = with_endpoint(workplace, endpoint)
    there.write_task(tickets.task(endpoint.url))
    with serving(there) as server:
        result = there.optimize()
        [item] = server.client.get("/v1/optimizations").json()["items"]
        assert (item["id"], item["task"], item["status"]) == (result["optimization_id"], "support-triage", "succeeded")
        assert server.client.get(f"/v1/optimizations/{item['id']}").json()["result"] == result
        events = server.client.get(f"/v1/optimizations/{item['id']}/events").text
        assert events.rstrip().endswith('event: done\ndata: {"status":"succeeded"}')
        pulled = server.client.get("/v1/prompts/support-triage").json()
        assert pulled["digest"] == result["winner"]["digest"]
        asked = endpoint.requests
        again = server.client.post("/v1/optimizations", json=body())
        assert again.json()["result"] == result
        assert endpoint.requests == asked


def test_what_rest_ran_is_found_by_the_command_line(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    there = with_endpoint(workplace, endpoint)
    there.write_task(tickets.task(endpoint.url))
    with serving(there) as server:
        job = server.ended(server.client.post("/v1/optimizations", json=body()).json()["id"])
    asked = endpoint.requests
    assert there.optimize() == job["result"]
    assert endpoint.requests == asked
    pulled = json.loads(there.run("pull", "support-triage").out)
    assert pulled["digest"] == job["result"]["winner"]["digest"]


def test_a_command_that_was_killed_is_carried_on_over_rest(workplace: Workplace) -> None:
    def late(_number: int) -> Fault:
        return Fault(delay_s=0.05)

    with tickets.endpoint(late).in_thread() as endpoint:
        there = with_endpoint(workplace, endpoint)
        there.write_task(tickets.task(endpoint.url))
        command = there.start("optimize", "task.yaml", "--no-progress")
        while endpoint.requests < 60:
            time.sleep(0.01)
        command.signal(signal.SIGKILL)
        assert command.finished().code == -signal.SIGKILL
        with serving(there) as server:
            [item] = server.client.get("/v1/optimizations").json()["items"]
            assert item["status"] == "running"
            assert server.client.post("/v1/optimizations", json=body()).json()["id"] == item["id"]
            job = server.ended(item["id"])
        assert job["status"] == "succeeded"
        assert untimed(there.optimize()) == untimed(job["result"])
        assert endpoint.answered_again <= 16


def test_workers_carry_out_what_a_server_leaves_to_them(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    there = with_endpoint(workplace, endpoint)
    with serving(there, "--jobs", "0") as server:
        job_id = server.client.post("/v1/optimizations", json=body()).json()["id"]
        time.sleep(1)
        assert server.client.get(f"/v1/optimizations/{job_id}").json()["status"] == "queued"
        worker = there.start("worker")
        assert server.ended(job_id)["status"] == "succeeded"
        worker.signal(signal.SIGINT)
        assert worker.finished().code == 0
        assert "Ctrl-C stops it" in worker.err.read_text()


def test_a_provider_s_key_is_left_nowhere(workplace: Workplace) -> None:
    with tickets.endpoint(key=KEY).in_thread() as endpoint:
        offered = endpoints(endpoint.url, api_key_env="MY_KEY")
        there = replace(workplace, environment={**offered, "MY_KEY": KEY})
        with serving(there) as server:
            job_id = server.client.post("/v1/optimizations", json=body(budget={"calls": 60})).json()["id"]
            assert server.ended(job_id)["status"] == "succeeded"
            for path in (f"/v1/optimizations/{job_id}", f"/optimizations/{job_id}", "/metrics", "/v1/prompts"):
                assert KEY not in server.client.get(path).text
    assert places_with_the_key(workplace.folder) == []


def test_a_port_that_is_taken_is_an_error(workplace: Workplace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        finished = workplace.run("serve", "--port", port, code=2)
        assert f"port {port}: Address already in use. Choose another port with --port." in finished.err
