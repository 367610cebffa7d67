from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from optimizers.proposers.bandit import Trial, choose

ARMS = ("fresh", "paraphrase", "recombine", "reflective")
trials = st.lists(
    st.builds(
        Trial, round=st.integers(1, 4), arm=st.sampled_from(ARMS), gain=st.floats(0, 0.5), cost=st.floats(1, 500)
    ),
    max_size=12,
)


def pulls(gains: Mapping[str, float], seed: int, rounds: int = 12, per_round: int = 8) -> Counter[str]:
    """How often each arm is chosen in the last third of the rounds, when every choice costs 40 calls and gains what
    `gains` says, give or take luck."""
    rng, luck = random.Random(seed), random.Random(f"luck {seed}")
    known: list[Trial] = []
    late: Counter[str] = Counter()
    for number in range(rounds):
        chosen = choose(ARMS, known, per_round, rng)
        for arm, times in Counter(chosen).items():
            gain = max(0.0, luck.gauss(gains[arm], 0.01))
            known.append(Trial(round=number, arm=arm, gain=gain, cost=40.0 * times))
        if number >= rounds * 2 // 3:
            late.update(chosen)
    return late


def test_every_arm_is_tried_before_anything_is_known() -> None:
    chosen = Counter(choose(ARMS, [], 80, random.Random(0)))
    assert chosen.keys() == set(ARMS)
    assert min(chosen.values()) >= 10


def test_the_arm_that_gains_most_for_its_calls_is_chosen_most_in_the_end() -> None:
    for best in ARMS:
        late = sum(
            (pulls({arm: 0.06 if arm == best else 0.005 for arm in ARMS}, seed) for seed in range(10)), Counter()
        )
        (first, often), (_, second) = late.most_common(2)
        assert first == best
        assert often > 2 * second


def test_of_two_equal_gains_the_cheaper_one_is_preferred() -> None:
    known = [
        Trial(round=1, arm="fresh", gain=0.06, cost=400),
        Trial(round=1, arm="reflective", gain=0.06, cost=40),
    ] * 4
    chosen = Counter(choose(("fresh", "reflective"), known, 200, random.Random(1)))
    assert chosen["reflective"] > 150


@settings(max_examples=60, deadline=None)
@given(known=trials, seed=st.integers(0, 99), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(known: list[Trial], seed: int, shuffle: random.Random) -> None:
    shuffled = shuffle.sample(known, len(known))
    assert choose(ARMS, known, 16, random.Random(seed)) == choose(ARMS, shuffled, 16, random.Random(seed))


@settings(max_examples=60, deadline=None)
@given(known=trials, seed=st.integers(0, 99), arms=st.lists(st.sampled_from(ARMS), min_size=1, unique=True))
def test_only_arms_at_hand_are_chosen(known: list[Trial], seed: int, arms: list[str]) -> None:
    chosen = choose(arms, known, 8, random.Random(seed))
    assert len(chosen) == 8
    assert set(chosen) <= set(arms)


def test_what_an_arm_gained_long_ago_fades() -> None:
    then = Trial(round=1, arm="fresh", gain=0.2, cost=40)
    since = [Trial(round=number, arm="fresh", gain=0.0, cost=40) for number in range(2, 7)]
    soon = Counter(choose(ARMS, [then], 200, random.Random(0)))
    late = Counter(choose(ARMS, [then, *since], 200, random.Random(0)))
    assert soon["fresh"] > 100
    assert 0 < late["fresh"] < 40


def test_without_arms_there_is_no_choice() -> None:
    assert choose((), [], 8, random.Random(0)) == []
