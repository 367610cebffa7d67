"""The records of labelled data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from benchmarks.digests import digest


class Split(StrEnum):
    """Which of the three parts of a dataset a row belongs to.

    Demonstrations and failures shown to a proposer come from train, racing and selection use validation, and test is
    read once per proof.
    """

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled row.

    `inputs` maps each input column of the task to its text, `answer` is the expected output, `slices` maps each slice
    column to the row's value there. `id` is unique within a dataset and does not depend on the row's position: the
    digest of inputs and answer, followed by `#2`, `#3`, ... for exact repetitions. `origin` says where the row came
    from, for messages: `tickets.csv, line 17`.
    """

    id: str
    inputs: Mapping[str, str]
    answer: str
    slices: Mapping[str, str]
    origin: str


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled rows in three splits; immutable, and named by `digest`, the sha256 of its content.

    The order of rows within a split carries no meaning, but it is part of the identity: the same files and split
    settings give the same order, hence the same digest.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]

    def split(self, split: Split) -> tuple[Example, ...]:
        """The rows of one split."""
        return {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}[split]

    @cached_property
    def digest(self) -> str:
        """Identity of the whole dataset, 64 hexadecimal digits."""
        return digest([[example.id for example in self.split(split)] for split in Split])

    @cached_property
    def test_digest(self) -> str:
        """Identity of the test split alone: looks at it are counted under this name, whatever its order."""
        return digest(sorted(example.id for example in self.test))
