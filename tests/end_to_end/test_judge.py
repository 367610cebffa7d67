"""A judge on the command line: two models at two endpoints, one budget, and what people think of the judge."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.test_secrets import places_with_the_key
from tests.endpoints.judges import part, verdict
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json, Reply

KEYS = {"MY_KEY": "sk-planted-task-0123456789", "JUDGE_KEY": "sk-planted-judge-0123456789"}
LABELS = 56


def grade(messages: list[Json], body: Json) -> Reply:
    """Passes what is expected; says its reason as judges do."""
    right = part(messages, "reply").strip(" .").casefold() == part(messages, "expected")
    return Reply(text=verdict("pass" if right else "fail", "It names the team." if right else "Another team."))


def write_labels(path: Path, count: int) -> None:
    """Replies that people have graded, of which every tenth differs from what the judge will say."""
    teams = list(tickets.WORDS)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "team", "reply", "score"])
        for number, row in enumerate(tickets.rows(count, seed=7)):
            reply = row["team"] if number % 2 else teams[(teams.index(row["team"]) + 1) % 3]
            writer.writerow(
                [row["message"], row["team"], reply, "pass" if bool(number % 2) != (number % 10 == 3) else 0]
            )


@contextmanager
def endpoints() -> Iterator[tuple[LocalEndpoint, LocalEndpoint]]:
    judging = LocalEndpoint(grade, models=("judge",), key=KEYS["JUDGE_KEY"], bodies_kept=10_000)
    with tickets.endpoint(key=KEYS["MY_KEY"]).in_thread() as answering, judging.in_thread():
        yield answering, judging


def task(answering: LocalEndpoint, judging: LocalEndpoint, **fields: Any) -> Json:
    plain = tickets.task(answering.url, budget={"calls": 420}, seed=3)
    return {
        **plain,
        "model": {**plain["model"], "api_key_env": "MY_KEY"},
        "judge_model": {
            "name": "hosted_vllm/judge", "api_base": judging.url, "identity": "judges", "api_key_env": "JUDGE_KEY",
        },
        "metric": {"name": "judge", "rubric": "It names the right team.", "human_labels": "labels.csv"},
        **fields,
    }  # fmt: skip


@pytest.mark.slow
def test_a_judge_scores_a_search_a_proof_and_an_evaluation(workplace: Workplace) -> None:
    write_labels(workplace.folder / "labels.csv", LABELS)
    whet = replace(workplace, environment=KEYS)
    with endpoints() as (answering, judging):
        whet.write_task(task(answering, judging))
        forecast = whet.run("optimize", "task.yaml", "--dry-run").out
        assert (answering.requests, judging.requests) == (0, 0)
        expected = int(re.findall(r"in (\d+) calls", forecast)[0])

        finished = whet.run("optimize", "task.yaml", "--json", "result.json")
        result = json.loads((whet.folder / "result.json").read_bytes())
        spent = result["spent"]
        assert (answering.answered, judging.answered) == tuple(spent["by_role"][r]["calls"] for r in ("task", "judge"))
        assert answering.answered_again == judging.answered_again == 0
        assert spent["calls"] == answering.answered + judging.answered <= 420
        assert spent["by_phase"]["agreement"] == LABELS
        assert expected == pytest.approx(spent["calls"], rel=0.5)
        for body in judging.bodies:
            assert body["response_format"]["json_schema"]["schema"]["properties"]["grade"]["enum"] == ["fail", "pass"]
            assert body["temperature"] == 0

        agreement = result["judge"]["agreement"]
        assert (agreement["n"], agreement["enough"]) == (LABELS, True)
        assert agreement["same"]["mean"] == pytest.approx(1 - 6 / LABELS)
        assert agreement["kappa"]["low"] < agreement["kappa"]["mean"] < agreement["kappa"]["high"]
        assert f"the judge agrees with 89% of {LABELS} human labels, kappa 0." in " ".join(finished.out.split())
        assert "By model: task " in finished.out
        assert places_with_the_key_of_either(whet.folder) == []

        if result["decision"] == "promote":
            pulled = json.loads(whet.run("pull", "support-triage", "--format", "messages").out)
            assert pulled["digest"] == result["winner"]["digest"]
        before = (answering.answered, judging.answered)
        assert whet.optimize() == result
        assert (answering.answered, judging.answered) == before

        whet.run("evaluate", "task.yaml", "--split", "test", "--json", "evaluation.json")
        evaluation = json.loads((whet.folder / "evaluation.json").read_bytes())
        assert evaluation["judge"] == result["judge"]
        assert evaluation["score"]["mean"] == pytest.approx(result["evidence"]["baseline"]["mean"], abs=0.2)
        assert evaluation["spent"]["calls"] == answering.answered + judging.answered - sum(before)
        assert "Graded by hosted_vllm/judge; the judge agrees" in whet.run("evaluate", "task.yaml").out


def places_with_the_key_of_either(folder: Path) -> list[str]:
    return [path for key in KEYS.values() for path in places_with_the_key(folder, key)]


@pytest.mark.slow
def test_a_judge_whom_nobody_checked_promotes_nothing(workplace: Workplace) -> None:
    write_labels(workplace.folder / "labels.csv", 20)
    whet = replace(workplace, environment=KEYS)
    with endpoints() as (answering, judging):
        whet.write_task(task(answering, judging, prompt={"instruction": "Say something."}))
        finished = whet.run("optimize", "task.yaml", "--json", "result.json")
        result = json.loads((whet.folder / "result.json").read_bytes())
    assert "There are 20 human labels for the judge." in finished.err
    assert result["decision"] == "keep_baseline"
    assert result["evidence"]["decisive"]["low"] > 0
    assert "its agreement is known on 20 human labels; a proof needs 50, so your prompt stays" in result["why"]
    assert result["winner"]["version"] is None


@pytest.mark.slow
def test_a_refused_key_names_the_judge_s_endpoint(workplace: Workplace) -> None:
    write_labels(workplace.folder / "labels.csv", LABELS)
    with endpoints() as (answering, judging):
        whet = replace(workplace, environment={**KEYS, "JUDGE_KEY": "sk-planted-wrong-0123456789"})
        whet.write_task(task(answering, judging))
        said = whet.run("optimize", "task.yaml", code=3).err
        assert f"{judging.url} answered 401" in said
        whet = replace(workplace, environment={"MY_KEY": KEYS["MY_KEY"]})
        assert (
            "judge_model.api_key_env names JUDGE_KEY, which is not set" in whet.run("optimize", "task.yaml", code=2).err
        )
    assert places_with_the_key(workplace.folder, "sk-planted-wrong-0123456789") == []


def test_an_evaluation_that_the_budget_does_not_pay_for_says_what_it_takes(workplace: Workplace) -> None:
    write_labels(workplace.folder / "labels.csv", LABELS)
    with endpoints() as (answering, judging):
        whet = replace(workplace, environment=KEYS)
        whet.write_task(task(answering, judging, budget={"calls": 100}))
        said = whet.run("evaluate", "task.yaml", code=4).err
        assert f"--budget-calls {2 * 36 + LABELS}" in said
        assert (answering.requests, judging.requests) == (0, 0)
