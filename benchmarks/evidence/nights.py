"""The verdict of a nightly rerun: a pure function of the baseline and of all nights since.

Row by row, a night is compared with the mean of the baseline's epochs, on the rows that it has; their mean is the
night's reading. Readings of the baseline's own epochs say how much a night differs from another by chance alone.
`benchmarks.evidence.level_changes` says whether the level has changed, and at which night; from there on nights have a
new level. A level is down when it is `min_drop` or more below both the pinned baseline and the nights before the first
change, and no longer down when it has come back by half of that. What has risen is told in the same way, as improved.

docs/decisions/0017-nightly-verdict.md says why, and what the rates of false alarms rest on.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.errors import DataError
from benchmarks.evidence.night_course import Course
from benchmarks.evidence.night_readings import Epochs
from benchmarks.evidence.night_records import Baseline, Night, Policy, Reading, Verdict, check_scores


def read(baseline: Baseline, nights: Sequence[Night]) -> tuple[Reading, ...]:
    """The readings of `nights`. Raises `DataError` for a night with other rows than the baseline."""
    prompt = Epochs.of(baseline.prompt)
    anchor = Epochs.of(baseline.anchor) if baseline.anchor else None
    readings = []
    for number, night in enumerate(nights):
        check_scores(night.prompt, len(baseline.prompt[0]), f"Night {number}")
        beside = None
        if anchor and night.anchor:
            check_scores(night.anchor, len(baseline.anchor[0]), f"Night {number} (anchor)")
            beside = anchor.mean(night.anchor)
        readings.append(Reading(prompt=prompt.mean(night.prompt), anchor=beside))
    return tuple(readings)


def judge(baseline: Baseline, nights: Sequence[Night], policy: Policy) -> Verdict:
    """The verdict after the last of `nights`, which are all nights since the baseline was pinned, in order; one that
    did not run is not among them. Raises `DataError` without any, or for a night with other rows."""
    return judge_readings(baseline, read(baseline, nights), policy)


def judge_readings(baseline: Baseline, readings: Sequence[Reading], policy: Policy) -> Verdict:
    """The same from readings that were kept. Time and memory are those of the readings: a second for ten years."""
    if not readings:
        raise DataError("There is no night to judge yet. The first verdict follows the first night.")
    course = Course(baseline, readings, policy)
    return course.verdict(course.standings()[-1])
