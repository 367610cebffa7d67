"""The result card, and the other things that commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from benchmarks.budget import Caps
from benchmarks.evaluation.judged import UNGRADED
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED
from benchmarks.models.protocol import FailureKind
from optimizers.optimization import PROMOTE
from optimizers.placing import FEWEST_ROWS
from optimizers.search import STYLE_WORDS
from service.cli.findings import print_front, print_mattered
from service.forecast import Forecast
from service.result import TOY

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


def print_card(console: Console, result: Mapping[str, Any], *, where: str) -> None:
    """The result of an optimization, and how to get at the prompt that is kept in `where`."""
    promoted = result["decision"] == PROMOTE
    winner, baseline = result["winner"], result["baseline"]
    same = winner["digest"] == baseline["digest"]
    title = "A better prompt, proven" if promoted else "Keep your prompt"
    console.print()
    console.print(Panel(Text(result["why"]), title=f"[bold]{title}", border_style="green" if promoted else "yellow"))
    evidence = result["evidence"]
    if evidence is not None:
        console.print(_scores(evidence, same=same))
        if not same:
            console.print(Text(_difference(evidence["difference"]), style="bold"))
        if evidence["slices"]:
            console.print(_slices(evidence["slices"], same=same))
    if result.get("overtaken"):
        console.print(Text(result["overtaken"]))
    if result.get("earlier"):
        console.print(Text(_earlier(result["earlier"])))
    print_front(console, result)
    print_mattered(console, result)
    if result["placing"] and result["placing"]["rows"] >= FEWEST_ROWS:  # Earlier versions placed it by a single row.
        console.print(Text(_placing(result["placing"])))
    console.print(Text(_spent(result)))
    print_roles(console, result["spent"])
    print_judge(console, result)
    print_problems(console, result)
    print_proposer(console, result)
    print_model(console, result)
    name = "Your prompt" if same else "The winning prompt" if promoted else "The best candidate, not proven"
    console.print(Text(f"\n{name}", style="bold"))
    console.print(Text(f"{_factors(winner['factors'])}; parameters: {_pairs(winner['parameters'])}"))
    for message in winner["messages"]:
        console.print(Text(f"┌ {message['role']}", style="bold cyan"))
        for line in message["content"].split("\n"):
            console.print(Text(f"│ {line}"), soft_wrap=True)
    kept = winner if promoted else baseline
    console.print(
        Text(
            f"\nKept in {where} as {result['optimization_id']}. Pull {'it' if promoted else 'your prompt'}: "
            f"whet pull {result['task']}@{kept['version']}"
        ),
        soft_wrap=True,
    )


def print_model(console: Console, result: Mapping[str, Any]) -> None:
    """That the scores are a toy's, if they are."""
    if result["model"]["toy"]:
        console.print(Text(TOY, style="yellow"))


def print_judge(console: Console, result: Mapping[str, Any]) -> None:
    """How far the judge agrees with people. Results of earlier versions know of no judge."""
    judge = result.get("judge")
    if judge is not None:
        agreement = judge["agreement"] and judge["agreement"]["words"]
        console.print(Text(f"Graded by {judge['name']}; {agreement or 'nothing is known of its agreement'}."))


def print_roles(console: Console, spent: Mapping[str, Any]) -> None:
    """What each model took, where there are several. Results of earlier versions know of one."""
    roles = spent.get("by_role", {})
    if len(roles) > 1:
        parts = [f"{r} {s['calls']} calls, {s['tokens']} tokens, {_usd(s['usd'])}" for r, s in roles.items()]
        console.print(Text(f"By model: {'; '.join(parts)}."))


def print_problems(console: Console, result: Mapping[str, Any]) -> None:
    """What went wrong with replies, if anything did."""
    if result["problems"]:
        counts = ", ".join(f"{number} {_PROBLEMS.get(kind, kind)}" for kind, number in result["problems"].items())
        console.print(Text(f"Of all replies: {counts}."))


