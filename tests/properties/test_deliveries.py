"""Whatever is killed and whatever fails in between: every event reaches every webhook that was subscribed when it
happened, in simulated time, under one id."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.addresses import Allowed
from service.courier import Courier
from service.deliveries import CLAIM_S, DELAYS_S, Answer, Deliveries, Delivery
from service.home import Home, open_home
from service.outbox import EventType, announce
from service.webhooks import Webhook, Webhooks
from tests.service.clock import Clock

KINDS: tuple[EventType, ...] = ("optimization.completed", "prompt.label.moved")
WEBHOOKS = 3
ATTEMPTS = len(DELAYS_S) + 1


class Killed(BaseException):
    """The process ends here."""


@dataclass(slots=True)
class World:
    """Receivers that do to each attempt what fate says: take it, answer badly, or see its sender die."""

    fates: list[str]
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    bad: Counter[tuple[str, str]] = field(default_factory=Counter)
    ids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    async def send(self, webhook: Webhook, delivery: Delivery, _now: datetime) -> Answer:
        """One attempt."""
        subject = delivery.body.partition('"subject":"')[2].partition('"')[0]
        fate = self.fates.pop() if self.fates else "take"
        self.ids[subject].add(delivery.event)
        if fate == "die before":
            raise Killed
        if fate in ("take", "take and die"):
            self.taken[webhook.id, subject] += 1
        if fate == "take and die":
            raise Killed
        if fate == "take":
            return Answer(status=200)
        self.bad[webhook.id, subject] += 1
        return Answer(status=503, retry_after_s=90.0) if fate == "busy" else Answer(error="no answer")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder: Path = tmp_path_factory.mktemp("deliveries")
    opened = open_home({"WHET_HOME": str(folder)})
    yield opened
    opened.engine.dispose()


FATES = st.lists(
    st.sampled_from(["take", "refuse", "busy", "die before", "take and die", "refuse", "refuse"]), max_size=30
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), st.integers(0, len(KINDS) - 1)),
        st.tuples(st.just("subscribe"), st.integers(0, WEBHOOKS * len(KINDS) - 1)),
        st.tuples(st.just("deliver"), st.integers(1, 4)),
        st.tuples(st.just("wait"), st.sampled_from([1, int(CLAIM_S), 60, 3600, 90_000])),
    ),
    max_size=25,
)


@settings(max_examples=15, deadline=None)
@given(steps=STEPS, fates=FATES, seed=st.integers(0, 99))
@example(steps=[("happen", 0)], fates=["refuse"] * 6 + ["die before"] * 40, seed=0)
@example(steps=[("happen", 0)], fates=["refuse"] * 60, seed=0)
def test_every_event_is_delivered_at_least_once_to_whom_it_was_promised(
    home: Home, steps: list[tuple[str, int]], fates: list[str], seed: int
) -> None:
    clock, world = Clock(), World(fates=list(fates))
    here = replace(home, now=clock.now)
    webhooks, courier = Webhooks(here, Allowed()), Courier(home=here, send=world.send, random=Random(seed))
    for left in webhooks.listed():
        webhooks.delete(left.id)
    subscribed = {
        webhooks.create("https://receiver.example/", KINDS[: number % 2 + 1], "", "me").id: set(KINDS[: number % 2 + 1])
        for number in range(WEBHOOKS)
    }
    promised = set[tuple[str, str]]()

    def deliver(times: int) -> int:
        found = Deliveries(here).claim({})
        for delivery in found[:times]:  # The others were claimed by a process that dies with them.
            with contextlib.suppress(Killed):
                asyncio.run(_once(courier, delivery))
        return len(found)

    for number, (step, choice) in enumerate(steps):
        if step == "happen":
            subject = f"/v1/facts/{number}"
            with here.writing() as connection:
                announce(connection, KINDS[choice], subject, {}, at=here.timestamp())
            promised |= {(webhook, subject) for webhook, kinds in subscribed.items() if KINDS[choice] in kinds}
        elif step == "subscribe":
            webhook, kind = sorted(subscribed)[choice // len(KINDS)], KINDS[choice % len(KINDS)]
            subscribed[webhook] ^= {kind}
            webhooks.change(webhook, events=sorted(subscribed[webhook]))
        elif step == "deliver":
            deliver(choice)
        else:
            clock.pass_(choice)
    for _ in range(4 * ATTEMPTS):
        while deliver(99):
            pass
        clock.pass_(2 * DELAYS_S[-1])

    for pair in promised:
        assert world.taken[pair] or world.bad[pair] >= ATTEMPTS
    assert set(world.taken) | set(world.bad) <= promised
    assert all(len(ids) == 1 for ids in world.ids.values())
    assert len({*map(frozenset, world.ids.values())}) == len(world.ids)
    states = [d.status for webhook in subscribed for d in Deliveries(here).listed(webhook, 200)]
    assert len(states) == len(promised)
    assert set(states) <= {"delivered", "failed"}


async def _once(courier: Courier, delivery: Delivery) -> None:
    await courier.attempt(delivery)
