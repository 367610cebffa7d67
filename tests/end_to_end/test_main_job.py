"""The main job: somebody's own CSV, one command, a result that holds together, and the same again for nothing."""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from service.cli.card import print_card
from tests.end_to_end.conftest import MainJob

PHASES = ["headroom", "search", "finalists", "report", "proof"]
PROMPT = {"digest", "version", "messages", "variables", "parameters", "reply_format", "factors"}
FACTORS = {
    "instruction",
    "instruction_source",
    "demonstrations",
    "demonstration_ids",
    "demonstration_style",
    "demonstration_selector",
    "delimiters",
    "placement",
    "answer_marker",
    "reasoning",
}
SPENT = {
    "lost_calls",
    "calls", "ledger_hits", "prompt_tokens", "completion_tokens", "cached_tokens", "cached_share",
    "server_cached_share", "usd", "seconds", "by_phase", "by_role",
}  # fmt: skip


def intervals(evidence: dict[str, Any]) -> list[dict[str, Any]]:
    return [evidence["winner"], evidence["baseline"], evidence["difference"]]


def test_the_result_has_the_documented_fields(main_job: MainJob) -> None:
    result = main_job.result
    assert set(result) == {
        "optimization_id", "task", "model", "dataset_digest", "seed", "decision", "why", "winner", "baseline",
        "runners_up", "earlier", "evidence", "headroom", "placing", "spent", "trials", "problems", "judge", "front",
        "cheaper", "mattered", "written", "refused", "proposer", "overtaken",
    }  # fmt: skip
    assert set(result["winner"]) == set(result["baseline"]) == PROMPT
    assert set(result["winner"]["factors"]) == set(result["baseline"]["factors"]) == FACTORS
    assert set(result["spent"]) == SPENT
    assert list(result["spent"]["by_phase"]) == PHASES
    assert set(result["model"]) == {"name", "toy"}
    evidence = result["evidence"]
    assert set(evidence) == {
        "method", "split", "n", "planned", "missing", "winner", "baseline", "difference", "decisive", "slices",
        "per_1000_requests",
    }  # fmt: skip
    assert set(evidence["winner"]) == set(evidence["baseline"]) == {"mean", "low", "high"}
    assert set(evidence["difference"]) == {"mean", "low", "high", "p", "test"}
    assert set(evidence["decisive"]) == {"mean", "low", "high", "p", "test", "level", "look"}


def test_the_result_says_what_was_run(main_job: MainJob) -> None:
    result = main_job.result
    assert re.fullmatch(r"opt-[0-9a-f]{12}", result["optimization_id"])
    assert re.fullmatch(r"[0-9a-f]{64}", result["dataset_digest"])
    assert (result["task"], result["seed"]) == ("support-triage", 0)
    assert result["model"] == {"name": "hosted_vllm/local", "toy": False}
    assert result["baseline"]["factors"]["instruction"] == main_job.task["prompt"]["instruction"]
    assert result["baseline"]["messages"][0]["content"] == main_job.task["prompt"]["instruction"]
    assert (result["baseline"]["version"], result["winner"]["version"]) == (1, 2)


def test_the_decision_follows_from_the_evidence(main_job: MainJob) -> None:
    result, evidence = main_job.result, main_job.result["evidence"]
    assert result["decision"] == "promote"
    assert evidence["decisive"]["low"] > 0
    assert evidence["decisive"]["look"] == 1
    assert evidence["decisive"]["level"] == pytest.approx(1 - 0.05 * 6 / math.pi**2)
    assert f"{evidence['decisive']['low']:+.3f}" in result["why"]
    assert (evidence["split"], evidence["n"], evidence["missing"]) == ("test", 36, 0)
    for interval in [*intervals(evidence), evidence["decisive"]]:
        assert interval["low"] <= interval["mean"] <= interval["high"]
    assert evidence["difference"]["mean"] == pytest.approx(evidence["winner"]["mean"] - evidence["baseline"]["mean"])
    assert evidence["decisive"]["low"] < evidence["difference"]["low"]
    assert evidence["difference"]["p"] < 0.05


def test_the_slices_add_up_to_the_whole(main_job: MainJob) -> None:
    evidence = main_job.result["evidence"]
    parts = evidence["slices"]
    assert [(part["column"], part["value"]) for part in parts] == [("channel", "chat"), ("channel", "mail")]
    assert sum(part["n"] for part in parts) == evidence["n"]
    for arm in ("winner", "baseline"):
        right = sum(part[arm] * part["n"] for part in parts)
        assert right / evidence["n"] == pytest.approx(evidence[arm]["mean"])


