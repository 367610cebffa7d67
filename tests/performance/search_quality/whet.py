"""whet itself, as its users run it: `optimizers.optimization.optimize` behind every wrapper of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.budget import Caps
from benchmarks.models.protocol import Request
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from optimizers.optimization import PROMOTE
from tests.endpoints.jobs import Job, Respondent
from tests.performance.search_quality.arena import StandIn
from tests.performance.search_quality.searcher import Decision, Point, point

SEARCH = {"demonstrations": {"count": [0]}, "delimiters": ["plain"], "placement": ["system"], "answer_marker": ["none"]}
FEWEST_TEST_ROWS = 2


class Whet:
    """An optimization with the pool as the user's candidates. Its proof has 2 test rows only, whose calls come on top
    of the budget, so that the whole budget is for the search; what it returns is the winner, whatever the proof says.
    """

    name = "whet"
    anytime = False

    def run(self, model: StandIn, budget: int) -> list[Point]:
        winner, _ = optimized(model, Caps(calls=budget + 2 * FEWEST_TEST_ROWS), FEWEST_TEST_ROWS)
        return [point(model, winner)]


class ProvenWhet:
    """The same with all test rows of the arena, the proof within the budget."""

    name = "whet-proven"
    anytime = False

    def run(self, model: StandIn, budget: int) -> list[Point]:
        winner, decision = optimized(model, Caps(calls=budget), len(model.arena.rows) - model.arena.search_rows)
        return [point(model, winner, decision=decision)]


def optimized(model: StandIn, caps: Caps, test_rows: int) -> tuple[int, Decision]:
    """The winner of an optimization within `caps`, and what its proof on the first `test_rows` test rows said."""
    arena = model.arena
    templates = [template(instruction) for instruction in arena.pool]

    def respond(request: Request) -> str:
        return model.reply([(message.role, message.content) for message in request.messages])

    test = arena.rows[arena.search_rows :][:test_rows]
    job = Job(task=make_task(arena.rows[: arena.search_rows], test, templates), caps=caps, seed=arena.seed)
    outcome = job.run(Respondent(respond=respond)).outcome
    choice = templates.index(str(outcome.winner.prompt.factors["instruction"]))
    difference = outcome.proof.difference if outcome.proof else None
    decision = Decision(
        promoted=outcome.decision == PROMOTE,
        difference=difference.mean if difference else 0.0,
        low=difference.low if difference else 0.0,
        high=difference.high if difference else 0.0,
        calls=model.test_calls,
    )
    return choice, decision


def make_task(
    validation: Sequence[Mapping[str, str]], test: Sequence[Mapping[str, str]], templates: Sequence[str]
) -> Task:
    """The task with exactly these rows and candidates, the first of which is the user's prompt."""
    content = {
        "name": "arena",
        "inputs": ["text"],
        "output": "label",
        "metric": "accuracy",
        "data": {"validation": "validation.jsonl", "test": "test.jsonl"},
        "prompt": {"instruction": templates[0]},
        "candidates": {"instructions": list(templates)},
        "search": SEARCH,
    }
    with TemporaryDirectory() as folder:
        for name, rows in (("validation", validation), ("test", test)):
            (Path(folder) / f"{name}.jsonl").write_text("".join(json.dumps(dict(row)) + "\n" for row in rows))
        return load_task(parse_task(content), Path(folder), allow_code=False)


def template(instruction: str) -> str:
    """The template that renders to `instruction`, which may hold braces."""
    return instruction.replace("{{", '{{"{{"}}')
