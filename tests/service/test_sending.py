"""One attempt: what a receiver gets, whom it can trust, and what never gets to anybody."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from aiohttp import web
from standardwebhooks.webhooks import Webhook as Standard
from standardwebhooks.webhooks import WebhookVerificationError

from service.addresses import Allowed, read_allowed
from service.deliveries import Answer, Delivery
from service.outbox import event_of
from service.sending import Sender
from service.signatures import new_secret
from service.webhooks import Webhook
from tests.endpoints.receiver import Receiver, Responding, accepting

HOST = "hooks.example"
LOOPBACK = read_allowed({"WHET_WEBHOOK_ALLOW": "127.0.0.1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """An authority that only our senders know, and a receiver's certificate by it for `hooks.example`."""

    receiver: ssl.SSLContext
    sender: ssl.SSLContext


@pytest.fixture(scope="module")
def trust() -> Trust:
    authority = trustme.CA()
    receiver, sender = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(HOST).configure_cert(receiver)
    authority.configure_trust(sender)
    return Trust(receiver=receiver, sender=sender)


@pytest.fixture
def receiver(trust: Trust) -> Iterator[Receiver]:
    with Receiver(tls=trust.receiver).in_thread() as receiving:
        yield receiving


class Names:
    """A name server that gives the next answer each time it is asked, and the last one from then on."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def webhook(url: str, **fields: str | None) -> Webhook:
    made = Webhook(
        id="whk-1",
        url=url,
        events=["optimization.completed"],
        description="",
        enabled=True,
        why_disabled=None,
        created_by="me",
        created_at="",
        updated_at="",
        secret=new_secret(),
        previous_secret=None,
        previous_until=None,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def delivery() -> Delivery:
    event, body = event_of(
        "optimization.completed", "/v1/optimizations/opt-1", {"task": "é"}, at="2026-01-02T03:04:05Z"
    )
    return Delivery(
        id="dlv-1",
        webhook="whk-1",
        event=event,
        type="optimization.completed",
        body=body,
        status="pending",
        due_at="",
        claims=1,
        failures=0,
        attempts=(),
        created_at="",
    )


async def send(
    url: str, trust: Trust, *, names: Names | None = None, allowed: Allowed = LOOPBACK, timeout_s: float = 10.0
) -> Answer:
    sender = Sender(allowed=allowed, tls=trust.sender, lookup=names or Names(["127.0.0.1"]), timeout_s=timeout_s)
    return await sender.send(webhook(url), delivery(), datetime.now(UTC))


async def test_a_receiver_verifies_it_as_the_standard_says_and_reads_a_cloud_event(
    receiver: Receiver, trust: Trust
) -> None:
    sender = Sender(allowed=LOOPBACK, tls=trust.sender, lookup=Names(["127.0.0.1"]))
    hook, sent = webhook(f"https://{HOST}:{receiver.port}/hook?a=b"), delivery()
    answer = await sender.send(hook, sent, datetime.now(UTC))
    assert (answer.status, answer.error, answer.accepted) == (204, None, True)
    (got,) = receiver.received
    assert got.path == "/hook?a=b"
    assert got.headers["host"] == f"{HOST}:{receiver.port}"
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    assert got.headers["webhook-id"] == sent.event
    event = Standard(hook.secret).verify(got.body, dict(got.headers))
    assert event == json.loads(sent.body)
    assert {**event, "id": "", "time": ""} == {
        "specversion": "1.0",
        "id": "",
        "source": "whet",
        "type": "optimization.completed",
        "subject": "/v1/optimizations/opt-1",
        "time": "",
        "datacontenttype": "application/json",
        "data": {"task": "é", "href": "/v1/optimizations/opt-1"},
    }
    for spoilt in (got.body.replace(b"completed", b"failed"), got.body + b" "):
        with pytest.raises(WebhookVerificationError):
            Standard(hook.secret).verify(spoilt, dict(got.headers))
    with pytest.raises(WebhookVerificationError):
        Standard(new_secret()).verify(got.body, dict(got.headers))


@pytest.mark.parametrize("late", [timedelta(minutes=-6), timedelta(minutes=6)])
async def test_what_was_signed_long_ago_is_refused(receiver: Receiver, trust: Trust, late: timedelta) -> None:
    sender = Sender(allowed=LOOPBACK, tls=trust.sender, lookup=Names(["127.0.0.1"]))
    hook = webhook(f"https://{HOST}:{receiver.port}/hook")
    await sender.send(hook, delivery(), datetime.now(UTC) + late)
    with pytest.raises(WebhookVerificationError, match="timestamp"):
        Standard(hook.secret).verify(receiver.received[0].body, dict(receiver.received[0].headers))


async def test_while_a_secret_is_being_replaced_both_sign(receiver: Receiver, trust: Trust) -> None:
    sender = Sender(allowed=LOOPBACK, tls=trust.sender, lookup=Names(["127.0.0.1"]))
    now = datetime.now(UTC)
    for until, both in ((now + timedelta(seconds=1), True), (now, False)):
        earlier = new_secret()
        hook = webhook(f"https://{HOST}:{receiver.port}/", previous_secret=earlier, previous_until=until.isoformat())
        await sender.send(hook, delivery(), now)
        got = receiver.received[-1]
        Standard(hook.secret).verify(got.body, dict(got.headers))
        assert len(got.headers["webhook-signature"].split()) == 1 + both
        if both:
            Standard(earlier).verify(got.body, dict(got.headers))
        assert earlier not in repr(hook)
        assert hook.secret not in repr(hook)


async def test_a_certificate_counts_for_the_name_though_the_address_is_what_is_called(
    receiver: Receiver, trust: Trust
) -> None:
    answer = await send(f"https://other.example:{receiver.port}/", trust)
    assert answer.status is None
    assert "certificate is refused" in str(answer.error)
    stranger = replace(trust, sender=ssl.create_default_context())
    answer = await send(f"https://{HOST}:{receiver.port}/", stranger)
    assert "certificate is refused" in str(answer.error)
    assert receiver.received == []


REFUSED = [
    ("http://hooks.example:{port}/", ["8.8.8.8"]),
    ("http://hooks.example:{port}/", ["127.0.0.2"]),
    ("https://hooks.example:{port}/", ["8.8.8.8"]),
    ("https://hooks.example/", ["127.0.0.2"]),
    ("https://hooks.example/", ["8.8.8.8", "127.0.0.2"]),
    ("https://hooks.example/", ["127.0.0.1", "10.0.0.1"]),
    ("https://hooks.example/", ["::1"]),
    ("https://hooks.example/", ["::ffff:127.0.0.1"]),
    ("https://hooks.example/", ["fe80::1%1"]),
    ("https://hooks.example/", ["64:ff9b::7f00:1"]),
    ("https://hooks.example/", ["169.254.169.254"]),
    ("https://hooks.example/", ["100.64.0.1"]),
    ("https://127.0.0.2/", ["127.0.0.2"]),
]


@pytest.mark.parametrize(("url", "addresses"), REFUSED)
async def test_nothing_is_sent_to_what_is_neither_public_nor_allowed(
    url: str, addresses: list[str], receiver: Receiver, trust: Trust
) -> None:
    answer = await send(url.format(port=receiver.port), trust, names=Names(addresses))
    assert answer.status is None
    assert "WHET_WEBHOOK_ALLOW" in str(answer.error)
    assert not any(address in str(answer.error) for address in addresses if address not in url)
    assert receiver.received == []


async def test_a_name_is_looked_up_once_and_that_address_is_called(receiver: Receiver, trust: Trust) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"], ["10.0.0.1"])
    answer = await send(f"https://{HOST}:{receiver.port}/", trust, names=names)
    assert answer.accepted
    assert names.asked == [HOST]
    # The next attempt looks again, and finds what the name has become.
    answer = await send(f"https://{HOST}:{receiver.port}/", trust, names=names)
    assert "WHET_WEBHOOK_ALLOW" in str(answer.error)
    assert len(receiver.received) == 1


async def test_of_two_addresses_the_one_that_answers_is_called(receiver: Receiver, trust: Trust) -> None:
    allowed = read_allowed({"WHET_WEBHOOK_ALLOW": "127.0.0.0/8"})
    answer = await send(
        f"https://{HOST}:{receiver.port}/", trust, names=Names(["127.0.0.3", "127.0.0.1"]), allowed=allowed
    )
    assert answer.accepted


async def test_redirects_are_not_followed(trust: Trust) -> None:
    def elsewhere(_number: int, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    with Receiver(respond=elsewhere, tls=trust.receiver).in_thread() as receiver:
        answer = await send(f"https://{HOST}:{receiver.port}/", trust)
    assert (answer.status, answer.accepted) == (307, False)
    assert [got.path for got in receiver.received] == ["/"]


async def test_proxies_of_the_environment_and_cookies_of_receivers_are_left_alone(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    def sweet(_number: int, _request: web.Request) -> web.StreamResponse:
        return web.Response(headers={"Set-Cookie": "a=b"})

    with Receiver(respond=sweet, tls=trust.receiver).in_thread() as receiver:
        for _ in range(2):
            assert (await send(f"https://{HOST}:{receiver.port}/", trust)).accepted
    assert all("cookie" not in got.headers for got in receiver.received)


class Endless(web.StreamResponse):
    """An answer that does not stop."""

    async def prepare(self, request: Any) -> None:
        await super().prepare(request)
        while True:
            await self.write(b"\0" * 65536)


async def test_an_answer_without_end_is_not_read(trust: Trust) -> None:
    with Receiver(respond=lambda _number, _request: Endless()).in_thread() as receiver:
        answer = await send(receiver.url, trust)
    assert (answer.status, answer.accepted) == (200, True)


@pytest.mark.parametrize("asked", ["120", "Wed, 21 Oct 2015 07:30:00 GMT"])
async def test_what_a_busy_receiver_asks_for_is_heard(trust: Trust, asked: str) -> None:
    def busy(_number: int, _request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": asked, "Date": "Wed, 21 Oct 2015 07:28:00 GMT"})

    with Receiver(respond=busy, tls=trust.receiver).in_thread() as receiver:
        answer = await send(f"https://{HOST}:{receiver.port}/", trust)
    assert (answer.status, answer.accepted, answer.retry_after_s) == (503, False, 120.0)


def silent(_number: int, _request: web.Request) -> float:
    return 60.0


def torn(_number: int, request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    ("respond", "said"), [(silent, "no answer within 0.5 s"), (torn, "no HTTP answer"), (accepting, None)]
)
async def test_what_is_no_answer_is_said_in_short(respond: Responding, said: str | None, trust: Trust) -> None:
    with Receiver(respond=respond, tls=trust.receiver).in_thread() as receiver:
        answer = await send(f"https://{HOST}:{receiver.port}/", trust, timeout_s=0.5 if said else 10.0)
    assert answer.status == (None if said else 204)
    assert (answer.error or "").startswith(said or "")


async def test_a_name_that_nobody_knows_and_a_port_where_nobody_listens_are_failures(trust: Trust) -> None:
    with Receiver(tls=trust.receiver).in_thread() as receiver:
        port = receiver.port
    answer = await send(f"https://{HOST}:{port}/", trust)
    assert str(answer.error).startswith("no connection")

    sender = Sender(allowed=Allowed(), tls=trust.sender)
    answer = await sender.send(webhook("https://nobody.invalid/"), delivery(), datetime.now(UTC))
    assert answer.error == "the host is not known"
