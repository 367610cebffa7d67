"""The result of an optimization in words and tables, as the card of the command line and the report tell it.

Results of earlier versions know less: what they do not tell is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.evaluation.judged import UNGRADED
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED
from benchmarks.models.protocol import FailureKind
from optimizers.optimization import PROMOTE
from optimizers.placing import FEWEST_ROWS
from optimizers.search import STYLE_WORDS

_PROBLEMS = {
    FORMAT: "without a usable answer",
    TRUNCATED: "cut off at max_tokens",
    FailureKind.CONTEXT_TOO_LONG.value: "too long for the model's context",
    FailureKind.CONTENT_FILTER.value: "stopped by a content filter",
    FailureKind.REJECTED.value: "rejected",
    FailureKind.RATE_LIMITED.value: "missing (rate limit)",
    FailureKind.TIMEOUT.value: "missing (time-out)",
    FailureKind.SERVER_ERROR.value: "missing (server error)",
    FailureKind.CONNECTION.value: "missing (connection)",
    FailureKind.GARBLED.value: "missing (garbled)",
    FailureKind.UNAFFORDABLE.value: "missing (no budget left)",
    UNGRADED: "that the judge did not grade",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table; the first column names what the row is about, the others are figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def promoted(result: Mapping[str, Any]) -> bool:
    """Whether the winner is proven."""
    return bool(result["decision"] == PROMOTE)


def same_prompt(result: Mapping[str, Any]) -> bool:
    """Whether nothing did better than the user's own prompt."""
    return bool(result["winner"]["digest"] == result["baseline"]["digest"])


def title(result: Mapping[str, Any]) -> str:
    """What came of it, in a few words."""
    return "A better prompt, proven" if promoted(result) else "Keep your prompt"


def scores(evidence: Mapping[str, Any], *, same: bool) -> Grid:
    """What the proof measured of winner and baseline, or of the baseline alone if they are the `same`."""
    early = f" of {evidence['planned']}" if evidence.get("method") == "sequential" else ""
    rows = []
    for arm in ("baseline",) if same else ("baseline", "winner"):
        score, took = evidence[arm], evidence["per_1000_requests"][arm]
        tokens = f"{took['prompt_tokens'] / 1000:.0f} + {took['completion_tokens'] / 1000:.0f}"
        cost = usd(took["cost_usd"]).removeprefix("$")
        rows.append((arm, f"{score['mean']:.3f}", f"{score['low']:.3f} to {score['high']:.3f}", tokens, cost))
    return Grid(
        title=f"On {evidence['n']}{early} test rows that the search never saw",
        columns=("", "score", "95 % interval", "tokens in + out per request", "USD per 1,000"),
        rows=tuple(rows),
    )


def difference(found: Mapping[str, Any]) -> str:
    """The paired difference that was proved."""
    return (
        f"Difference {found['mean']:+.3f}, 95 % interval {found['low']:+.3f} to {found['high']:+.3f}, "
        f"p = {found['p']:.2g} ({found['test']})"
    )


def slices(parts: Sequence[Mapping[str, Any]], *, same: bool) -> Grid:
    """The proof by slices of the rows."""
    compared = () if same else ("winner", "difference", "95 % interval")
    rows = []
    for part in parts:
        found = part["difference"]
        cells = (f"{part['winner']:.3f}", f"{found['mean']:+.3f}", f"{found['low']:+.3f} to {found['high']:+.3f}")
        name = f"{part['column']} = {part['value']}"
        rows.append((name, str(part["n"]), f"{part['baseline']:.3f}", *(() if same else cells)))
    return Grid(title="Slices", columns=("slice", "n", "baseline", *compared), rows=tuple(rows))


def front(result: Mapping[str, Any]) -> Grid | None:
    """The prompts that are cheaper than the winner; None if there are none."""
    members: Sequence[Mapping[str, Any]] = result.get("front") or ()
    if len(members) < 2:
        return None
    priced = any(member["cost_usd_per_1000"] for member in members)
    rows = []
    for number, member in enumerate(members, start=1):
        score = member["score"]
        cells = (
            *(str(number), f"{score['mean']:.3f}", f"{score['low']:.3f} to {score['high']:.3f}"),
            *(str(member["n"]), f"{member['prompt_tokens']:.0f}"),
            *([f"{member['cost_usd_per_1000'] or 0:.4f}"] if priced else []),
            f"{member['latency_s']:.2f}",
        )
        rows.append(cells)
    columns = ("", "score", "95 % interval", "rows", "tokens in", "USD per 1,000", "s per reply")
    return Grid(
        title="The front: better or cheaper than any other, on validation rows",
        columns=tuple(column for column in columns if priced or column != "USD per 1,000"),
        rows=tuple(rows),
    )


def beside_the_winner(result: Mapping[str, Any]) -> list[str]:
    """What the other prompts of the front are beside the winner."""
    return [f"{number}: {one['words']}" for number, one in enumerate(result.get("front") or (), 1) if number > 1]


