"""What a result says, also when there is little to say: no proof, no price, no winner but the baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from benchmarks.budget import Budget, Caps, Charge
from benchmarks.evaluation.rollout import Rollout
from benchmarks.models.connect import Endpoint
from benchmarks.tasks.task import Task
from optimizers.optimization import KEEP_BASELINE, PROMOTE, Outcome
from optimizers.placing import FEWEST_ROWS
from service.result import PHASES, evidence_json, model_json, per_1000_requests, result_json, spent_json
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, of_quality


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(labelled_rows(90))


def outcome(task: Task, *, baseline: float, others: float) -> Outcome:
    """What comes of a job in which the baseline is right on a share of the rows, and every other prompt on another."""
    respond = of_quality(task, lambda prompt: baseline if prompt == task.baseline.digest else others)
    return Job(task=task, caps=Caps(calls=200)).run(Respondent(respond=respond)).outcome


def result(found: Outcome, *, winner_version: int | None) -> dict[str, Any]:
    return result_json(
        found,
        optimization_id="opt-1",
        task="job",
        endpoint=Endpoint(name="scripted"),
        dataset_digest="d",
        seed=0,
        budget=Budget(Caps(calls=200)),
        seconds=1.23456,
        winner_version=winner_version,
        baseline_version=1,
        problems={},
    )


def test_a_proven_winner_stands_beside_the_baseline(task: Task) -> None:
    found = result(outcome(task, baseline=0.2, others=0.95), winner_version=2)
    assert found["decision"] == PROMOTE
    assert (found["baseline"]["version"], found["winner"]["version"]) == (1, 2)
    assert found["baseline"]["digest"] == task.baseline.digest != found["winner"]["digest"]
    assert found["evidence"]["decisive"]["low"] > 0


def test_it_says_which_model_answered_and_whether_that_is_the_toy(task: Task) -> None:
    found = outcome(task, baseline=0.2, others=0.95)
    assert result(found, winner_version=2)["model"] == {"name": "scripted", "toy": False}
    assert model_json(Endpoint(name="tiny")) == {"name": "tiny", "toy": True}
    assert model_json(Endpoint(name="tiny", api_base="http://h/v1"))["toy"] is False


def test_it_says_where_the_baseline_stands_among_prompts_drawn_at_random(task: Task) -> None:
    for baseline, others, ahead in ((1.0, 0.0, True), (0.0, 1.0, False)):
        ended = outcome(task, baseline=baseline, others=others)
        assert ended.placing is not None
        told = replace(ended, placing=replace(ended.placing, rows=FEWEST_ROWS))
        placing = result(told, winner_version=None)["placing"]
        assert set(placing) == {"ahead", "level", "prompts", "rows"}
        assert (placing["ahead"], placing["level"]) == (placing["prompts"] if ahead else 0, 0)
        assert placing["prompts"] > 0


def test_by_a_few_rows_it_says_nothing_of_where_the_baseline_stands(task: Task) -> None:
    ended = outcome(task, baseline=1.0, others=0.0)
    assert ended.placing is not None
    few = replace(ended, placing=replace(ended.placing, rows=FEWEST_ROWS - 1))
    assert result(few, winner_version=None)["placing"] is None


def test_a_baseline_that_nothing_beats_is_its_own_winner_with_a_difference_of_zero(task: Task) -> None:
    found = result(outcome(task, baseline=1.0, others=0.3), winner_version=1)
    assert found["decision"] == KEEP_BASELINE
    assert found["winner"] == found["baseline"]
    evidence = found["evidence"]
    assert evidence["winner"] == evidence["baseline"]
    assert [evidence["difference"][name] for name in ("mean", "low", "high", "p")] == [0.0, 0.0, 0.0, 1.0]
    assert evidence["difference"]["test"].startswith("none")
    assert evidence["decisive"] is None


def test_a_winner_that_is_not_proven_has_no_version(task: Task) -> None:
    found = result(outcome(task, baseline=0.6, others=0.7), winner_version=None)
    assert found["decision"] == KEEP_BASELINE
    assert found["winner"]["digest"] != found["baseline"]["digest"]
    assert found["winner"]["version"] is None
    assert found["evidence"]["decisive"]["low"] <= 0


def test_it_has_the_front_and_what_mattered(task: Task) -> None:
    outcome_of = outcome(task, baseline=0.2, others=0.95)
    found = result(outcome_of, winner_version=2)
    assert found["front"][0]["prompt"]["digest"] == found["winner"]["digest"]
    assert found["front"][0]["words"] == "the winner"
    assert len(found["mattered"]["ablation"]) == len(outcome_of.parts)
    assert found["mattered"]["words"]


def test_it_keeps_the_best_of_those_that_lost(task: Task) -> None:
    for baseline, others in ((0.2, 0.95), (1.0, 0.3)):
        found = outcome(task, baseline=baseline, others=others)
        kept = result(found, winner_version=None)["runners_up"]
        expected = {s.candidate.prompt.digest: s for s in found.standings if s.scored}
        assert 0 < len(kept) == min(4, len(expected.keys() - {found.winner.prompt.digest, task.baseline.digest}))
        digests = [one["prompt"]["digest"] for one in kept]
        assert not {found.winner.prompt.digest, task.baseline.digest} & set(digests)
        assert len(set(digests)) == len(digests)
        assert [(one["score"], one["n"]) for one in kept] == [(expected[d].mean, expected[d].scored) for d in digests]
        best = [expected[digest].expected for digest in digests]
        assert best == sorted(best, reverse=True)


def test_every_result_can_be_written_as_json_and_read_back(task: Task) -> None:
    for shares in ((0.2, 0.95), (1.0, 0.3)):
        found = result(outcome(task, baseline=shares[0], others=shares[1]), winner_version=None)
        assert orjson.loads(orjson.dumps(found)) == found


def test_a_proof_that_was_not_finished_is_no_evidence() -> None:
    assert evidence_json(None) is None


def rollout(cost_usd: float | None) -> Rollout:
    return Rollout(
        prompt_digest="p", example_id="e", score=1.0, prompt_tokens=100, completion_tokens=5, cost_usd=cost_usd
    )


@pytest.mark.parametrize(
    ("costs", "cost_usd"), [([0.002, 0.004], pytest.approx(3.0)), ([0.002, None], None), ([0.0, 0.0], 0.0)]
)
def test_a_thousand_requests_cost_the_mean_and_nothing_is_made_up(costs: list[float | None], cost_usd: object) -> None:
    took = per_1000_requests([rollout(cost) for cost in costs])
    assert took == {"prompt_tokens": 100_000, "completion_tokens": 5_000, "cost_usd": cost_usd}


def test_calls_are_counted_by_phase_and_an_unknown_price_is_null() -> None:
    budget = Budget(Caps(calls=10))
    for phase, charge in [
        ("headroom", Charge(calls=2, prompt_tokens=20)),
        ("proof", Charge(calls=3, ledger_hits=1, completion_tokens=7, cost_usd=None)),
    ]:
        budget.phase = phase
        budget.charge(charge)
    assert spent_json(budget, 1.23456) == {
        "calls": 5,
        "lost_calls": 0,
        "ledger_hits": 1,
        "prompt_tokens": 20,
        "completion_tokens": 7,
        "cached_tokens": 0,
        "cached_share": None,
        "server_cached_share": None,
        "usd": None,
        "seconds": 1.235,
        "by_phase": dict.fromkeys(PHASES, 0) | {"headroom": 2, "proof": 3},
        "by_role": {"task": {"calls": 5, "tokens": 27, "usd": None}},
    }
