"""Every file in examples/ runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.command import CHECKOUT, Launcher, Workplace
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json, Reply

EXAMPLES = CHECKOUT / "examples"
WITH_THE_TOY = ("support-triage.yaml", "own-metric/task.yaml", "own-proposer/task.yaml")
WITH_A_MODEL = {"order-details.yaml": "extraction", "support-summaries.yaml": "summaries"}


@pytest.fixture
def examples(tmp_path: Path, launcher: Launcher) -> Workplace:
    """The examples beside the bundled data, as in a checkout, with a home of their own."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "data").symlink_to(CHECKOUT / "benchmarks" / "data")
    return Workplace(folder=tmp_path / "examples", launcher=launcher)


def test_no_example_is_forgotten() -> None:
    found = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.yaml")}
    assert found == {*WITH_THE_TOY, *WITH_A_MODEL}


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_THE_TOY)
def test_an_example_runs_on_the_bundled_model(examples: Workplace, name: str) -> None:
    path = Path(name)
    there = Workplace(folder=examples.folder / path.parent, launcher=examples.launcher)
    finished = there.run("optimize", path.name, "--budget-calls", "160", "--no-progress", "--json", "result.json")
    result = json.loads((there.folder / "result.json").read_bytes())
    assert result["model"] == {"name": "tiny", "toy": True}
    assert result["evidence"]["baseline"]["mean"] > 0.3
    assert "toy model" in finished.out


@pytest.mark.slow
def test_the_own_proposer_is_asked(examples: Workplace) -> None:
    there = Workplace(folder=examples.folder / "own-proposer", launcher=examples.launcher)
    text = (there.folder / "task.yaml").read_text().replace(", grammar]", "]")
    (there.folder / "task.yaml").write_text(text)
    there.run("optimize", "task.yaml", "--budget-calls", "160", "--no-progress", "--json", "result.json")
    winner = json.loads((there.folder / "result.json").read_bytes())["winner"]
    assert winner["factors"]["instruction_source"] in ("by_example", "baseline")


@pytest.mark.parametrize(("name", "data"), WITH_A_MODEL.items())
def test_an_example_runs_on_a_model_of_ones_own(examples: Workplace, name: str, data: str) -> None:
    folder = CHECKOUT / "benchmarks" / "data" / data
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    known = {values[0]: values[-2] for values in (list(json.loads(line).values()) for line in lines)}

    def answer(messages: list[Json], _body: Json) -> Reply:
        asked = messages[-1]["content"]
        return Reply(text=known[max(known, key=asked.rfind)])

    with LocalEndpoint(answer).in_thread() as endpoint:
        examples.run(
            *("optimize", name, "--model", "hosted_vllm/local", "--api-base", endpoint.url),
            *("--budget-calls", "120", "--no-progress", "--json", "result.json"),
        )
    result = json.loads((examples.folder / "result.json").read_bytes())
    assert result["evidence"]["baseline"]["mean"] > 0.9
    assert result["evidence"]["slices"]
