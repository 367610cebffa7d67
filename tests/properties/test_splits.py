"""What holds for every split, whatever the rows."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.datasets.duplicates import grouped_by_inputs
from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.reading import rows_from_values
from benchmarks.datasets.records import Dataset, Example, Split
from benchmarks.datasets.splitting import SplitPlan, split_examples

bounded = settings(deadline=None, max_examples=100)

Values = list[dict[str, str]]
row = st.fixed_dictionaries(
    {"text": st.text("ab \n", max_size=4), "more": st.sampled_from("xy"), "label": st.sampled_from("pqr")}
)
rows = st.lists(row, min_size=2, max_size=40)
shares = st.sampled_from(
    [(0.2, 0.4, 0.4), (0.0, 0.5, 0.5), (0.1, 0.3, 0.2), (0.7, 0.2, 0.1), (0.98, 0.01, 0.01), (0.5, 2, 2)]
)
plans = st.builds(
    lambda shares, seed, near: SplitPlan(
        train=shares[0], validation=shares[1], test=shares[2], seed=seed, near_duplicates=near
    ),
    shares,
    st.integers(0, 5),
    st.sampled_from(["warn", "group"]),
)


def examples_of(values: Values) -> list[Example]:
    return make_examples(rows_from_values(values), ["text", "more"], "label", [])


def split(values: Values, plan: SplitPlan, stratify: bool) -> Dataset:
    assume(len({(row["text"], row["more"]) for row in values}) >= 2)
    assume(plan.validation <= 1 or len(values) >= 8)
    if plan.near_duplicates == "group":  # case folding and white space must leave two groups
        assume(len({(" ".join(row["text"].split()), row["more"]) for row in values}) >= 2)
    return split_examples(examples_of(values), plan, stratify)


@bounded
@given(values=rows, plan=plans, stratify=st.booleans(), order=st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter(values: Values, plan: SplitPlan, stratify: bool, order: Random) -> None:
    shuffled = list(values)
    order.shuffle(shuffled)
    assert split(values, plan, stratify).digest == split(shuffled, plan, stratify).digest


@bounded
@given(values=rows, plan=plans, stratify=st.booleans())
def test_every_row_is_in_one_split_at_most_and_in_one_exactly_if_the_shares_sum_to_one(
    values: Values, plan: SplitPlan, stratify: bool
) -> None:
    dataset = split(values, plan, stratify)
    placed = [example.id for side in Split for example in dataset.split(side)]
    assert len(placed) == len(set(placed))
    if plan.train + plan.validation + plan.test == 1:
        assert set(placed) == {example.id for example in examples_of(values)}


@bounded
@given(values=rows, plan=plans, stratify=st.booleans())
def test_exact_duplicates_are_on_one_side(values: Values, plan: SplitPlan, stratify: bool) -> None:
    dataset = split(values, plan, stratify)
    inputs = [{tuple(example.inputs.values()) for example in dataset.split(side)} for side in Split]
    assert sum(map(len, inputs)) == len(set().union(*inputs))
    for group in grouped_by_inputs(examples_of(values)):
        ids = {example.id for example in group}
        assert all(ids <= side or not ids & side for side in ({e.id for e in dataset.split(s)} for s in Split))


@bounded
@given(values=rows, plan=plans, stratify=st.booleans())
def test_validation_and_test_have_rows_and_train_too_where_possible(
    values: Values, plan: SplitPlan, stratify: bool
) -> None:
    dataset = split(values, plan, stratify)
    assert dataset.validation
    assert dataset.test
    if plan.near_duplicates == "warn" and plan.train and len(grouped_by_inputs(examples_of(values))) >= 3:
        assert dataset.train


@bounded
@given(values=rows, shares=shares, stratify=st.booleans(), seed=st.integers(0, 5))
def test_a_split_exceeds_its_share_by_less_than_the_largest_group(
    values: Values, shares: tuple[float, float, float], stratify: bool, seed: int
) -> None:
    plan = SplitPlan(train=shares[0], validation=shares[1], test=shares[2], seed=seed)
    dataset = split(values, plan, stratify)
    largest = max(len(group) for group in grouped_by_inputs(examples_of(values)))
    for side, share in zip(Split, shares, strict=True):
        wanted = share * len(values) if share <= 1 else share
        assert len(dataset.split(side)) < max(wanted + 1, 1 + bool(share)) + largest


@bounded
@given(
    counts=st.lists(st.integers(5, 40), min_size=2, max_size=5),
    seed=st.integers(0, 100),
    plan_shares=shares.filter(lambda s: s[1] <= 1),
)
def test_every_answer_has_its_share_of_every_split(
    counts: list[int], seed: int, plan_shares: tuple[float, float, float]
) -> None:
    values = [
        {"text": f"{label} {n}", "more": "", "label": f"{label}"}
        for label, count in enumerate(counts)
        for n in range(count)
    ]
    plan = SplitPlan(train=plan_shares[0], validation=plan_shares[1], test=plan_shares[2], seed=seed)
    dataset = split(values, plan, stratify=True)
    for side, share in zip(Split, plan_shares, strict=True):
        in_split = Counter(example.answer for example in dataset.split(side))
        for label, count in enumerate(counts):
            assert abs(in_split[f"{label}"] - share * count) <= 2