def parts(result: Mapping[str, Any]) -> Grid | None:
    """What each part of the winner brought; None if that was not looked at."""
    found = (result.get("mattered") or {}).get("ablation")
    if not found:
        return None
    return Grid(
        title="What mattered: points that parts of the winner brought",
        columns=("part", "points", "interval", "rows"),
        rows=tuple(
            (
                f"{part['part']} (instead of {part['instead']})",
                f"{100 * part['difference']['mean']:+.1f}",
                f"{100 * part['difference']['low']:+.1f} to {100 * part['difference']['high']:+.1f}",
                str(part["n"]),
            )
            for part in found
        ),
    )


def factors_mattered(result: Mapping[str, Any]) -> list[str]:
    """Which factors mattered among all prompts tried."""
    mattered = result.get("mattered")
    return [] if mattered is None else list(mattered["words"][len(mattered["ablation"]) :])


def earlier(result: Mapping[str, Any]) -> str:
    """Which earlier optimizations it started from; empty if from none."""
    found = result.get("earlier") or ()
    ids = ", ".join(dict.fromkeys(one["optimization_id"] for one in found))
    return f"Prompts of earlier optimizations that took part: {len(found)} ({ids})." if found else ""


def placing(result: Mapping[str, Any]) -> str:
    """Where the user's prompt stood among random ones; empty if too few rows tell."""
    found = result["placing"]
    if not found or found["rows"] < FEWEST_ROWS:  # Earlier versions placed it by a single row.
        return ""
    level = f", level with {found['level']}" if found["level"] else ""
    return (
        f"Your prompt was ahead of {found['ahead']} of {found['prompts']} prompts drawn at random{level}, on the "
        f"same {found['rows']} validation rows."
    )


def spent(result: Mapping[str, Any]) -> str:
    """What it took."""
    took = result["spent"]
    phases = ", ".join(f"{phase} {calls}" for phase, calls in took["by_phase"].items())
    hits = f" and {took['ledger_hits']} free replies from the ledger" if took["ledger_hits"] else ""
    return (
        f"Spent {took['calls']} calls ({phases}){hits}; {took['prompt_tokens']} + {took['completion_tokens']} "
        f"tokens{cached(took)}{_lost(took)}; {usd(took['usd'])}; {took['seconds']:.1f} s; {result['trials']} prompts "
        "tried."
    )


def _lost(took: Mapping[str, Any]) -> str:
    """That some of it is the most it can have been."""
    lost = took.get("lost_calls")
    return f" ({lost} calls got no reply, and count as the most they can have taken)" if lost else ""


def cached(took: Mapping[str, Any]) -> str:
    """What the endpoint did not have to compute anew, if it says so."""
    if took.get("cached_share") is not None:
        return f", {took['cached_share']:.0%} of the prompt tokens from the endpoint's cache"
    if took.get("server_cached_share") is not None:
        return f", {took['server_cached_share']:.0%} of all its clients' prompt tokens from the server's cache"
    return ""


def by_model(took: Mapping[str, Any]) -> str:
    """What each model took, where there are several."""
    roles = took.get("by_role", {})
    models = [f"{r} {s['calls']} calls, {s['tokens']} tokens, {usd(s['usd'])}" for r, s in roles.items()]
    return f"By model: {'; '.join(models)}." if len(models) > 1 else ""


def judged_by(result: Mapping[str, Any]) -> str:
    """Who graded, and how far it agrees with people; empty where nobody did."""
    judge = result.get("judge")
    if judge is None:
        return ""
    agreement = judge["agreement"] and judge["agreement"]["words"]
    return f"Graded by {judge['name']}; {agreement or 'nothing is known of its agreement'}."


def problems(result: Mapping[str, Any]) -> str:
    """What went wrong with replies; empty if nothing did."""
    counts = ", ".join(f"{number} {_PROBLEMS.get(kind, kind)}" for kind, number in result["problems"].items())
    return f"Of all replies: {counts}." if counts else ""


def name_of_prompt(result: Mapping[str, Any]) -> str:
    """What the prompt is that is shown."""
    if same_prompt(result):
        return "Your prompt"
    return "The winning prompt" if promoted(result) else "The best candidate, not proven"


def about_prompt(prompt: Mapping[str, Any]) -> str:
    """A prompt by its factors, and its decoding parameters."""
    factors, parameters = prompt["factors"], prompt["parameters"]
    shown = factors.get("demonstrations") or 0
    words = [f"instruction: {factors.get('instruction_source')}", f"{shown} demonstrations"]
    if shown:
        words[-1] += f" {STYLE_WORDS[factors['demonstration_style']]}, {factors['demonstration_selector']}"
    words.append(f"delimiters: {factors.get('delimiters')}")
    words.append(f"placement: {factors.get('placement')}")
    if factors.get("answer_marker"):
        words.append(f"marker: {factors['answer_marker']}")
    pairs = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return f"{'; '.join(words)}; parameters: {pairs}"


def usd(cost: float | None) -> str:
    """An amount of money."""
    return "price unknown" if cost is None else "free" if cost == 0 else f"${cost:.4f}"
