"""The front and what mattered on the result card."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from service.cli.findings import print_front, print_mattered
from tests.service.found import found


def printed(result: dict[str, object]) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    print_front(console, result)
    print_mattered(console, result)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_card_lists_the_front_and_how_to_take_a_prompt_of_it() -> None:
    lines = printed(found())
    assert any("2 │ 0.855 │ 0.805 to 0.905 │  120 │       400 │        0.8000 │        0.25" in line for line in lines)
    assert "2: as good within ±2.1 points; 38 % fewer prompt tokens at 38 % lower cost" in lines
    assert found()["cheaper"] in lines
    assert "Take one: whet pull job --front NUMBER" in lines
    assert "Take one: whet pull job --front NUMBER --optimization opt-1" in printed(found(optimization_id="opt-1"))


def test_a_bar_is_full_where_a_difference_is_shown_and_as_long_as_it_is_large() -> None:
    bars = {
        line.split(" (instead")[0].strip(): line[line.rindex("120") + 3 :].strip()
        for line in printed(found())
        if "(instead of none) " in line and "points" not in line
    }
    assert bars == {"the 4 demonstrations": "█" * 20, "the instruction": "█" * 13, "the delimiters xml": ""}
    assert any("What told the better half of 60 prompts" in line for line in printed(found()))
    assert not any("brought 6.2 points" in line for line in printed(found()))  # the bar says it


@pytest.mark.parametrize("result", [{}, {"front": [], "cheaper": None}, {"front": found()["front"][:1]}])
def test_without_a_front_or_anything_known_nothing_is_printed(result: dict[str, object]) -> None:
    assert printed({"task": "job", **result}) == []


def test_free_models_have_no_column_for_dollars() -> None:
    members = [{**member, "cost_usd_per_1000": 0.0} for member in found()["front"]]
    assert not any("USD" in line for line in printed(found(front=members)))
    assert any("USD" in line for line in printed(found()))
