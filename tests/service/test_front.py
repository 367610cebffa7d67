"""The front and what mattered in a result, and the prompts of the front for export."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from benchmarks.errors import InputError
from service.front import UnknownMember, member_of, prompt_of
from service.home import Home
from service.jobs import Jobs, UnknownJob
from service.result import front_json
from tests.service.found import MEMBERS, conclude, found


def test_a_front_says_of_each_prompt_what_it_scores_and_takes() -> None:
    members = found()["front"]
    assert [m["prompt"]["digest"] for m in members] == [m.candidate.prompt.digest for m in MEMBERS]
    assert [m["n"] for m in members] == [120] * 3
    assert [m["as_good"] for m in members] == [True, True, False]
    assert members[0]["difference"] is None
    assert members[1]["difference"]["mean"] == -0.005
    assert [m["prompt_tokens"] for m in members] == [640.0, 400.0, 210.0]
    assert members[1]["cost_usd_per_1000"] == pytest.approx(0.8)
    assert members[1]["score"]["low"] < members[1]["score"]["mean"] == 0.855


def test_it_says_so_in_words() -> None:
    result = found()
    assert [m["words"] for m in result["front"]] == [
        "the winner",
        "as good within ±2.1 points; 38 % fewer prompt tokens at 38 % lower cost",
        "16.0 points worse (8.0 to 24.0); 67 % fewer prompt tokens at 67 % lower cost",
    ]
    assert result["cheaper"] == (
        "Prompt 2 is as good within ±2.1 points and takes 38 % fewer prompt tokens at 38 % lower cost."
    )
    assert result["mattered"]["words"] == [
        "The 4 demonstrations (instead of none) brought 6.2 points [2.1, 10.3].",
        "The instruction (instead of none) cost 4.0 points [1.0, 7.0].",
        "The delimiters xml (instead of none) made no difference that 120 rows can show [-2.3, +2.3].",
        "These are validation rows, on which the winner was chosen: hints, no proof. All intervals together hold "
        "with 95 %.",
        "What told the better half of 60 prompts from the rest: the instruction (70 %). No other factor mattered more "
        "than chance would make it seem.",
    ]


def test_it_can_be_written_as_json_and_a_prompt_read_back() -> None:
    read = orjson.loads(orjson.dumps(found()))
    assert read == found()
    for number, member in enumerate(MEMBERS, start=1):
        assert prompt_of(member_of(read, number, "opt-1")) == member.candidate.prompt


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (found(), "opt-1 has no prompt 4 to export: its front has the prompts 1 to 3"),
        (found(front=front_json(())), "it has no front"),
        ({}, "it has no front"),
        (None, "it has no front"),
    ],
)
def test_a_prompt_that_is_not_there_is_told(result: dict[str, object] | None, said: str) -> None:
    with pytest.raises(UnknownMember, match=said):
        member_of(result, 4, "opt-1")
    assert issubclass(UnknownMember, InputError)


def test_the_latest_optimization_of_a_name_is_the_one_that_succeeded_last(home: Home) -> None:
    with pytest.raises(UnknownJob, match="No optimization of 'job' has succeeded"):
        Jobs(home).latest("job")
    conclude(home, found(number=1))
    last = conclude(replace(home, now=lambda: home.now() + timedelta(seconds=1)), found(number=2), seed=1)
    latest = Jobs(home).latest("job")
    assert (latest.id, (latest.result or {})["number"]) == (last, 2)
