"""`whet evaluate`: a prompt's score on a split, with interval, slices and the count of looks at test."""

from __future__ import annotations

import json
import math
import shutil
import signal
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.endpoints.faults import Fault


@pytest.fixture
def copied(main_job: MainJob, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """The workplace after the main job, with a home of its own."""
    folder = tmp_path_factory.mktemp("copied") / "workplace"
    shutil.copytree(main_job.workplace.folder, folder)
    return replace(main_job.workplace, folder=folder)


def evaluate(workplace: Workplace, *arguments: str) -> dict[str, Any]:
    finished = workplace.run("evaluate", "task.yaml", "--json", "-", *arguments)
    result: dict[str, Any] = json.loads(finished.out)
    return result


def test_the_task_s_own_prompt_is_scored_by_default(main_job: MainJob, copied: Workplace) -> None:
    finished = copied.run("evaluate", "task.yaml", "--json", "evaluation.json")
    result = json.loads((copied.folder / "evaluation.json").read_bytes())
    score = result["score"]
    assert result["prompt_digest"] == main_job.result["baseline"]["digest"]
    assert (result["task"], result["split"], result["metric"], result["n"]) == (
        "support-triage", "validation", "accuracy", 36,
    )  # fmt: skip
    assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 1
    shown = f"accuracy on validation: {score['mean']:.3f}  (95 % interval {score['low']:.3f} to {score['high']:.3f}"
    assert shown in finished.out
    assert [(part["column"], part["value"]) for part in result["slices"]] == [("channel", "chat"), ("channel", "mail")]
    assert sum(part["n"] * part["score"]["mean"] for part in result["slices"]) / 36 == pytest.approx(score["mean"])
    assert "channel = mail" in finished.out
    assert result["look"] is None


def test_replies_that_the_optimization_paid_for_are_free(main_job: MainJob, copied: Workplace) -> None:
    before = main_job.endpoint.requests
    first = evaluate(copied)
    asked = main_job.endpoint.requests - before
    assert first["spent"]["calls"] == asked < 36
    assert first["spent"]["ledger_hits"] == 36 - asked
    assert evaluate(copied)["spent"]["calls"] == 0


@pytest.mark.slow
def test_fresh_asks_everything_anew_and_what_it_was_answered_holds_from_then_on(
    main_job: MainJob, copied: Workplace
) -> None:
    before, runs = main_job.endpoint.requests, (("--fresh",), (), ("--budget-calls", "99"), ("--fresh",))
    assert [evaluate(copied, *arguments)["spent"]["calls"] for arguments in runs] == [36, 0, 0, 36]
    assert main_job.endpoint.requests - before == 72
    on_test = ("--split", "test", "--prompt", "support-triage@1")
    assert [evaluate(copied, *on_test, *more)["look"] for more in ((), ("--fresh",), ())] == [2, 3, 3]
    assert copied.optimize() == main_job.result


@pytest.mark.slow
def test_a_fresh_evaluation_that_was_interrupted_goes_on_without_fresh(
    main_job: MainJob, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("interrupted") / "workplace"
    shutil.copytree(main_job.workplace.folder, folder)
    workplace = replace(main_job.workplace, folder=folder)
    with tickets.endpoint(lambda _: Fault(delay_s=0.3)).in_thread() as slow:
        model = {**main_job.task["model"], "api_base": slow.url, "max_concurrency": 4}
        workplace.write_task({**main_job.task, "model": model})
        running = workplace.start("evaluate", "task.yaml", "--fresh")
        until = time.monotonic() + 60
        while slow.requests < 10 and time.monotonic() < until:
            time.sleep(0.02)
        running.signal(signal.SIGINT)
        finished = running.finished()
        assert (finished.code, "--fresh" in finished.err.partition("to go on, run:")[2]) == (130, False)
        assert 10 <= slow.answered < 36
        kept = slow.answered
        assert evaluate(workplace)["spent"]["ledger_hits"] == kept
        assert (slow.answered, slow.answered_again) == (36, 0)


@pytest.mark.parametrize("arm", ["winner", "baseline"])
def test_on_test_it_repeats_what_the_proof_found(main_job: MainJob, copied: Workplace, arm: str) -> None:
    reference = f"support-triage@{main_job.result[arm]['version']}"
    result = evaluate(copied, "--split", "test", "--prompt", reference)
    assert result["prompt_digest"] == main_job.result[arm]["digest"]
    assert result["score"] == main_job.result["evidence"][arm]
    assert result["spent"]["calls"] == 0
    assert result["per_1000_requests"] == main_job.result["evidence"]["per_1000_requests"][arm]


def test_a_pulled_file_is_scored_as_the_prompt_it_holds(main_job: MainJob, copied: Workplace) -> None:
    copied.run("pull", "support-triage", "-o", "prompt.json")
    result = evaluate(copied, "--split", "test", "--prompt", "prompt.json")
    assert result["prompt_digest"] == main_job.result["winner"]["digest"]
    assert result["score"] == main_job.result["evidence"]["winner"]


def test_a_file_edited_by_hand_is_a_prompt_of_its_own_once_its_digest_is_gone(copied: Workplace) -> None:
    copied.run("pull", "support-triage", "-o", "prompt.json")
    path = copied.folder / "prompt.json"
    prompt = json.loads(path.read_bytes())
    prompt["messages"][0]["content"] += " Be quick."
    path.write_text(json.dumps(prompt))
    refused = copied.run("evaluate", "task.yaml", "--prompt", "prompt.json", code=2)
    assert "it was edited. Remove the digest" in refused.err
    digest = prompt.pop("digest")
    path.write_text(json.dumps(prompt))
    assert evaluate(copied, "--prompt", "prompt.json")["prompt_digest"] != digest


def test_every_new_prompt_on_test_is_a_look_and_raises_the_bar(copied: Workplace) -> None:
    prompt = {"messages": [{"role": "user", "content": "Answer only orders. {{message}}"}]}
    (copied.folder / "prompt.json").write_text(json.dumps(prompt))
    arguments = ("--split", "test", "--prompt")
    looks = [evaluate(copied, *arguments, name)["look"] for name in ("support-triage@1", "prompt.json")]
    assert looks == [2, 3]
    printed = copied.run("evaluate", "task.yaml", "--split", "test").out
    assert "This is look 2 at this test split" in printed
    assert "look" not in copied.run("evaluate", "task.yaml").out
    decisive = copied.optimize("--fresh")["evidence"]["decisive"]
    assert (decisive["look"], decisive["level"]) == (4, pytest.approx(1 - 0.05 * 6 / (math.pi**2 * 4**2)))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--split", "train"), 2, "There is no split 'train' to evaluate on; choose validation or test."),
        (("--prompt", "nobody"), 2, "holds no prompt 'nobody'. It holds: support-triage."),
        (("--prompt", "task.yaml"), 2, "Not a prompt: expected messages"),
        (("--prompt", "tickets.csv"), 2, "tickets.csv is no prompt file"),
        (
            ("--budget-calls", "35"),
            4,
            "has 36 rows, which may take 36 calls, and the budget 35. Nothing was spent. Give at least",
        ),
    ],
)
def test_a_mistake_is_explained_and_costs_nothing(
    main_job: MainJob, arguments: tuple[str, ...], code: int, message: str
) -> None:
    before = main_job.endpoint.requests
    assert message in main_job.workplace.run("evaluate", "task.yaml", *arguments, code=code).err
    assert main_job.endpoint.requests == before
