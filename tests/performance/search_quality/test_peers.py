"""The peers themselves meet the whole pool, and only the pool."""

from __future__ import annotations

import pytest

from tests.performance.search_quality.arena import StandIn
from tests.performance.search_quality.arenas import arena
from tests.performance.search_quality.capo import Capo
from tests.performance.search_quality.cells import Cell, run
from tests.performance.search_quality.dspy_peers import Gepa, Miprov2
from tests.performance.search_quality.searcher import Searcher

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("searcher", [Miprov2("light"), Gepa(60), Capo()], ids=lambda searcher: searcher.name)
def test_a_peer_finds_something_better_in_the_pool(searcher: Searcher) -> None:
    pytest.importorskip({"capo": "promptolution"}.get(searcher.name, "dspy"))
    ground = arena("synthetic/factors", 0)
    model = StandIn(ground)
    found = searcher.run(model, 1500)
    assert model.stranger is None
    assert found[-1].choice != 0
    assert ground.regret(found[-1].choice) < ground.regret(0)
    assert [point.calls for point in found] == sorted(point.calls for point in found)
    assert found[-1].calls <= model.calls


def test_miprov2_is_given_every_instruction_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    dspy = pytest.importorskip("dspy")
    ground = arena("synthetic/interactions", 1)
    seen: list[str] = []
    propose = dspy.MIPROv2._propose_instructions

    def watched(*arguments: object, **named: object) -> dict[int, list[str]]:
        proposed: dict[int, list[str]] = propose(*arguments, **named)
        seen.extend(proposed[0])
        return proposed

    monkeypatch.setattr(dspy.MIPROv2, "_propose_instructions", watched)
    found = Miprov2().run(StandIn(ground), 5000)
    assert sorted(ground.find(instruction) for instruction in seen) == list(range(32))
    assert found[0].calls == 300, "bootstrapping costs no task calls"


@pytest.mark.parametrize("searcher", ["miprov2-light", "gepa-300", "capo"])
def test_a_peers_run_follows_from_its_seed(searcher: str) -> None:
    pytest.importorskip("promptolution" if searcher == "capo" else "dspy")
    cell = Cell(searcher=searcher, arena="synthetic/unrelated", seed=2, budget=900)
    assert run(cell).moments == run(cell).moments
