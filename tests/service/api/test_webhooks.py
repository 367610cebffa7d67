"""Webhooks over REST: made with a secret that is shown once, told of what happens here, tried out, and looked into."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook as Standard

from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.keys import ADMIN, PROMOTE, READ, WRITE, Keys
from tests.endpoints.receiver import Receiver
from tests.endpoints.server import Server, served
from tests.endpoints.wire import Json

ALLOWED = {"WHET_WEBHOOK_ALLOW": "127.0.0.1", "WHET_PROTECTED_LABELS": ""}
LONGEST_S = 30.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().in_thread() as receiving:
        yield receiving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that runs no jobs."""
    with served(tmp_path / "home", ALLOWED, jobs=0) as serving:
        yield serving


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose operator has allowed nothing."""
    with served(tmp_path_factory.mktemp("strict"), {}, jobs=0) as serving:
        yield serving


def make(server: Server, url: str, *events: str) -> Json:
    body = {"url": url, "events": list(events) or ["prompt.version.created"]}
    answer = server.client.post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/webhooks/{answer.json()['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    made: Json = answer.json()
    return made


def register(server: Server, text: str) -> None:
    server.state.registry.register("triage", Prompt(messages=(Message(role="user", content=text),), parameters={}), {})


def until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + LONGEST_S
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)


def deliveries(server: Server, webhook: Json) -> list[Json]:
    items: list[Json] = server.client.get(f"/v1/webhooks/{webhook['id']}/deliveries").json()["items"]
    return items


def test_what_happens_on_the_server_reaches_the_receiver_signed(server: Server, receiver: Receiver) -> None:
    made = make(server, receiver.url, "prompt.version.created", "prompt.label.moved")
    register(server, "One {{message}}")
    server.client.put("/v1/prompts/triage/labels/production", json={"version": 1, "why": "private"})
    until(lambda: {d["status"] for d in deliveries(server, made)} == {"delivered"})
    events = [Standard(made["secret"]).verify(got.body, dict(got.headers)) for got in receiver.received]
    assert sorted(event["type"] for event in events) == ["prompt.label.moved", "prompt.version.created"]
    for event in events:
        assert server.client.get(event["data"]["href"]).status_code == 200
    assert {d["event"] for d in deliveries(server, made)} == {got.headers["webhook-id"] for got in receiver.received}
    assert sorted((d["body"] for d in deliveries(server, made)), key=str) == sorted(events, key=str)
    assert b"private" not in b"".join(got.body for got in receiver.received)


def test_two_servers_on_one_home_deliver_each_event_once(tmp_path: Path, receiver: Receiver) -> None:
    with served(tmp_path, ALLOWED, jobs=0) as one, served(tmp_path, ALLOWED, jobs=0) as two:
        made = make(one, receiver.url)
        for number in range(12):
            register((one, two)[number % 2], f"{number} {{{{message}}}}")
        until(lambda: [d["status"] for d in deliveries(two, made)] == ["delivered"] * 12)
        assert [len(d["attempts"]) for d in deliveries(one, made)] == [1] * 12
    assert len({got.headers["webhook-id"] for got in receiver.received}) == len(receiver.received) == 12


def test_a_secret_is_shown_when_it_is_made_and_never_again(server: Server, receiver: Receiver) -> None:
    made = make(server, receiver.url)
    path = f"/v1/webhooks/{made['id']}"
    rotated = server.client.post(f"{path}/rotate")
    assert rotated.headers["Cache-Control"] == "no-store"
    fresh = rotated.json()
    assert fresh["secret"] != made["secret"]
    assert fresh["previous_secret_until"] is not None
    tried = server.client.post(f"{path}/test").json()
    assert (tried["type"], tried["status"], tried["attempts"][0]["status"]) == ("webhook.test", "delivered", 204)
    got = receiver.received[0]
    for secret in (made["secret"], fresh["secret"]):
        Standard(secret).verify(got.body, dict(got.headers))
    for text in (
        server.client.get("/v1/webhooks").text,
        server.client.get(path).text,
        server.client.patch(path, json={"description": "x"}).text,
        server.client.get(f"{path}/deliveries").text,
        json.dumps(tried),
    ):
        assert "whsec_" not in text
        assert made["secret"].removeprefix("whsec_") not in text


def test_a_trial_that_fails_says_why_and_is_not_repeated(server: Server) -> None:
    def refusing(_number: int, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="a long tale")

    with Receiver(respond=refusing).in_thread() as receiver:
        made = make(server, receiver.url)
        server.client.patch(f"/v1/webhooks/{made['id']}", json={"enabled": False})
        tried = server.client.post(f"/v1/webhooks/{made['id']}/test").json()
        assert (tried["status"], tried["due_at"]) == ("failed", None)
        assert tried["attempts"][0]["status"] == 500
    nowhere = server.client.post(f"/v1/webhooks/{made['id']}/test").json()
    assert nowhere["attempts"][0]["status"] is None
    assert nowhere["attempts"][0]["error"].startswith("no connection")
    assert "tale" not in server.client.get(f"/v1/webhooks/{made['id']}/deliveries").text


def test_a_delivery_is_repeated_on_demand_under_its_id(server: Server, receiver: Receiver) -> None:
    made = make(server, receiver.url)
    register(server, "One {{message}}")
    until(lambda: [d["status"] for d in deliveries(server, made)] == ["delivered"])
    (delivery,) = deliveries(server, made)
    again = server.client.post(f"/v1/webhooks/deliveries/{delivery['id']}/redeliver")
    assert again.status_code == 202
    until(lambda: len(deliveries(server, made)[0]["attempts"]) == 2)
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery["event"]
    assert first.body == second.body
    server.client.patch(f"/v1/webhooks/{made['id']}", json={"enabled": False})
    assert server.client.post(f"/v1/webhooks/deliveries/{delivery['id']}/redeliver").status_code == 409


def test_webhooks_are_listed_changed_and_deleted(server: Server, receiver: Receiver) -> None:
    made = [make(server, f"{receiver.url}?n={number}") for number in range(3)]
    page = server.client.get("/v1/webhooks?limit=2")
    assert page.headers["Link"] == f'</v1/webhooks?cursor={page.json()["next"]}&limit=2>; rel="next"'
    rest = server.client.get("/v1/webhooks", params={"cursor": page.json()["next"]}).json()
    assert rest["next"] is None
    found = [one["id"] for one in page.json()["items"] + rest["items"]]
    assert sorted(found) == sorted(one["id"] for one in made)

    path = f"/v1/webhooks/{made[0]['id']}"
    changed = server.client.patch(
        path, json={"url": f"{receiver.url}/new", "events": ["optimization.failed"], "description": "ops"}
    ).json()
    assert changed == server.client.get(path).json()
    assert (changed["url"], changed["events"], changed["description"], changed["enabled"]) == (
        f"{receiver.url}/new", ["optimization.failed"], "ops", True,
    )  # fmt: skip
    assert server.client.delete(path).status_code == 204
    assert server.client.get(path).status_code == 404
    register(server, "One {{message}}")
    until(lambda: len(receiver.received) == 2)


def test_pages_of_deliveries_lead_to_one_another(server: Server, receiver: Receiver) -> None:
    made = make(server, receiver.url)
    for number in range(5):
        register(server, f"{number} {{{{message}}}}")
    everything = [d["id"] for d in deliveries(server, made)]
    found, link = list[str](), f"/v1/webhooks/{made['id']}/deliveries?limit=2"
    while link:
        page = server.client.get(link)
        found += [d["id"] for d in page.json()["items"]]
        link = page.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == everything
    assert len(found) == 5


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://receiver.example/"}, "#/url"),
        ({"url": "https://10.0.0.1/"}, "#/url"),
        ({"url": "https://169.254.169.254/latest/meta-data/"}, "#/url"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "#/url"),
        ({"url": "https://u:p@receiver.example/"}, "#/url"),
        ({"url": "https://receiver.example:22/"}, "#/url"),
        ({"url": "file:///etc/passwd"}, "#/url"),
        ({"url": "https://receiver.example/" + "x" * 3000}, "#/url"),
        ({"events": []}, "#/events"),
        ({"events": ["optimisation.completed"]}, "#/events/0"),
        ({"event": ["optimization.completed"]}, "#/event"),
        ({"secret": "mine"}, "#/secret"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused_where_it_is_wrong(strict: Server, body: Json, pointer: str) -> None:
    good = {"url": "https://receiver.example/", "events": ["optimization.completed"]}
    answer = strict.client.post("/v1/webhooks", json={**good, **body})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    made = strict.client.post("/v1/webhooks", json=good).json()
    answer = strict.client.patch(f"/v1/webhooks/{made['id']}", json=body)
    assert answer.status_code == 422
    assert strict.client.get(f"/v1/webhooks/{made['id']}").json()["url"] == "https://receiver.example/"


def test_only_administrators_see_webhooks_and_unknown_ones_are_not_found(server: Server) -> None:
    calls = [
        ("POST", "/v1/webhooks", {"url": "https://receiver.example/", "events": ["optimization.failed"]}),
        ("GET", "/v1/webhooks", None),
        ("GET", "/v1/webhooks/whk-0", None),
        ("PATCH", "/v1/webhooks/whk-0", {"enabled": True}),
        ("DELETE", "/v1/webhooks/whk-0", None),
        ("POST", "/v1/webhooks/whk-0/rotate", None),
        ("POST", "/v1/webhooks/whk-0/test", None),
        ("GET", "/v1/webhooks/whk-0/deliveries", None),
        ("POST", "/v1/webhooks/deliveries/dlv-0/redeliver", None),
    ]
    keys = Keys(server.home)
    others = keys.create("others", [READ, WRITE, PROMOTE])
    admin = keys.create("admin", [ADMIN])
    for method, path, body in calls:
        answer = server.client.request(method, path, json=body)
        assert answer.status_code == 401
        answer = server.client.request(method, path, json=body, headers={"Authorization": f"Bearer {others}"})
        assert answer.status_code == 403
        if "-0" in path:
            answer = server.client.request(method, path, json=body, headers={"Authorization": f"Bearer {admin}"})
            assert answer.status_code == 404, path
            assert answer.headers["Content-Type"] == "application/problem+json"
