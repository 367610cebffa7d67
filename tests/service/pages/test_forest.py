"""The chart of what mattered."""

from __future__ import annotations

from service.pages.forest import MARGIN, WIDTH, forest
from tests.service.found import found


def test_bars_lie_around_no_effect_on_one_scale() -> None:
    bars = forest(found()["mattered"]["ablation"])
    assert [bar.kind for bar in bars] == ["good", "bad", "open"]
    assert {bar.zero for bar in bars} == {WIDTH / 2}
    assert max(bar.high for bar in bars) == WIDTH - MARGIN
    for bar in bars:
        assert MARGIN <= bar.low < bar.mean < bar.high <= WIDTH - MARGIN
    good, bad, unknown = bars
    assert good.low > good.zero > bad.high
    assert unknown.low < unknown.zero < unknown.high


def test_nothing_to_show_is_no_chart() -> None:
    assert forest(()) == ()