def test_by_so_few_rows_the_prompt_of_the_task_is_not_placed_among_others(main_job: MainJob) -> None:
    assert main_job.result["placing"] is None
    assert "drawn at random" not in main_job.finished.out


def test_what_was_spent_is_what_the_endpoint_saw_and_within_the_budget(main_job: MainJob) -> None:
    spent = main_job.result["spent"]
    assert spent["calls"] == main_job.requests == main_job.answered <= main_job.task["budget"]["calls"]
    assert sum(spent["by_phase"].values()) == spent["calls"]
    assert spent["by_phase"]["proof"] == 2 * main_job.result["evidence"]["n"]
    assert spent["ledger_hits"] == 0
    assert main_job.answered_again == 0
    assert main_job.endpoint.max_in_flight <= 16


def test_the_card_breaks_lines_between_words_at_the_width_of_the_terminal(main_job: MainJob) -> None:
    """Besides the prompt, which stands as it is, and a command to be copied."""
    narrow = replace(main_job.workplace, environment={"COLUMNS": "80"})
    lines = narrow.run("optimize", "task.yaml").out.splitlines()
    assert max(len(line) for line in lines if not line.startswith("│ ") and "whet pull" not in line) <= 80
    spent = next(line for line in main_job.finished.out.splitlines() if line.startswith("Spent "))
    begins = next(number for number, line in enumerate(lines) if line.startswith("Spent "))
    assert " ".join(lines[begins:]).split()[: len(spent.split())] == spent.split()


def test_the_card_says_why_another_prompt_led_and_that_the_proposer_failed(main_job: MainJob) -> None:
    said = {
        "overtaken": "While the search ran, another prompt led.",
        "proposer": {"words": "The proposer failed once."},
    }
    for changed, shown in (({}, False), (said, True)):
        console = Console(file=io.StringIO(), width=200)
        print_card(console, {**main_job.result, **changed}, where=".whet")
        assert isinstance(console.file, io.StringIO)
        card = console.file.getvalue()
        assert ("\nWhile the search ran, another prompt led.\n" in card) == shown
        assert ("\nThe proposer failed once.\n" in card) == shown


def test_a_placing_by_a_few_rows_of_an_earlier_version_is_not_shown(main_job: MainJob) -> None:
    for rows, shown in ((1, False), (10, True)):
        console = Console(file=io.StringIO(), width=200)
        placing = {"ahead": 3, "level": 0, "prompts": 16, "rows": rows}
        print_card(console, {**main_job.result, "placing": placing}, where=".whet")
        assert isinstance(console.file, io.StringIO)
        assert ("Your prompt was ahead of 3 of 16 prompts drawn at random" in console.file.getvalue()) == shown


def test_the_card_shows_the_numbers_of_the_result(main_job: MainJob) -> None:
    card, result = main_job.finished.out, main_job.result
    evidence, spent = result["evidence"], result["spent"]
    assert "A better prompt, proven" in card
    assert result["why"] in card
    assert "36 test rows that the search never saw" in card
    for interval, sign in zip(intervals(evidence), ["", "", "+"], strict=True):
        assert f"{interval['mean']:{sign}.3f}" in card
        assert f"{interval['low']:{sign}.3f} to {interval['high']:{sign}.3f}" in card
    assert f"p = {evidence['difference']['p']:.2g}" in card
    assert evidence["difference"]["test"] in card
    assert "channel = chat" in card
    assert "toy" not in card
    assert f"{spent['calls']} calls" in card
    assert f"{spent['prompt_tokens']} + {spent['completion_tokens']} tokens" in card
    assert f"{result['trials']} prompts tried" in card
    for message in result["winner"]["messages"]:
        for line in message["content"].split("\n"):
            assert f"│ {line}" in card
    assert f".whet as {result['optimization_id']}" in card
    assert "Pull it: whet pull support-triage@2\n" in card


def test_the_same_command_again_prints_the_same_without_a_call(main_job: MainJob) -> None:
    before = main_job.endpoint.requests
    again = main_job.workplace.run("optimize", "task.yaml", "--json", "again.json")
    assert again.out == main_job.finished.out
    assert json.loads((main_job.workplace.folder / "again.json").read_bytes()) == main_job.result
    assert "is finished; this is its result. --fresh asks everything anew." in again.err
    assert main_job.endpoint.requests == before
