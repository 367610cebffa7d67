"""Events are written with their facts, and delivered by whoever is alive, again and again at growing distances."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task
from service.addresses import Allowed
from service.deliveries import (
    CLAIM_S,
    DELAYS_S,
    JITTER,
    KEPT,
    LONGEST_DELAY_S,
    MOST_AT_ONCE,
    MOST_LOGGED,
    Answer,
    Deliveries,
    Delivery,
    Disabled,
)
from service.home import Home
from service.jobs import Jobs
from service.outbox import EventType, announce
from service.registry import Registry
from service.tables import deliveries as table
from service.webhooks import MOST_WEBHOOKS, OVERLAP, TooManyWebhooks, UnknownWebhook, Webhook, Webhooks
from tests.endpoints.jobs import labelled_rows
from tests.service.begun import begun
from tests.service.clock import Clock

OK = Answer(status=204)
BAD = Answer(status=500)
TASK: dict[str, Any] = {
    "name": "job",
    "inputs": ["text"],
    "output": "label",
    "metric": "accuracy",
    "model": {"name": "tiny"},
    "data": {"rows": labelled_rows(30)},
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(home: Home, clock: Clock) -> Home:
    return replace(home, now=clock.now)


@pytest.fixture
def webhooks(home: Home) -> Webhooks:
    return Webhooks(home, Allowed())


@pytest.fixture
def deliveries(home: Home) -> Deliveries:
    return Deliveries(home)


def subscribe(webhooks: Webhooks, *events: EventType) -> Webhook:
    return webhooks.create("https://receiver.example/", events or ("optimization.completed",), "", "me")


def happen(home: Home, kind: EventType = "optimization.completed", subject: str = "/v1/optimizations/opt-1") -> None:
    with home.writing() as connection:
        announce(connection, kind, subject, {}, at=home.timestamp())


def listed(deliveries: Deliveries, webhook: Webhook) -> list[Delivery]:
    return deliveries.listed(webhook.id, 200)


def claimed(deliveries: Deliveries) -> Delivery:
    (delivery,) = deliveries.claim({})
    return delivery


def test_every_webhook_that_is_subscribed_gets_a_delivery_of_the_same_event(
    home: Home, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    one, two = subscribe(webhooks), subscribe(webhooks, "optimization.failed", "optimization.completed")
    other, asleep = subscribe(webhooks, "prompt.label.moved"), subscribe(webhooks)
    webhooks.change(asleep.id, enabled=False)
    happen(home)
    (first,), (second,) = listed(deliveries, one), listed(deliveries, two)
    assert first.event == second.event
    assert first.body == second.body
    assert first.id != second.id
    assert listed(deliveries, other) == listed(deliveries, asleep) == []
    webhooks.change(asleep.id, enabled=True)
    assert {delivery.webhook for delivery in deliveries.claim({})} == {one.id, two.id}


def test_an_event_is_written_with_its_fact_or_not_at_all(
    home: Home, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    webhook = subscribe(webhooks)
    with home.writing() as connection:
        announce(connection, "optimization.completed", "/v1/optimizations/opt-1", {}, at=home.timestamp())
        connection.rollback()
    assert listed(deliveries, webhook) == []


def test_versions_and_label_moves_are_events_without_the_prompts_words(
    home: Home, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    webhook = subscribe(webhooks, "prompt.version.created", "prompt.label.moved")
    registry = Registry(home)
    for text in ("Secret one {{message}}", "Secret two {{message}}", "Secret two {{message}}"):
        registry.register("a/b", Prompt(messages=(Message(role="user", content=text),), parameters={}), {"n": 3})
    for version in (1, 2, 2):
        registry.move_label("a/b", "production", version, "for a private reason", "ana")
    registry.rollback("a/b", "production", "for a private reason", "ben")
    found = [json.loads(delivery.body) for delivery in listed(deliveries, webhook)]
    assert Counter(event["type"] for event in found) == {"prompt.version.created": 2, "prompt.label.moved": 3}
    moves = [event["data"] for event in found if event["type"] == "prompt.label.moved"]
    assert sorted((m["version"], m["replaced"] or 0, m["moved_by"], m["rollback"]) for m in moves) == [
        (1, 0, "ana", False),
        (1, 2, "ben", True),
        (2, 1, "ana", False),
    ]
    assert {event["data"]["href"] for event in found} == {
        "/v1/prompts/a%2Fb/versions/1",
        "/v1/prompts/a%2Fb/versions/2",
        "/v1/prompts/a%2Fb/labels/production",
    }
    assert not any(word in json.dumps(found) for word in ("Secret", "private"))


def test_what_is_claimed_is_nobody_elses_until_its_deliverer_must_be_dead(
    home: Home, webhooks: Webhooks, deliveries: Deliveries, clock: Clock
) -> None:
    subscribe(webhooks)
    happen(home)
    first = claimed(deliveries)
    assert deliveries.claim({}) == []
    clock.pass_(CLAIM_S - 0.1)
    assert deliveries.claim({}) == []
    clock.pass_(0.1)
    second = claimed(deliveries)
    assert (second.id, second.event, second.failures) == (first.id, first.event, 0)
    # The first deliverer was only slow: it says nothing any more.
    assert deliveries.settle(first, BAD, jitter=0.0) == first
    assert deliveries.settle(second, OK, jitter=0.0).status == "delivered"


def test_of_many_deliverers_each_delivery_is_tried_by_one(
    home: Home, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    for _ in range(5):
        subscribe(webhooks)
    for _ in range(4):
        happen(home)
    with ThreadPoolExecutor(8) as pool:
        found = [delivery.id for batch in pool.map(lambda _: deliveries.claim({}), range(16)) for delivery in batch]
    assert len(found) == len(set(found)) == 20


def test_one_webhook_never_holds_up_another(home: Home, webhooks: Webhooks, deliveries: Deliveries) -> None:
    slow = subscribe(webhooks)
    for _ in range(30):
        happen(home)
    quick = subscribe(webhooks)
    happen(home)
    found = Counter(delivery.webhook for delivery in deliveries.claim({}))
    assert found == {slow.id: MOST_AT_ONCE, quick.id: 1}
    happen(home)
    found = Counter(delivery.webhook for delivery in deliveries.claim({slow.id: MOST_AT_ONCE}))
    assert found == {quick.id: 1}
    assert len(deliveries.claim({slow.id: MOST_AT_ONCE - 1})) == 1


def test_what_fails_is_tried_again_at_growing_distances_and_then_no_more(
    home: Home, webhooks: Webhooks, deliveries: Deliveries, clock: Clock
) -> None:
    webhook = subscribe(webhooks)
    happen(home)
    for number, delay in enumerate(DELAYS_S):
        jitter = number % 2
        failed = deliveries.settle(claimed(deliveries), BAD, jitter=jitter)
        assert (failed.status, failed.failures) == ("pending", number + 1)
        clock.pass_(delay * (1 + JITTER * jitter) - 0.1)
        assert deliveries.claim({}) == []
        clock.pass_(0.2)
    last = deliveries.settle(claimed(deliveries), BAD, jitter=0.0)
    assert (last.status, len(last.attempts)) == ("failed", len(DELAYS_S) + 1)
    clock.pass_(10 * LONGEST_DELAY_S)
    assert deliveries.claim({}) == []
    (found,) = listed(deliveries, webhook)
    assert found == last
    assert {attempt.status for attempt in found.attempts} == {500}


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (Answer(status=503, retry_after_s=100.0), 100.0),
        (Answer(status=429, retry_after_s=100.0), 100.0),
        (Answer(status=429, retry_after_s=1.0), DELAYS_S[0]),
        (Answer(status=503, retry_after_s=1e9), LONGEST_DELAY_S),
        (Answer(status=500, retry_after_s=100.0), DELAYS_S[0]),
        (Answer(error="no answer"), DELAYS_S[0]),
        (Answer(status=302), DELAYS_S[0]),
        (Answer(status=404), DELAYS_S[0]),
    ],
)
def test_a_busy_receiver_says_when_to_come_back(
    home: Home, webhooks: Webhooks, deliveries: Deliveries, clock: Clock, *, answer: Answer, waits: float
) -> None:
    subscribe(webhooks)
    happen(home)
    deliveries.settle(claimed(deliveries), answer, jitter=0.0)
    clock.pass_(waits - 0.1)
    assert deliveries.claim({}) == []
    clock.pass_(0.1)
    assert claimed(deliveries).failures == 1


def test_a_receiver_that_is_gone_disables_its_webhook(
    home: Home, webhooks: Webhooks, deliveries: Deliveries, clock: Clock
) -> None:
    webhook = subscribe(webhooks)
    happen(home)
    happen(home)
    one, _other = deliveries.claim({})
    gone = deliveries.settle(one, Answer(status=410), jitter=0.0)
    found = webhooks.get(webhook.id)
    assert (gone.status, found.enabled, found.why_disabled) == ("failed", False, "The receiver answered 410 Gone.")
    clock.pass_(3600)
    assert deliveries.claim({}) == []
    happen(home)
    with pytest.raises(Disabled, match="Enable it"):
        deliveries.redeliver(gone.id)
    enabled = webhooks.change(webhook.id, enabled=True)
    assert (enabled.enabled, enabled.why_disabled) == (True, None)
    assert [delivery.id for delivery in deliveries.claim({})] == [_other.id]


def test_what_was_delivered_or_failed_can_be_delivered_again_under_the_same_id(
    home: Home, webhooks: Webhooks, deliveries: Deliveries, clock: Clock
) -> None:
    subscribe(webhooks)
    happen(home)
    first = deliveries.settle(claimed(deliveries), OK, jitter=0.0)
    event = first.event
    for number in range(1, MOST_LOGGED + 3):
        clock.pass_(1)
        assert deliveries.redeliver(first.id).status == "pending"
        again = claimed(deliveries)
        assert (again.event, again.body, again.failures) == (event, first.body, 0)
        settled = deliveries.settle(again, BAD if number % 2 else OK, jitter=0.0)
        assert len(settled.attempts) == min(number + 1, MOST_LOGGED)
    with pytest.raises(UnknownWebhook, match="There is no delivery 'dlv-0'"):
        deliveries.redeliver("dlv-0")


def test_deliveries_end_with_their_webhook(home: Home, webhooks: Webhooks, deliveries: Deliveries) -> None:
    webhook = subscribe(webhooks)
    happen(home)
    delivery = claimed(deliveries)
    webhooks.delete(webhook.id)
    deliveries.settle(delivery, OK, jitter=0.0)
    assert listed(deliveries, webhook) == []
    with pytest.raises(UnknownWebhook):
        webhooks.get(webhook.id)


def test_deliveries_are_forgotten_after_a_month(
    home: Home, webhooks: Webhooks, deliveries: Deliveries, clock: Clock
) -> None:
    webhook = subscribe(webhooks)
    happen(home)
    clock.pass_(KEPT.total_seconds())
    happen(home)
    deliveries.forget()
    assert len(listed(deliveries, webhook)) == 2
    clock.pass_(1)
    deliveries.forget()
    assert len(listed(deliveries, webhook)) == 1


def test_pages_of_deliveries_follow_one_another_from_the_newest(
    home: Home, webhooks: Webhooks, deliveries: Deliveries, clock: Clock
) -> None:
    webhook = subscribe(webhooks)
    for _ in range(4):
        happen(home)
        happen(home)
        clock.pass_(1)
    everything = deliveries.listed(webhook.id, 200)
    assert [d.created_at for d in everything] == sorted((d.created_at for d in everything), reverse=True)
    pages, before = list[str](), None
    while page := deliveries.listed(webhook.id, 3, before):
        pages += [delivery.id for delivery in page]
        before = pages[-1]
    assert pages == [delivery.id for delivery in everything]


def test_secrets_are_replaced_with_an_overlap(home: Home, webhooks: Webhooks, clock: Clock) -> None:
    first = subscribe(webhooks)
    assert first.secret.startswith("whsec_")
    assert first.live_secrets(home.now()) == (first.secret,)
    second = webhooks.rotate(first.id)
    assert second.live_secrets(home.now()) == (second.secret, first.secret)
    clock.pass_(OVERLAP.total_seconds())
    assert second.live_secrets(home.now()) == (second.secret,)
    third = webhooks.rotate(first.id)
    assert third.live_secrets(home.now()) == (third.secret, second.secret)
    assert len({first.secret, second.secret, third.secret}) == 3


def test_there_is_a_most_of_webhooks(webhooks: Webhooks) -> None:
    for _ in range(MOST_WEBHOOKS):
        subscribe(webhooks)
    with pytest.raises(TooManyWebhooks, match="Delete one first"):
        subscribe(webhooks)
    assert [webhook.id for webhook in webhooks.listed(MOST_WEBHOOKS)] == [w.id for w in webhooks.listed()]


def test_the_log_has_no_secret(home: Home, webhooks: Webhooks, deliveries: Deliveries) -> None:
    webhook = subscribe(webhooks)
    happen(home)
    deliveries.settle(claimed(deliveries), BAD, jitter=0.0)
    with home.reading() as connection:
        rows = str(connection.execute(sa.select(table)).all())
    assert webhook.secret not in rows


def test_the_ends_of_optimizations_are_events_without_what_rows_could_stand_in(
    home: Home, webhooks: Webhooks, deliveries: Deliveries
) -> None:
    webhook = subscribe(webhooks, "optimization.completed", "optimization.failed")
    jobs, task = Jobs(home), load_task(parse_task(TASK), Path(), allow_code=False)
    result = {
        "decision": "promote",
        "why": "private",
        "winner": {"version": 2, "digest": "w", "messages": ["private"]},
        "baseline": {"version": 1, "digest": "b", "messages": ["private"]},
    }
    ends: list[tuple[str, dict[str, Any]]] = [
        ("cancelled", {}),
        ("failed", {"error": "private"}),
        ("succeeded", {"result": result}),
    ]
    for status, values in ends:
        job = begun(jobs, jobs.find("identity", task, fresh=False), task)
        jobs.conclude(job.id, status, **values)
        jobs.conclude(job.id, status, **values)  # It has ended already, so this is no event.
    found = sorted(
        (json.loads(delivery.body) for delivery in listed(deliveries, webhook)), key=lambda e: str(e["type"])
    )
    about = {"id": job.id, "task": "job", "href": f"/v1/optimizations/{job.id}"}
    assert [(event["type"], event["data"]) for event in found] == [
        (
            "optimization.completed",
            {
                **about,
                "status": "succeeded",
                "decision": "promote",
                "winner": {"version": 2, "digest": "w"},
                "baseline": {"version": 1, "digest": "b"},
            },
        ),
        ("optimization.failed", {**about, "status": "failed"}),
    ]
