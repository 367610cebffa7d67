"""What a job may still spend."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.budget import Amount, Budget, Caps, Charge

ONE = Amount(1, 100, 0.1)
PAID = Charge(calls=1, prompt_tokens=30, completion_tokens=10, cost_usd=0.04)


def test_amounts_add_up() -> None:
    assert ONE + ONE == ONE * 2 == Amount(2, 200, 0.2)
    assert Amount() == ONE - ONE


def test_a_charge_counts_against_the_caps_by_its_calls_tokens_and_dollars() -> None:
    assert PAID.amount == Amount(1, 40, 0.04)
    assert Charge(calls=1, prompt_tokens=3, cost_usd=None).amount == Amount(1, 3, 0.0)


def test_a_sum_of_charges_has_a_cost_only_if_each_has() -> None:
    assert (PAID + PAID).cost_usd == pytest.approx(0.08)
    assert (PAID + Charge(calls=1, cost_usd=None)).cost_usd is None


async def test_what_is_reserved_is_out_of_reach_until_it_is_settled() -> None:
    budget = Budget(Caps(calls=2, tokens=150, usd=1.0))
    assert await budget.reserve(ONE)
    assert not budget.affords(ONE)
    assert budget.affords(Amount(1, 50, 0.9))
    budget.settle(ONE, PAID)
    assert budget.spent == PAID
    assert budget.affords(ONE)
    assert budget.calls_left() == 1


@pytest.mark.parametrize(
    "caps", [Caps(calls=0), Caps(calls=1, tokens=99), Caps(calls=1, usd=0.09), Caps(calls=1, tokens=99, usd=0.09)]
)
async def test_what_does_not_fit_is_refused_when_nothing_is_under_way(caps: Caps) -> None:
    budget = Budget(caps)
    assert not await budget.reserve(ONE)
    assert budget.spent == Charge()
    assert budget.calls_left() == caps.calls


async def test_a_cap_can_be_reached_exactly() -> None:
    budget = Budget(Caps(calls=10, tokens=1000, usd=1.0))
    for _ in range(10):
        assert await budget.reserve(ONE)
    for _ in range(10):
        budget.settle(ONE, Charge(calls=1, prompt_tokens=100, cost_usd=0.1))
    assert budget.spent.amount.calls == 10
    assert budget.spent.amount.tokens == 1000
    assert not await budget.reserve(Amount(1, 0, 0.0))


async def test_who_does_not_fit_yet_waits_for_what_is_given_back() -> None:
    budget = Budget(Caps(calls=9, tokens=150))
    assert await budget.reserve(ONE)
    waiting = [asyncio.create_task(budget.reserve(ONE)) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    budget.settle(ONE, PAID)
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [True]
    budget.settle(ONE, PAID)
    assert sorted([await task for task in waiting]) == [False, True]
    assert budget.spent == PAID + PAID


async def test_a_cancelled_wait_reserves_nothing() -> None:
    budget = Budget(Caps(calls=1))
    assert await budget.reserve(ONE)
    waiting = asyncio.create_task(budget.reserve(ONE))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    budget.settle(ONE, Charge())
    assert budget.calls_left() == 1


async def test_what_is_held_can_be_reserved_but_not_planned_with() -> None:
    budget = Budget(Caps(calls=3))
    budget.hold(ONE * 2)
    assert budget.calls_left() == 1
    assert budget.affords(ONE)
    assert not budget.affords(ONE * 2)
    assert await budget.reserve(ONE * 3)
    budget.settle(ONE * 3, Charge())
    budget.hold(Amount())
    assert budget.affords(ONE * 3)


def test_charges_are_kept_by_phase() -> None:
    budget = Budget(Caps(calls=9))
    budget.phase = "headroom"
    budget.charge(PAID)
    budget.phase = "proof"
    budget.charge(PAID)
    budget.charge_hit()
    assert budget.by_phase == {"headroom": PAID, "proof": PAID + Charge(ledger_hits=1)}
    assert budget.spent == PAID + PAID + Charge(ledger_hits=1)
    assert budget.calls_left() == 7
