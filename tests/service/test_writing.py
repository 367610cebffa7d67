"""How often the proposer model failed, and why, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optimizers.journal import MemoryJournal
from optimizers.optimization import KEEP_BASELINE, Outcome
from optimizers.plan import make_plan
from optimizers.study import Candidate
from service.writing import proposer_json
from tests.endpoints.jobs import labelled_rows, make_task

LOCAL = {"name": "hosted_vllm/local", "api_base": "http://127.0.0.1:9/v1"}
WRITER = {"name": "hosted_vllm/writer", "api_base": "http://127.0.0.1:9/v1"}
TASK = make_task(labelled_rows(60), model=LOCAL, proposer_model=WRITER)
PLAN = make_plan(calls=900, validation_rows=24, test_rows=24, space_size=100, instructions=8, repeats=1)
DOWN = (
    "http://127.0.0.1:9/v1 answered 500: sk-planted, the server had an error. No answer for 10 min. Nothing that was "
    "paid for is lost: run the same command again once the endpoint answers."
)


def told(refused: Mapping[str, int], facts: Mapping[str, Any]) -> dict[str, Any] | None:
    journal = MemoryJournal()
    for point, fact in facts.items():
        journal.record(point, fact)
    baseline = Candidate(trial=0, prompt=TASK.baseline, choices=None)
    outcome = Outcome(
        decision=KEEP_BASELINE, why="", winner=baseline, baseline=baseline, proof=None, headroom=None, placing=None,
        standings=(), trials=1, refused=refused,
    )  # fmt: skip
    return proposer_json(TASK, outcome, PLAN, journal)


def test_what_failed_is_counted_by_reason_without_what_the_endpoint_said() -> None:
    facts = {
        "round 1": {"missing": {"6": ["server_error", 0], "7": ["timeout", 1]}, "elapsed_s": 1.0},
        "round 2": {"given_up": DOWN, "asked": 8, "charge": {}, "elapsed_s": 2.0},
    }
    found = told({"no reply": 11, "cut off": 2, "known already": 5}, facts)
    assert found == {
        "name": "hosted_vllm/writer",
        "failed": 13,
        "reasons": {
            "http://127.0.0.1:9/v1 answered 500": 8, "cut off": 2, "server error": 1, "timeout": 1, "no reply": 1,
        },
        "words": "The proposer model hosted_vllm/writer failed 13 times: http://127.0.0.1:9/v1 answered 500 (8), cut "
        "off (2), server error (1). The search went on without what it should have written.",
    }  # fmt: skip


def test_what_was_refused_for_its_words_or_not_paid_is_no_failure() -> None:
    unpaid = {"round 1": {"missing": {"0": ["unaffordable", 0]}, "elapsed_s": 1.0}}
    found = told({"no reply": 1, "known already": 5, "constraints": 1}, unpaid)
    assert found == {"name": "hosted_vllm/writer", "failed": 0, "reasons": {}, "words": None}


def test_one_failure_is_told_in_the_singular() -> None:
    assert "failed once: not in the form asked for (1)." in (told({"not in the form asked for": 1}, {}) or {})["words"]
