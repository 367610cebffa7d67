"""`whet evaluate` with `model.batch: true`: the whole way, and when it is killed, stopped or refused on it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import yaml

from benchmarks.tasks.schema import ModelSection
from service.connection import endpoint_of
from tests.end_to_end import tickets
from tests.end_to_end.command import CHECKOUT, Finished, Running, Workplace
from tests.endpoints.batches import BatchEndpoint
from tests.endpoints.wire import Json

PRICES = {"prompt_usd_per_million": 1000.0, "completion_usd_per_million": 1000.0}
ROWS = 36


@dataclass(slots=True, kw_only=True)
class Job:
    """`whet evaluate task.yaml` in a workplace, with a Batch API of its own. `signal` is sent to the command after the
    `at`-th call of an operation, before it is answered."""

    workplace: Workplace
    endpoint: BatchEndpoint
    task: dict[str, Any]
    strikes: dict[tuple[str, int], int] = field(default_factory=dict)
    client: Running | None = None

    def strike(self, operation: str) -> None:
        """Sends the signal that is due now."""
        number = self.strikes.pop((operation, self.endpoint.calls[operation]), None)
        if number is not None and self.client is not None:
            self.client.signal(number)

    def finish(self, *arguments: str) -> Finished:
        """Runs the command to whatever end it comes to."""
        self.client = self.workplace.start("evaluate", "task.yaml", "--json", "result.json", *arguments)
        finished = self.client.finished()
        self.client = None
        assert "Traceback" not in finished.err, finished.err
        return finished

    def result(self, *arguments: str) -> dict[str, Any]:
        """Runs the command to a good end."""
        finished = self.finish(*arguments)
        assert finished.code == 0, finished.err
        result: dict[str, Any] = json.loads((self.workplace.folder / "result.json").read_bytes())
        return result


@contextmanager
def batching(workplace: Workplace, model: Json | None = None, **options: Any) -> Iterator[Job]:
    """The job, whose batches are done when they are looked at for the second time."""
    with BatchEndpoint(tickets.answer, **{"steps": 9, **options}).in_thread() as endpoint:
        section = {
            "name": "openai/local",
            "api_base": endpoint.url,
            "identity": "tickets",
            "batch": True,
            "prices": PRICES,
            **(model or {}),
        }
        job = Job(workplace=workplace, endpoint=endpoint, task=tickets.task(endpoint.url, model=section))
        endpoint.on_call = job.strike
        workplace.write_task(job.task)
        yield job


def scores(result: dict[str, Any]) -> dict[str, Any]:
    """A result without what follows from how long something took."""
    costs = {name: value for name, value in result["per_1000_requests"].items() if "latency" not in name}
    return {**result, "per_1000_requests": costs}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, launcher: Any) -> dict[str, Any]:
    """What comes of the job when nothing happens."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    tickets.write_csv(folder / "tickets.csv", tickets.rows(90))
    with batching(Workplace(folder=folder, launcher=launcher)) as job:
        return job.result()


@pytest.mark.slow
def test_an_evaluation_goes_out_as_one_batch_at_half_the_price_and_comes_to_the_same(workplace: Workplace) -> None:
    with batching(workplace) as job:
        finished = job.finish()
        result = json.loads((workplace.folder / "result.json").read_bytes())
        (name,) = job.endpoint.batches
        assert f"batch {name}: {ROWS} requests, to be answered within 24 h" in finished.err
        assert f"batch {name}: {ROWS} of {ROWS} answered, completed" in finished.err
        assert (result["n"], result["missing"], result["spent"]["calls"]) == (ROWS, 0, ROWS)
        tokens = result["spent"]["prompt_tokens"] + result["spent"]["completion_tokens"]
        assert result["spent"]["usd"] == pytest.approx(tokens * 1000 / 1e6 / 2)

        again = job.result()
        assert (again["spent"]["calls"], again["spent"]["ledger_hits"]) == (0, ROWS)
        assert again["score"] == result["score"]
        assert job.endpoint.answered == ROWS

        # One by one it comes to the same, from the same replies.
        job.workplace.write_task({**job.task, "model": {**job.task["model"], "batch": False}})
        single = job.result()
        assert (single["score"], single["spent"]["calls"]) == (result["score"], 0)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [("upload", 1), ("make", 1), ("look", 1), ("look", 2), ("content", 1)])