def print_proposer(console: Console, result: Mapping[str, Any]) -> None:
    """That the proposer model failed, if it did. Results of earlier versions know nothing of it."""
    proposer = result.get("proposer")
    if proposer is not None and proposer["words"]:
        console.print(Text(proposer["words"], style="yellow"))


def _earlier(earlier: Sequence[Mapping[str, Any]]) -> str:
    ids = ", ".join(dict.fromkeys(one["optimization_id"] for one in earlier))
    return f"Prompts of earlier optimizations that took part: {len(earlier)} ({ids})."


def _placing(placing: Mapping[str, Any]) -> str:
    level = f", level with {placing['level']}" if placing["level"] else ""
    return (
        f"Your prompt was ahead of {placing['ahead']} of {placing['prompts']} prompts drawn at random{level}, on the "
        f"same {placing['rows']} validation rows."
    )


def _scores(evidence: Mapping[str, Any], *, same: bool) -> Table:
    early = f" of {evidence['planned']}" if evidence.get("method") == "sequential" else ""
    table = Table(title=f"On {evidence['n']}{early} test rows that the search never saw", title_justify="left")
    for column in ("", "score", "95 % interval", "tokens in + out per request", "USD per 1,000"):
        table.add_column(column, justify="left" if not column else "right")
    for arm in ("baseline",) if same else ("baseline", "winner"):
        score, took = evidence[arm], evidence["per_1000_requests"][arm]
        cost = _usd(took["cost_usd"]).removeprefix("$")
        tokens = f"{took['prompt_tokens'] / 1000:.0f} + {took['completion_tokens'] / 1000:.0f}"
        table.add_row(arm, f"{score['mean']:.3f}", f"{score['low']:.3f} to {score['high']:.3f}", tokens, cost)
    return table


def _difference(difference: Mapping[str, Any]) -> str:
    return (
        f"Difference {difference['mean']:+.3f}, 95 % interval {difference['low']:+.3f} to {difference['high']:+.3f}, "
        f"p = {difference['p']:.2g} ({difference['test']})"
    )


def _slices(slices: list[Mapping[str, Any]], *, same: bool) -> Table:
    table = Table(title="Slices", title_justify="left")
    compared = () if same else ("winner", "difference", "95 % interval")
    for column in ("slice", "n", "baseline", *compared):
        table.add_column(column, justify="left" if column == "slice" else "right")
    for part in slices:
        difference = part["difference"]
        cells = [f"{part['winner']:.3f}", f"{difference['mean']:+.3f}"]
        cells.append(f"{difference['low']:+.3f} to {difference['high']:+.3f}")
        name = Text(f"{part['column']} = {part['value']}")
        table.add_row(name, str(part["n"]), f"{part['baseline']:.3f}", *([] if same else cells))
    return table


def _spent(result: Mapping[str, Any]) -> str:
    spent = result["spent"]
    phases = ", ".join(f"{phase} {calls}" for phase, calls in spent["by_phase"].items())
    usd = _usd(spent["usd"])
    hits = f" and {spent['ledger_hits']} free replies from the ledger" if spent["ledger_hits"] else ""
    return (
        f"Spent {spent['calls']} calls ({phases}){hits}; {spent['prompt_tokens']} + {spent['completion_tokens']} "
        f"tokens{_cached(spent)}{_lost(spent)}; {usd}; {spent['seconds']:.1f} s; {result['trials']} prompts tried."
    )


def _lost(spent: Mapping[str, Any]) -> str:
    """That some of it is the most it can have been. Results of earlier versions do not know."""
    lost = spent.get("lost_calls")
    return f" ({lost} calls got no reply, and count as the most they can have taken)" if lost else ""


def _cached(spent: Mapping[str, Any]) -> str:
    """What the endpoint did not have to compute anew, if it says so. Results of earlier versions do not."""
    if spent.get("cached_share") is not None:
        return f", {spent['cached_share']:.0%} of the prompt tokens from the endpoint's cache"
    if spent.get("server_cached_share") is not None:
        return f", {spent['server_cached_share']:.0%} of all its clients' prompt tokens from the server's cache"
    return ""


