"""Two evaluations compared row by row."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.datasets.records import Example
from benchmarks.evidence.compare import Arm, compare
from benchmarks.evidence.detectable import smallest_detectable_difference
from benchmarks.evidence.records import PairedDifference
from benchmarks.metrics.protocol import Metric
from service.datasets import Datasets
from service.evaluation_items import EvaluationItems, Item, NotComparable
from service.evaluations import Asked
from service.home import Home
from service.jobs import SUCCEEDED, Job, Jobs

SAME = {
    "dataset_digest": "rows of different datasets",
    "split": "different splits",
    "metric_digest": "different metrics",
}
"""What must be the same in both, and what they have otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the second of two evaluations has on the first: the `difference` is second minus first, over the rows that
    have a score in both; `missing` ones have none in one of them. `gained` and `lost` are the rows on which the second
    scores higher and lower. `smallest_detectable` is the true difference, in score units, that as many rows show in 80
    % of cases, if as many of them differ as here."""

    difference: PairedDifference
    missing: int
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    smallest_detectable: float


def compare_evaluations(first: Job, second: Job, home: Home) -> Comparison:
    """What `second` has on `first`. Raises NotComparable, and DataError if no row has a score in both."""
    ours, theirs = (_items(job, home) for job in (second, first))
    for part, said in SAME.items():
        if (first.result or {})[part] != (second.result or {})[part]:
            raise NotComparable(f"{first.id} and {second.id} have {said}: only scores of the same rows can be paired.")
    if [item.row for item in ours] != [item.row for item in theirs]:
        raise NotComparable(f"{first.id} and {second.id} have different rows: only scores of the same can be paired.")
    metric = Asked.of(Jobs(home).request(first.id) or {}, Datasets(home).find).task.metric
    return compared(metric, theirs, ours)


def compared(metric: Metric, first: list[Item], second: list[Item]) -> Comparison:
    """What the rows `second` have on the rows `first`, which are the same rows in the same order. Raises DataError if
    no row has a score in both."""
    pairs = [
        (before, after, after.score - before.score)
        for before, after in zip(first, second, strict=True)
        if before.score is not None and after.score is not None
    ]
    examples = [
        Example(id=item.row, inputs={}, answer=item.expected, slices={}, origin=item.row) for item, _, _ in pairs
    ]
    before, after = _arm([item for item, _, _ in pairs]), _arm([item for _, item, _ in pairs])
    difference = compare(metric, after, before, examples, seed=0)
    # Where no row differs, the next one might.
    discordance = max(sum(gain**2 for _, _, gain in pairs), 1) / len(pairs)
    return Comparison(
        difference=difference,
        missing=len(first) - len(pairs),
        gained=tuple(item.row for item, _, gain in pairs if gain > 0),
        lost=tuple(item.row for item, _, gain in pairs if gain < 0),
        smallest_detectable=smallest_detectable_difference(len(pairs), discordance=discordance),
    )


def _arm(items: list[Item]) -> Arm:
    scores = tuple(item.score for item in items if item.score is not None)
    return Arm(answers=tuple(item.answer for item in items), scores=scores)


def _items(job: Job, home: Home) -> list[Item]:
    if job.status != SUCCEEDED:
        raise NotComparable(f"{job.id} is {job.status}; only evaluations that have succeeded can be compared.")
    return list(EvaluationItems(home).rows(job.id))
