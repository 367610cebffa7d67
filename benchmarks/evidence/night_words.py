"""What a verdict says to a person."""

from __future__ import annotations

import math

from benchmarks.evidence.night_records import LEAST_SHARE, Policy, Verdict
from benchmarks.evidence.records import PairedDifference


def words(verdict: Verdict, policy: Policy, down: bool) -> str:
    """One or two sentences; `down` says that the level is proven to be down, be it confirmed or not."""
    if verdict.tonight is None or verdict.difference is None:
        said = f"Fewer than {LEAST_SHARE:.0%} of the rows have a score tonight, so this night says nothing"
        return f"{said}; the regression stays open." if verdict.opened is not None else f"{said}."
    now = verdict.difference
    amount, nights = _amount(now), _nights(verdict.nights)
    match verdict.kind:
        case "regressed":
            anchor = "the anchor prompt was not measured" if verdict.anchor is None else _anchor(verdict.anchor)
            return f"Worse than the baseline by {amount}, for {nights}; {anchor}. {_chance(verdict.p, policy)}"
        case "environment_drift":
            fallen = _points(-verdict.anchor.mean) if verdict.anchor else ""
            said = f"The prompt fell by {amount} and the anchor prompt by {fallen}, for {nights}"
            return f"{said}: the model or its endpoint has changed for both. {_chance(verdict.p, policy)}"
        case "improved":
            return f"Better than the baseline by {amount}, for {nights}."
        case "unchanged":
            said = f"No drop of {_points(policy.min_drop)}: {_signed(now)} to the baseline over {nights}"
            return f"{said} (95 % interval {_interval(now)})."
        case "inconclusive":
            return _open_question(verdict, now, policy, down)


def _open_question(verdict: Verdict, now: PairedDifference, policy: Policy, down: bool) -> str:
    nights = _nights(verdict.nights)
    if down:
        more = f"{_nights(policy.confirm_runs, 'more ')} in a row must agree before it counts as a regression"
        return f"Worse than the baseline by {_amount(now)}, for {nights}; {more}."
    if verdict.p < 1:
        return (
            f"Lower tonight: {_signed(verdict.tonight or now)} to the baseline. It may be chance "
            f"({verdict.p:.2g} such nights a year); the next nights will tell."
        )
    return (
        f"Too little to rule out a drop of {_points(policy.min_drop)}: {_signed(now)} to the baseline over {nights} "
        f"(95 % interval {_interval(now)}). {_points(verdict.smallest_detectable)} could have been seen; more rows, or "
        "more epochs in the baseline, show less."
    )


def _anchor(difference: PairedDifference) -> str:
    return f"the anchor prompt holds its level ({_signed(difference)})"


def _chance(p: float, policy: Policy) -> str:
    return (
        f"If nothing had changed, this would be seen in fewer than {max(p, 1e-9):.2g} of all years "
        f"({policy.alpha:g} raise the alarm)."
    )


def _amount(difference: PairedDifference) -> str:
    low, high = sorted((abs(difference.low), abs(difference.high)))
    if difference.low <= 0 <= difference.high:
        return f"{_points(abs(difference.mean))} (95 % interval of the difference {_interval(difference)})"
    return f"{_points(abs(difference.mean))} (95 % interval {100 * low:.1f} to {100 * high:.1f})"


def _interval(difference: PairedDifference) -> str:
    return f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"


def _signed(difference: PairedDifference) -> str:
    return f"{100 * difference.mean:+.1f} points"


def _points(value: float) -> str:
    return f"{100 * value:.1f} points" if not math.isclose(value, 0.01) else "1 point"


def _nights(count: int, more: str = "") -> str:
    return f"{count} {more}night{'s' if count != 1 else ''}"