def _usd(cost: float | None) -> str:
    return "price unknown" if cost is None else "free" if cost == 0 else f"${cost:.4f}"


def _factors(factors: Mapping[str, Any]) -> str:
    shown = factors.get("demonstrations") or 0
    words = [f"instruction: {factors.get('instruction_source')}", f"{shown} demonstrations"]
    if shown:
        words[-1] += f" {STYLE_WORDS[factors['demonstration_style']]}, {factors['demonstration_selector']}"
    words.append(f"delimiters: {factors.get('delimiters')}")
    words.append(f"placement: {factors.get('placement')}")
    if factors.get("answer_marker"):
        words.append(f"marker: {factors['answer_marker']}")
    return "; ".join(words)


def _pairs(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items())


def print_forecast(console: Console, forecast: Forecast) -> None:
    """What `--dry-run` says."""
    plan, spent = forecast.plan, forecast.spent
    candidates = sum(plan.cohorts)
    judged = f", judge {forecast.judge_calls}" if forecast.judge_calls else ""
    span = ""
    if forecast.fewest_tokens < forecast.most_tokens:
        tokens = f"{forecast.fewest_tokens} to {forecast.most_tokens}"
        span = f"; it may be {tokens}, by how long the prompts are that win"
    console.print(
        Text(
            f"{_caps(forecast.caps)}At most {forecast.most_calls} calls: "
            f"search {plan.search_calls + plan.repeat_calls} (about {candidates} prompts "
            f"besides yours), proof {plan.proof_calls} ({plan.proof_rows} test rows, two calls each){judged}.\n"
            f"About {spent.amount.tokens} tokens, {_usd(spent.cost_usd)}, in {spent.calls} calls{span}.\n"
            f"With {plan.proof_rows} test rows, a true gain of {forecast.smallest_difference:.3f} is proven in four "
            "runs of five; a smaller one is likely to be missed. Nothing was called."
        ),
    )
    for notice in forecast.notices:
        console.print(Text(notice, style="yellow"))


def _caps(caps: Caps) -> str:
    """The caps besides that of calls, where there are any."""
    given = [
        *([f"{caps.tokens} tokens"] if caps.tokens is not None else []),
        *([f"${caps.usd:g}"] if caps.usd is not None else []),
        *([f"{caps.seconds:g} s"] if caps.seconds is not None else []),
    ]
    timeless = " How long the calls take is not forecast." if caps.seconds is not None else ""
    return f"Capped at {', '.join(given)}: the search ends where they would be exceeded.{timeless}\n" if given else ""


def print_evaluation(console: Console, result: Mapping[str, Any]) -> None:
    """The result of `whet evaluate`."""
    score = result["score"]
    missing = f", {result['missing']} missing" if result["missing"] else ""
    console.print(
        Text(
            f"{result['metric']} on {result['split']}: {score['mean']:.3f}  (95 % interval {score['low']:.3f} to "
            f"{score['high']:.3f}, {result['n']} rows{missing})"
        ),
        style="bold",
    )
    if result["slices"]:
        table = Table()
        for column in ("slice", "n", "score", "95 % interval"):
            table.add_column(column, justify="left" if column == "slice" else "right")
        for part in result["slices"]:
            found = part["score"]
            table.add_row(
                Text(f"{part['column']} = {part['value']}"),
                str(part["n"]),
                f"{found['mean']:.3f}",
                f"{found['low']:.3f} to {found['high']:.3f}",
            )
        console.print(table)
    print_judge(console, result)
    print_problems(console, result)
    print_model(console, result)
    if result["look"] is not None:
        console.print(Text(f"This is look {result['look']} at this test split; each one raises the bar for a proof."))
    spent = result["spent"]
    console.print(
        Text(f"Spent {spent['calls']} calls{_cached(spent)}; {spent['ledger_hits']} free replies from the ledger."),
    )
    print_roles(console, spent)
