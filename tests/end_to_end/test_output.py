"""Where things are printed: results on standard output, everything else on standard error, nothing on a dry run."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.interruption import untimed
from tests.endpoints.local import LocalEndpoint


def contents(folder: Path) -> Counter[str]:
    return Counter(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix != ".txt")


def test_a_dry_run_forecasts_and_calls_nothing_and_writes_nothing(
    workplace: Workplace, endpoint: LocalEndpoint
) -> None:
    workplace.write_task(tickets.task(endpoint.url))
    before = contents(workplace.folder)
    forecast = workplace.run("optimize", "task.yaml", "--dry-run").out
    assert "At most 160 calls" in forecast
    assert "36 test rows, two calls each" in forecast
    assert "Nothing was called." in forecast
    assert endpoint.requests == 0
    assert contents(workplace.folder) == before


@pytest.mark.slow
def test_a_dry_run_tells_what_the_run_would_run_into(main_job: MainJob) -> None:
    before, requests = contents(main_job.workplace.folder), main_job.endpoint.requests
    keyed = {"name": "hosted_vllm/writer", "api_base": "http://127.0.0.1:9/v1", "api_key_env": "WRITER_KEY"}
    asked = {**main_job.task, "proposer_model": keyed, "constraints": {"must_not_contain": ["Which team should"]}}
    (main_job.workplace.folder / "other.yaml").write_text(json.dumps(asked))
    said = main_job.workplace.run("optimize", "other.yaml", "--dry-run").out
    (main_job.workplace.folder / "other.yaml").unlink()
    assert "proposer_model.api_key_env names WRITER_KEY, which is not set" in said
    assert "Your prompt violates the constraints" in said
    warm = main_job.workplace.run("optimize", "task.yaml", "--dry-run", "--seed", "1").out
    assert f"enter as first candidates ({main_job.result['optimization_id']})." in warm
    assert re.search(r"The ledger has \d+ replies on validation rows to these prompts and yours: free", warm)
    assert contents(main_job.workplace.folder) == before
    assert main_job.endpoint.requests == requests


def test_a_forecast_is_what_a_run_then_takes(main_job: MainJob, workplace: Workplace) -> None:
    workplace.write_task(main_job.task)
    forecast = workplace.run("optimize", "task.yaml", "--dry-run").out
    spent = main_job.result["spent"]
    found = re.search(r"About (\d+) tokens, free, in (\d+) calls; it may be (\d+) to (\d+),", forecast)
    assert found is not None
    tokens, calls, fewest, most = map(int, found.groups())
    assert calls == pytest.approx(spent["calls"], rel=0.2)
    assert fewest <= tokens <= most
    assert 0.8 * fewest <= spent["prompt_tokens"] + spent["completion_tokens"] <= 1.2 * most


def test_a_forecast_of_a_priced_model_is_in_dollars(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    task = tickets.task(endpoint.url)
    task["model"]["prices"] = {"prompt_usd_per_million": 1000.0, "completion_usd_per_million": 0.0}
    workplace.write_task(task)
    forecast = workplace.run("optimize", "task.yaml", "--dry-run").out
    numbers = re.search(r"About (\d+) tokens, \$(\d+\.\d+)", forecast)
    assert numbers is not None
    assert float(numbers[2]) == pytest.approx(int(numbers[1]) / 1000, rel=0.1)


def test_a_dry_run_refuses_a_cap_that_pays_for_nothing_as_the_run_does(
    workplace: Workplace, endpoint: LocalEndpoint
) -> None:
    workplace.write_task(tickets.task(endpoint.url, budget={"calls": 160, "tokens": 1000}))
    refused = [workplace.run("optimize", "task.yaml", *options, code=4).err for options in (("--dry-run",), ())]
    assert "does not pay for comparing two prompts" in refused[0]
    assert refused[0] == refused[1]
    assert endpoint.requests == 0


def test_json_to_standard_output_is_nothing_but_json(main_job: MainJob) -> None:
    finished = main_job.workplace.run("optimize", "task.yaml", "--json", "-")
    assert json.loads(finished.out) == main_job.result
    assert "A better prompt, proven" in finished.err


def test_off_a_terminal_progress_is_plain_lines_on_standard_error(main_job: MainJob) -> None:
    lines = main_job.finished.err.splitlines()
    for phase in ("headroom", "search", "finalists", "proof"):
        assert any(line.startswith(f"{phase}: up to ") for line in lines)
    assert any(re.match(r"leading \d\.\d{3} \(\d\.\d{3} to \d\.\d{3}, \d+ rows\), \d+ in the race: ", x) for x in lines)
    assert "\x1b" not in main_job.finished.err + main_job.finished.out
    assert "\r" not in main_job.finished.err + main_job.finished.out
    assert "" not in lines


def test_no_progress_prints_none(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    workplace.write_task(tickets.task(endpoint.url, budget={"calls": 60}))
    finished = workplace.run("optimize", "task.yaml", "--no-progress")
    assert finished.err == ""
    assert "whet pull support-triage@" in finished.out


def test_options_stand_in_for_fields_of_the_task(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    task = tickets.task("http://127.0.0.1:9/v1", budget={"calls": 160, "tokens": 10**9}, seed=3)
    workplace.write_task(task | {"model": {"name": "hosted_vllm/other", "api_base": "http://127.0.0.1:9/v1"}})
    options = ("--model", "hosted_vllm/local", "--api-base", endpoint.url, "--budget-calls", "60", "--seed", "7")
    result = workplace.optimize(*options)
    assert result["seed"] == 7
    assert result["spent"]["calls"] == endpoint.requests <= 60


def test_fresh_asks_everything_anew(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    workplace.write_task(tickets.task(endpoint.url, budget={"calls": 60}))
    first = workplace.optimize()
    fresh = workplace.optimize("--fresh")
    assert endpoint.requests == first["spent"]["calls"] + fresh["spent"]["calls"]
    assert untimed(fresh)["spent"] == untimed(first)["spent"]
    assert fresh["optimization_id"] != first["optimization_id"]
    assert fresh["winner"] == first["winner"]
    assert workplace.optimize() == fresh
    assert endpoint.requests == 2 * first["spent"]["calls"]
