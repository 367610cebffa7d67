"""`whet ledger` on databases of both kinds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.ledger.sql import SqlLedger
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Usage
from service.home import open_home, utc_now
from tests.end_to_end.command import Workplace

LONG = "A reply of many words, \x00 and \u2028 among them. " * 100
OLD = datetime(2026, 1, 31, 18, tzinfo=UTC)


def entry(number: int, **fields: Any) -> Entry:
    usage = Usage(prompt_tokens=100, completion_tokens=5, cached_tokens=64, cost_usd=0.25)
    entry = Entry(
        key=bytes([number] * 32),
        reply=Completion(text=f"reply {number}", usage=usage, latency_s=0.5),
        occasion=Occasion(),
        model=ModelIdentity(endpoint="http://here/v1", model="small"),
        prompt_digest="p" * 64,
        example_id=f"row {number}",
    )
    return replace(entry, **fields)


@pytest.fixture
def filled(workplace: Workplace, home_environment: dict[str, str]) -> Workplace:
    """Three old rollouts, one of another model, one of another epoch; and a failure of just now."""
    refused = Failure(kind=FailureKind.CONTENT_FILTER, detail="not this", latency_s=0.125)
    old = [
        entry(1),
        entry(2, model=ModelIdentity(endpoint="there", model="large"), reply=Completion(text=LONG, usage=Usage())),
        entry(3, occasion=Occasion(epoch="0123/fresh-1"), repeat=2),
    ]
    home = open_home(home_environment)

    async def keep(rows: Sequence[Entry], at: datetime) -> None:
        ledger = SqlLedger(home.engine, lambda: at)
        for one in rows:
            await ledger.keep(one)
        await ledger.close()

    asyncio.run(keep(old, OLD))
    asyncio.run(keep([entry(4, reply=refused)], utc_now() - timedelta(hours=1)))
    home.engine.dispose()
    return replace(workplace, environment=home_environment)


def exported(workplace: Workplace, *arguments: str) -> list[dict[str, Any]]:
    # Not splitlines(), which takes U+2028 for the end of a line.
    lines = workplace.run("ledger", "export", "-", *arguments).out.split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def test_stats_count_by_model(filled: Workplace) -> None:
    stats = json.loads(filled.run("ledger", "stats", "--json").out)
    assert {name: stats[name] for name in ("rollouts", "failures", "prompt_tokens", "completion_tokens")} == {
        "rollouts": 4, "failures": 1, "prompt_tokens": 200, "completion_tokens": 10,
    }  # fmt: skip
    assert (stats["cost_usd"], stats["unpriced"]) == (0.5, 2)
    assert stats["oldest"] == "2026-01-31T18:00:00+00:00"
    assert [(one["model"], one["endpoint"], one["rollouts"]) for one in stats["models"]] == [
        ("small", "http://here/v1", 3), ("large", "there", 1),
    ]  # fmt: skip
    assert stats["size_bytes"] > 4096
    shown = filled.run("ledger", "stats").out
    assert "4 rollouts in " in shown
    assert "http://here/v1" in shown


def test_an_empty_ledger_is_nothing_to_worry_about(workplace: Workplace) -> None:
    assert "0 rollouts in .whet/whet.sqlite" in workplace.run("ledger", "stats").out
    assert json.loads(workplace.run("ledger", "stats", "--json").out)["models"] == []
    assert exported(workplace) == []
    assert "No rollouts may go." in workplace.run("ledger", "prune", "--epochs-only", "--yes").out


def test_export_writes_every_rollout_whole(filled: Workplace) -> None:
    first, second, third, fourth = exported(filled)
    assert first == {
        "key": "01" * 32, "project": "default", "epoch": "", "endpoint": "http://here/v1", "model": "small",
        "prompt_digest": "p" * 64, "example_id": "row 1", "repeat": 0, "reply": "reply 1", "truncated": False,
        "failure": None, "prompt_tokens": 100, "completion_tokens": 5, "cached_tokens": 64, "cost_usd": 0.25,
        "latency_s": 0.5, "created_at": "2026-01-31T18:00:00.000+00:00",
    }  # fmt: skip
    assert (second["reply"], second["cost_usd"]) == (LONG, None)
    assert (third["epoch"], third["repeat"]) == ("0123/fresh-1", 2)
    assert (fourth["reply"], fourth["failure"]) == (None, {"kind": "content_filter", "detail": "not this"})


def test_export_chooses_by_model_and_time_and_writes_files(filled: Workplace) -> None:
    assert [one["example_id"] for one in exported(filled, "--model", "small")] == ["row 1", "row 3", "row 4"]
    assert [one["example_id"] for one in exported(filled, "--since", "2026-01-31T18:00:01Z")] == ["row 4"]
    assert len(exported(filled, "--since", "2026-01-31")) == 4
    assert "1 rollouts exported" in filled.run("ledger", "export", "out.jsonl", "--model", "large").err
    assert json.loads((filled.folder / "out.jsonl").read_text())["model"] == "large"


def test_prune_only_says_what_would_go_until_it_is_told_to(filled: Workplace) -> None:
    expected = filled.run("ledger", "prune", "--older-than", "1d").out
    assert "3 rollouts may go" in expected
    assert "2 of them would be paid for again if the same is asked again (about $0.25, and 1 of unknown" in expected
    assert "Nothing was deleted. Add --yes" in expected
    assert len(exported(filled)) == 4
    assert "1 rollouts deleted" in filled.run("ledger", "prune", "--epochs-only", "--yes").out
    assert [one["example_id"] for one in exported(filled)] == ["row 1", "row 2", "row 4"]
    filled.run("ledger", "prune", "--older-than", "1d", "--model", "large", "--yes")
    assert [one["example_id"] for one in exported(filled)] == ["row 1", "row 4"]
    filled.run("ledger", "prune", "--older-than", "1w", "--yes")
    assert [one["example_id"] for one in exported(filled)] == ["row 4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prune",), "Say what may go: --older-than 90d, --epochs-only, or both."),
        (("prune", "--yes"), "Nothing was deleted."),
        (("prune", "--older-than", "90"), "a whole number of hours, days or weeks, as in 36h, 90d or 12w"),
        (("prune", "--older-than", "-3d"), "a whole number of hours, days or weeks"),
        (("prune", "--older-than", "999999w"), "--older-than 999999w: there was nothing so long ago"),
        (("prune", "--epochs-only", "--model", "x"), "The ledger holds nothing of a model 'x'; it holds: nothing."),
        (("export", "-", "--since", "yesterday"), "--since yesterday: write a date or a time, as in 2026-01-31"),
        (("export", "-", "--model", "x"), "The ledger holds nothing of a model 'x'"),
        (("export", "no/such/file"), "The export cannot be written to no/such/file: No such file or directory."),
    ],
)
def test_mistakes_are_named_with_the_remedy(workplace: Workplace, arguments: Sequence[str], message: str) -> None:
    finished = workplace.run("ledger", *arguments, code=2)
    assert message in finished.err
    assert finished.out == ""
