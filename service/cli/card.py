"""The result card, and the other things that commands print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from benchmarks.budget import Caps
from service import words
from service.cli.findings import print_front, print_mattered, table
from service.forecast import Forecast
from service.result import TOY
from service.words import cached, usd


def print_card(console: Console, result: Mapping[str, Any], *, where: str) -> None:
    """The result of an optimization, and how to get at the prompt that is kept in `where`."""
    promoted, same = words.promoted(result), words.same_prompt(result)
    winner, baseline = result["winner"], result["baseline"]
    title, colour = words.title(result), "green" if promoted else "yellow"
    console.print()
    console.print(Panel(Text(result["why"]), title=f"[bold]{title}", border_style=colour))
    evidence = result["evidence"]
    if evidence is not None:
        console.print(table(words.scores(evidence, same=same)))
        if not same:
            console.print(Text(words.difference(evidence["difference"]), style="bold"))
        if evidence["slices"]:
            console.print(table(words.slices(evidence["slices"], same=same)))
    _say(console, result.get("overtaken"), words.earlier(result))
    print_front(console, result)
    print_mattered(console, result)
    _say(console, words.placing(result), words.spent(result))
    print_roles(console, result["spent"])
    print_judge(console, result)
    print_problems(console, result)
    print_proposer(console, result)
    print_model(console, result)
    console.print(Text(f"\n{words.name_of_prompt(result)}", style="bold"))
    console.print(Text(words.about_prompt(winner)))
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


def _say(console: Console, *sentences: str | None) -> None:
    for sentence in filter(None, sentences):
        console.print(Text(sentence))


def print_model(console: Console, result: Mapping[str, Any]) -> None:
    """That the scores are a toy's, if they are."""
    if result["model"]["toy"]:
        console.print(Text(TOY, style="yellow"))


def print_judge(console: Console, result: Mapping[str, Any]) -> None:
    """How far the judge agrees with people."""
    _say(console, words.judged_by(result))


def print_roles(console: Console, spent: Mapping[str, Any]) -> None:
    """What each model took, where there are several."""
    _say(console, words.by_model(spent))


def print_problems(console: Console, result: Mapping[str, Any]) -> None:
    """What went wrong with replies, if anything did."""
    _say(console, words.problems(result))


def print_proposer(console: Console, result: Mapping[str, Any]) -> None:
    """That the proposer model failed, if it did. Results of earlier versions know nothing of it."""
    proposer = result.get("proposer")
    if proposer is not None and proposer["words"]:
        console.print(Text(proposer["words"], style="yellow"))


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
            f"About {spent.amount.tokens} tokens, {usd(spent.cost_usd)}, in {spent.calls} calls{span}.\n"
            f"{_duration(forecast)}\n"
            f"With {plan.proof_rows} test rows, a true gain of {forecast.smallest_difference:.3f} is proven in four "
            "runs of five; a smaller one is likely to be missed. Nothing was called."
        ),
    )
    for notice in forecast.notices:
        console.print(Text(notice, style="yellow"))


def _duration(forecast: Forecast) -> str:
    found = forecast.duration
    return found.why if found.seconds is None else f"About {found.seconds:.3g} s or more. {found.why}"


def _caps(caps: Caps) -> str:
    """The caps besides that of calls, where there are any."""
    given = [
        *([f"{caps.tokens} tokens"] if caps.tokens is not None else []),
        *([f"${caps.usd:g}"] if caps.usd is not None else []),
        *([f"{caps.seconds:g} s"] if caps.seconds is not None else []),
    ]
    return f"Capped at {', '.join(given)}: the search ends where they would be exceeded.\n" if given else ""


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
        Text(f"Spent {spent['calls']} calls{cached(spent)}; {spent['ledger_hits']} free replies from the ledger."),
    )
    print_roles(console, spent)
