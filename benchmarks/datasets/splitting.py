"""Who goes where: train, validation and test.

The draw depends on the content of the rows and the seed, never on the order of the rows in their file. Exact duplicates
stay together. Groups of duplicates are lined up in an order drawn from the seed, sorted by answer when stratified, and
dealt out along the line to whichever part lags most behind its share (systematic sampling; Cochran, Sampling
Techniques, chapter 8). So every stretch of the line, hence every answer, is divided nearly as the whole is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from benchmarks.datasets.duplicates import grouped_by_inputs, inputs_key, joined, near_pairs
from benchmarks.datasets.records import Dataset, Example, Split
from benchmarks.digests import digest
from benchmarks.errors import DataError

PAIRS_SHOWN = 3
FEWEST_ROWS_PER_ANSWER = 4

Part = Split | None
"""None stands for the rows left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """How rows are to be split.

    A share of at most 1 is a fraction of the rows, a whole number above 1 a number of rows; rows beyond the three
    shares are left out. `near_duplicates` says whether near duplicates are only warned about or kept on one side.
    """

    train: float = 0.2
    validation: float = 0.4
    test: float = 0.4
    seed: int = 0
    near_duplicates: Literal["warn", "group"] = "warn"


def split_examples(examples: Sequence[Example], plan: SplitPlan, stratify: bool) -> Dataset:
    """The examples in three splits, each in an order drawn from the seed; `stratify` divides every answer alike.

    No split exceeds its share, in whole rows, by as many as the largest group of duplicates has. Where groups are so
    few that not every split can have one, test comes first, then validation.

    Raises DataError for shares that are no fraction and no count, that ask for more rows than there are, or that leave
    validation or test without a row.
    """
    targets = _targets(plan, len(examples))
    shuffled = in_drawn_order(examples, plan.seed)
    groups = grouped_by_inputs(shuffled)
    if plan.near_duplicates == "group":
        pairs = near_pairs([group[0].inputs for group in groups])
        groups = [[row for place in places for row in groups[place]] for places in joined(len(groups), pairs)]
    if len(groups) < 2:
        raise DataError(
            f"{len(examples)} rows with {len(groups)} different inputs are too few to split: validation and test need "
            f"one each. Add labelled rows."
        )
    if stratify:
        groups.sort(key=_commonest_answer)
    part_of = _dealt(groups, targets)
    return Dataset(**{split.value: tuple(row for row in shuffled if part_of[row.id] is split) for split in Split})


def enough_per_answer(examples: Sequence[Example]) -> bool:
    """Whether answers have so many rows on average that splits and row orders can be stratified by them."""
    return len({example.answer for example in examples}) * FEWEST_ROWS_PER_ANSWER <= len(examples)


def in_drawn_order(examples: Sequence[Example], seed: int) -> list[Example]:
    """The examples in the order that `seed` draws, whatever theirs is."""
    return sorted(examples, key=lambda example: digest([seed, example.id]))


def given_splits(train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example]) -> Dataset:
    """The three splits as they are; train may be empty.

    Raises DataError when validation or test is empty, and when equal inputs stand in two splits.
    """
    dataset = Dataset(train=tuple(train), validation=tuple(validation), test=tuple(test))
    for split in (Split.VALIDATION, Split.TEST):
        if not dataset.split(split):
            raise DataError(f"The {split} split has no rows; validation and test need at least one each.")
    firsts: dict[Hashable, tuple[Example, Split]] = {}
    shared = []
    for split in Split:
        for example in dataset.split(split):
            first, side = firsts.setdefault(inputs_key(example), (example, split))
            if side is not split:
                shared.append(f"{first.origin} ({side}) and {example.origin} ({split})")
    if shared:
        repeat = "row repeats" if len(shared) == 1 else "rows repeat"
        raise DataError(
            f"{len(shared)} {repeat} the inputs of a row in another split: "
            f"{'; '.join(shared[:PAIRS_SHOWN])}{'; ...' if len(shared) > PAIRS_SHOWN else ''}. "
            f"Remove them from one of the two splits."
        )
    return dataset


def _targets(plan: SplitPlan, rows: int) -> dict[Part, int]:
    """How many rows each part should get: fractions by largest remainder, and at least 1 for a share above 0."""
    shares = {Split.TEST: plan.test, Split.VALIDATION: plan.validation, Split.TRAIN: plan.train}
    quotas: dict[Part, Fraction] = {split: _quota(split, share, rows) for split, share in shares.items()}
    asked = sum(quotas.values(), Fraction(0))
    if asked > rows:
        described = ", ".join(f"{split} {shares[split]}" for split in Split)
        raise DataError(
            f"The split ({described}) asks for {math.ceil(asked)} rows of {rows}: fractions may sum to at most 1, "
            f"counts to at most the number of rows. Lower a share."
        )
    quotas[None] = rows - asked
    targets = {part: math.floor(quota) for part, quota in quotas.items()}
    most_missing_first = sorted(quotas, key=lambda part: targets[part] - quotas[part])
    for part in most_missing_first[: rows - sum(targets.values())]:
        targets[part] += 1
    for split in shares:
        if quotas[split] and not targets[split]:
            expendable = (None, Split.TRAIN)  # may lose their last row
            donors = [part for part in targets if targets[part] > (0 if part in expendable else 1)]
            if donors:
                targets[max(donors, key=lambda part: targets[part] - quotas[part])] -= 1
                targets[split] += 1
    return targets


def _quota(split: Split, share: float, rows: int) -> Fraction:
    if 0 <= share <= 1:
        quota = Fraction(str(share)) * rows  # by way of the decimals, so that 0.7 + 0.2 + 0.1 is 1
    elif share > 1 and float(share).is_integer():
        quota = Fraction(int(share))
    else:
        raise DataError(f"split.{split} is {share}; it must be a fraction from 0 to 1 or a whole number of rows.")
    if not quota and rows and split is not Split.TRAIN:
        raise DataError(f"split.{split} is {share}; validation and test need at least one row each.")
    return quota


def _commonest_answer(group: Sequence[Example]) -> str:
    counts = Counter(example.answer for example in group)
    return min(counts, key=lambda answer: (-counts[answer], answer))


def _dealt(groups: Sequence[Sequence[Example]], targets: Mapping[Part, int]) -> dict[str, Part]:
    """The part of each example by its id: every group, in this order, goes to the part that lags most behind."""
    rows = sum(targets.values())
    placed = dict.fromkeys(targets, 0)
    part_of: dict[str, Part] = {}
    seen = 0
    for number, group in enumerate(groups):
        seen += len(group)
        groups_left = len(groups) - number
        starved: list[Part] = [part for part in targets if part is not None and targets[part] and not placed[part]]
        if groups_left <= len(starved):
            choices = starved[:groups_left]
        else:
            room = {part: targets[part] - placed[part] for part in targets}
            choices = [part for part in targets if room[part] >= len(group)] or [max(room, key=room.__getitem__)]
        part = max(choices, key=lambda part: seen * targets[part] - rows * placed[part])
        placed[part] += len(group)
        part_of.update((example.id, part) for example in group)
    return part_of