def test_killed_at_any_moment_it_goes_on_with_the_same_command_and_pays_nothing_twice(
    workplace: Workplace, uninterrupted: dict[str, Any], moment: tuple[str, int]
) -> None:
    with batching(workplace) as job:
        job.strikes[moment] = signal.SIGKILL
        assert job.finish().code == -signal.SIGKILL
        assert scores(job.result()) == scores(uninterrupted)
        assert len(job.endpoint.batches) == 1
        assert job.endpoint.answered == ROWS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "arguments"), [(signal.SIGINT, ()), (signal.SIGTERM, ()), (signal.SIGINT, ("--no-progress",))]
)
def test_interrupted_it_leaves_the_batch_running_and_says_how_to_go_on_and_how_to_stop_it(
    workplace: Workplace, uninterrupted: dict[str, Any], number: int, arguments: tuple[str, ...]
) -> None:
    with batching(workplace, held="in_progress") as job:
        job.strikes["look", 2] = number
        finished = job.finish(*arguments)
        (name,) = job.endpoint.batches
        assert finished.code == 130
        assert f"Batch {name} ({ROWS} requests) goes on at {job.endpoint.url}. The same command waits" in finished.err
        assert f"curl -X POST {job.endpoint.url}/batches/{name}/cancel" in finished.err
        assert "to go on, run: whet evaluate task.yaml" in finished.err
        assert job.endpoint.batches[name].status == "in_progress"
        job.endpoint.held = None
        assert scores(job.result()) == scores(uninterrupted)
        assert len(job.endpoint.batches) == 1


@pytest.mark.slow
def test_stopped_as_it_says_it_keeps_what_was_answered_and_the_rest_is_missing(workplace: Workplace) -> None:
    with batching(workplace, steps=1) as job:
        job.strikes["look", 2] = signal.SIGINT
        finished = job.finish()
        url = finished.err.partition("curl -X POST ")[2].partition(" - ")[0]
        assert httpx.post(url, trust_env=False).json()["status"] == "cancelling"
        result = job.result()
        assert (result["n"], result["missing"]) == (ROWS // 2, ROWS // 2)
        assert result["problems"]["server_error"] == ROWS // 2
        whole = job.result()
        assert (whole["n"], whole["spent"]["calls"]) == (ROWS, ROWS // 2)
        assert job.endpoint.answered == ROWS


@pytest.mark.slow
def test_what_an_expired_batch_did_not_answer_is_missing_and_no_zero(
    workplace: Workplace, uninterrupted: dict[str, Any]
) -> None:
    with batching(workplace, expires_after=30) as job:
        result = job.result()
        assert (result["n"], result["missing"], result["problems"]["timeout"]) == (30, 6, 6)
        assert (result["spent"]["calls"], len(job.endpoint.batches)) == (30, 1)
        job.endpoint.expires_after = None
        assert job.result()["score"] == uninterrupted["score"]
        assert job.endpoint.answered == ROWS


@pytest.mark.slow
def test_the_seconds_cap_ends_the_wait_and_not_the_batch(workplace: Workplace, uninterrupted: dict[str, Any]) -> None:
    with batching(workplace, held="in_progress") as job:
        workplace.write_task({**job.task, "budget": {"calls": 160, "seconds": 5}})
        finished = job.finish()
        assert finished.code == 4
        assert "5 s were not enough for 36 rows" in finished.err
        assert "goes on at" in finished.err
        job.endpoint.held = None
        workplace.write_task(job.task)
        assert scores(job.result()) == scores(uninterrupted)
        assert len(job.endpoint.batches) == 1


@pytest.mark.slow
def test_a_batch_that_is_refused_is_an_error_in_the_provider_s_words(workplace: Workplace) -> None:
    with batching(workplace, {"name": "openai/gone"}) as job:
        finished = job.finish()
    assert finished.code == 3
    assert "The provided model 'gone' is not supported by the Batch API" in finished.err
    assert "or leave out model.batch" in finished.err


def test_a_search_in_batches_is_refused_before_anything_is_asked(workplace: Workplace) -> None:
    with batching(workplace) as job:
        for arguments in ((), ("--dry-run",)):
            finished = workplace.run("optimize", "task.yaml", *arguments, code=2)
            assert "A search decides after every block of calls, and a batch may take 24 h" in finished.err
            assert "`whet evaluate` may use them" in finished.err
    assert (job.endpoint.requests, job.endpoint.calls.total()) == (0, 0)


@pytest.mark.parametrize("name", ["tiny", "hosted_vllm/local", "anthropic/claude"])
def test_models_without_a_batch_api_are_refused_with_the_reason(workplace: Workplace, name: str) -> None:
    workplace.write_task(tickets.task("http://127.0.0.1:9/v1", model={"name": name, "batch": True}))
    finished = workplace.run("evaluate", "task.yaml", code=2)
    assert f"needs a model of OpenAI's Batch API, named openai/<model>; '{name}' has none" in finished.err


def test_openai_itself_needs_its_key(workplace: Workplace) -> None:
    workplace.write_task(tickets.task("", model={"name": "openai/gpt-4o-mini", "batch": True}))
    finished = workplace.run("evaluate", "task.yaml", code=2)
    assert "OPENAI_API_KEY, which is not set" in finished.err


def test_the_readme_s_model_is_one() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    (block,) = [text for text in re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL) if "batch:" in text]
    endpoint = endpoint_of(ModelSection.model_validate(yaml.safe_load(block)["model"]))
    assert (endpoint.batch, endpoint.served_name) == (True, "gpt-4o-mini")
