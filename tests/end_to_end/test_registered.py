"""Which prompts are registered, and where a label points, after each kind of decision."""

from __future__ import annotations

import json
from typing import Any

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.endpoints.local import LocalEndpoint


def pulled(workplace: Workplace, reference: str) -> Any:
    return json.loads(workplace.run("pull", reference).out)


def test_a_promotion_under_a_label_of_its_own_leaves_production_unset(main_job: MainJob, workplace: Workplace) -> None:
    workplace.write_task({**main_job.task, "promote": {"label": "staging"}})
    result = workplace.optimize()
    assert result["decision"] == "promote"
    assert pulled(workplace, "support-triage@staging")["digest"] == result["winner"]["digest"]
    refused = workplace.run("pull", "support-triage", code=2)
    assert "has no label 'production'; its labels: staging." in refused.err


def test_a_winner_that_is_never_promoted_is_registered_and_the_label_stays(
    main_job: MainJob, workplace: Workplace
) -> None:
    workplace.write_task({**main_job.task, "promote": {"when": "never"}})
    result = workplace.optimize()
    assert pulled(workplace, "support-triage@2")["digest"] == result["winner"]["digest"]
    assert pulled(workplace, "support-triage")["digest"] == result["baseline"]["digest"]


def test_a_baseline_that_stays_is_what_is_pulled(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    workplace.write_task(
        tickets.task(
            endpoint.url,
            candidates={"instructions": ["Say anything.", "Write a poem about {{message}}."]},
            search={"demonstrations": {"count": [0]}},
        )
    )
    finished = workplace.run("optimize", "task.yaml", "--json", "result.json")
    result = json.loads((workplace.folder / "result.json").read_bytes())
    assert result["decision"] == "keep_baseline"
    assert "Keep your prompt" in finished.out
    assert result["winner"]["version"] == result["baseline"]["version"] == 1
    assert pulled(workplace, "support-triage")["digest"] == result["baseline"]["digest"]
    assert result["spent"]["by_phase"]["proof"] == result["evidence"]["n"] == 36
    assert "Pull your prompt: whet pull support-triage@1\n" in finished.out


def test_a_second_optimization_adds_versions_and_a_proven_winner_replaces_the_last(
    main_job: MainJob, workplace: Workplace
) -> None:
    workplace.write_task(main_job.task)
    first = workplace.optimize()
    tickets.write_csv(workplace.folder / "tickets.csv", tickets.rows(120, seed=5))
    second = workplace.optimize()
    assert first["decision"] == second["decision"] == "promote"
    assert [first["baseline"]["version"], first["winner"]["version"]] == [1, 2]
    assert [second["baseline"]["version"], second["winner"]["version"]] == [1, 3]
    assert pulled(workplace, "support-triage")["digest"] == second["winner"]["digest"]
    assert pulled(workplace, "support-triage@2")["digest"] == first["winner"]["digest"]
