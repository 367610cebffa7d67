"""The winner without one part after the other: what each brought, for no more calls than are allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import Failure, FailureKind, Request
from benchmarks.prompts.prompt import Prompt
from optimizers.ablation import FEWEST_ROWS, Ablation, ablate, in_words
from optimizers.evaluator import Evaluator
from optimizers.parts import layout_of, without_each_part
from optimizers.proposers.protocol import Proposal
from optimizers.space import SearchSpace
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respond, Respondent, chance, labelled_rows, make_task, truth, wrong
from tests.endpoints.virtual_time import in_virtual_time

SEARCH = {
    "demonstrations": {"count": [0, 4], "style": ["inline", "turns"], "selector": ["balanced"]},
    "delimiters": ["plain", "xml"],
    "placement": ["system", "user"],
    "answer_marker": ["none", "Answer:"],
    "reasoning": ["off", "on"],
}
BETTER = "Say which colour it is."
TASK = make_task(
    labelled_rows(200),
    split={"train": 20, "validation": 150, "test": 30},
    search=SEARCH,
    prompt={"instruction": "Name the colour."},
    candidates={"instructions": [BETTER]},
)
ROWS = TASK.dataset.validation
ANSWERS = truth(TASK)
BASELINE = Candidate(trial=0, prompt=TASK.baseline, choices=None)
SPACE = Job(task=TASK, caps=Caps(calls=100)).problem().space


def point(**choices: Any) -> Prompt:
    """The prompt of SPACE with these choices, by what they are."""
    usual = {
        "instruction": Proposal(text=BETTER, source="given"),
        "count": 4,
        "style": "inline",
        "selector": "balanced",
        "draw": 0,
        "delimiters": "xml",
        "placement": "system",
        "answer_marker": None,
        "reasoning": False,
        "temperature": None,
        "max_tokens": None,
    }
    wanted = {**usual, **choices}
    names = {"delimiters": [family.name for family in SPACE.delimiters]}
    return SPACE.prompt({k: list(names.get(k, getattr(SPACE, k))).index(v) for k, v in wanted.items()})


WINNER = Candidate(trial=5, prompt=point(), choices=None)


def parts(winner: Prompt, baseline: Prompt = TASK.baseline, space: SearchSpace = SPACE) -> dict[str, str]:
    return {w.part: w.instead for w in without_each_part(winner, baseline, space)}


def test_each_part_that_differs_is_put_back_and_what_a_prompt_can_do_without_is_left_out() -> None:
    assert parts(WINNER.prompt) == {
        "the 4 demonstrations": "none",
        "the instruction": "yours",
        "the delimiters xml": "plain",
    }
    everything = point(style="turns", placement="user", answer_marker="Answer:", reasoning=True)
    assert parts(everything) == {
        "the 4 demonstrations": "none",
        "the instruction": "yours",
        "reasoning": "none",
        "the delimiters xml": "plain",
        "demonstrations as chat turns": "inline",
        "the placement user": "system",
    }
    assert parts(point(answer_marker="Answer:", count=0, delimiters="plain")) == {
        "the instruction": "yours",
        "the marker Answer:": "none",
    }


def test_the_users_own_instruction_is_left_out_only_where_demonstrations_show_the_task() -> None:
    own = Proposal(text="Name the colour.", source="baseline")
    assert parts(point(instruction=own))["the instruction"] == "none"
    assert "the instruction" not in parts(point(instruction=own, count=0))


def test_only_the_one_part_changes() -> None:
    for without in without_each_part(WINNER.prompt, TASK.baseline, SPACE):
        changed = {
            name
            for name, value in without.prompt.factors.items()
            if value != WINNER.prompt.factors[name] and name != "instruction_source"
        }
        assert changed <= {
            "the 4 demonstrations": {"demonstrations", "demonstration_ids", "demonstration_style",
                                     "demonstration_selector"},
            "the instruction": {"instruction"},
            "the delimiters xml": {"delimiters"},
        }[without.part]  # fmt: skip


def test_reasoning_gives_its_room_back() -> None:
    found = {w.part: w.prompt for w in without_each_part(point(reasoning=True), TASK.baseline, SPACE)}
    assert found["reasoning"].parameters == TASK.baseline.parameters
    assert point(reasoning=True).parameters != TASK.baseline.parameters


def test_messages_of_the_users_own_are_put_back_where_they_fit_into_a_layout() -> None:
    whole = make_task(labelled_rows(60), prompt={"messages": [{"role": "user", "content": "Colour of {{text}}?"}]})
    assert parts(WINNER.prompt, whole.baseline) == {
        "the 4 demonstrations": "none",
        "the instruction": "none",
        "the delimiters xml": "plain",
    }
    split = make_task(
        labelled_rows(60),
        prompt={"messages": [{"role": "system", "content": "Colours!"}, {"role": "user", "content": "{{text}}"}]},
    )
    assert parts(WINNER.prompt, split.baseline)["the instruction"] == "yours"


def test_a_prompt_that_was_not_laid_out_from_these_rows_is_not_taken_apart() -> None:
    own = Prompt(messages=TASK.baseline.messages, parameters={}, factors={"delimiters": "own"})
    edited = Prompt(messages=own.messages, parameters={}, factors=WINNER.prompt.factors)
    foreign = dict(WINNER.prompt.factors) | {"demonstration_ids": ["elsewhere"]}
    other = Prompt(messages=WINNER.prompt.messages, parameters=WINNER.prompt.parameters, factors=foreign)
    for prompt in (own, edited, other):
        assert layout_of(prompt, SPACE) is None
        assert parts(prompt) == {}
    assert parts(TASK.baseline) == {}


def by_parts(**worth: float) -> Respond:
    """Right on a row with the probability that the parts of the prompt bring; the same luck for all prompts."""

    def respond(request: Request) -> str:
        text = "\n".join(message.content for message in request.messages)
        share = worth.get("base", 0.4)
        share += worth.get("demonstrations", 0.0) * (text.count("<input>") + text.count("Input:") > 1)
        share += worth.get("instruction", 0.0) * (BETTER in text)
        share += worth.get("xml", 0.0) * ("<input>" in text)
        answer = ANSWERS[request.example_id]
        return answer if chance(request.example_id) < share else wrong(answer)

    return respond


def ablated(
    respond: Respond,
    *,
    calls: int = 1000,
    winner: Candidate = WINNER,
    before: Sequence[Assignment] | None = None,
    job: Job | None = None,
) -> tuple[tuple[Ablation, ...], Evaluator, int]:
    """What each part brought, after `before` (the winner on all rows) was run, and the calls that took."""

    async def main() -> tuple[tuple[Ablation, ...], Evaluator, int]:
        _, evaluator = (job or Job(task=TASK, caps=Caps(calls=2000))).connect(Respondent(respond=respond))
        await evaluator.block(before or [Assignment(prompt=winner.prompt, example=e) for e in ROWS])
        spent = len(evaluator.rollouts)
        found = await ablate(winner, BASELINE, SPACE, ROWS, evaluator, calls=calls)
        return found, evaluator, len(evaluator.rollouts) - spent

    return in_virtual_time(main())


def test_what_each_part_brought_is_measured_in_pairs() -> None:
    found, _, calls = ablated(by_parts(demonstrations=0.3, instruction=0.02))
    assert calls == 3 * len(ROWS)
    brought = {a.part: a.difference for a in found}
    assert brought["the 4 demonstrations"].mean == pytest.approx(0.3, abs=0.08)
    assert brought["the 4 demonstrations"].low > 0
    assert brought["the delimiters xml"].mean == 0.0
    assert {d.n for d in brought.values()} == {len(ROWS)}
    assert all(d.level == pytest.approx(1 - 0.05 / 3) for d in brought.values())
    tokens = {a.part: a.prompt_tokens for a in found}
    assert tokens["the instruction"] == len(BETTER) - len("Name the colour.")
    assert tokens["the 4 demonstrations"] > 100


def test_it_is_told_in_words() -> None:
    found, _, _ = ablated(by_parts(base=0.5, demonstrations=0.3, xml=-0.2))
    said = in_words(found)
    shown = {a.part: a.difference for a in found}
    gain = shown["the 4 demonstrations"]
    assert said[0] == (
        f"The 4 demonstrations (instead of none) brought {100 * gain.mean:.1f} points "
        f"[{100 * gain.low:.1f}, {100 * gain.high:.1f}]."
    )
    assert said[1].startswith("The instruction (instead of yours) made no difference that 150 rows can show [-")
    assert said[2].startswith("The delimiters xml (instead of plain) cost ")
    assert "hints, no proof" in said[3]
    assert in_words(()) == []


def test_rows_that_were_run_are_not_run_again() -> None:
    bare = without_each_part(WINNER.prompt, TASK.baseline, SPACE)[0].prompt
    before = [Assignment(prompt=p, example=e) for p in (WINNER.prompt, bare) for e in ROWS]
    found, _, calls = ablated(by_parts(), before=before, calls=0)
    assert calls == 0
    assert [(a.part, a.difference.n) for a in found] == [("the 4 demonstrations", len(ROWS))]


@pytest.mark.parametrize(
    ("calls", "spent", "measured"),
    [
        (0, 0, 0),
        (FEWEST_ROWS - 1, 0, 0),
        (FEWEST_ROWS, FEWEST_ROWS, 1),
        (2 * FEWEST_ROWS + 1, 2 * FEWEST_ROWS, 2),
        (200, 3 * 66, 3),
        (449, 3 * 149, 3),
        (1000, 3 * 150, 3),
    ],
)
def test_a_small_allowance_goes_to_the_parts_that_are_likely_to_matter(calls: int, spent: int, measured: int) -> None:
    found, _, took = ablated(by_parts(), calls=calls)
    assert (took, len(found)) == (spent, measured)


def test_rows_without_a_reply_are_left_out() -> None:
    silent = {example.id for example in ROWS[:10]}
    right = by_parts()

    def respond(request: Request) -> str | Failure:
        if request.example_id in silent and BETTER not in str(request.messages):
            return Failure(kind=FailureKind.TIMEOUT, detail="slow")
        return right(request)

    found, _, _ = ablated(respond)
    assert {a.part: a.difference.n for a in found}["the instruction"] == len(ROWS) - 10


def test_the_same_winner_is_taken_apart_in_the_same_way_again_without_a_call() -> None:
    job = Job(task=TASK, caps=Caps(calls=2000))
    first, _, _ = ablated(by_parts(demonstrations=0.2), job=job)
    model = Respondent(respond=by_parts())

    async def again() -> tuple[Ablation, ...]:
        _, evaluator = job.connect(model)
        await evaluator.block([Assignment(prompt=WINNER.prompt, example=e) for e in ROWS])
        return await ablate(WINNER, BASELINE, SPACE, ROWS, evaluator, calls=1000)

    assert in_virtual_time(again()) == first
    assert model.asked == []
