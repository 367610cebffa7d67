"""DSPy's MIPROv2 and GEPA themselves, talking to the stand-in in process through engines of `dspy.LM`.

The stand-in also plays their proposer: asked for an instruction, it hands out the pool. Demonstrations are off, as they
are for every searcher here; DSPy's cache of replies is off, so that what they ask twice is counted twice.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import numpy as np

from tests.performance.search_quality.arena import Arena, StandIn
from tests.performance.search_quality.proposals import proposals
from tests.performance.search_quality.searcher import Point, point

BOOTSTRAP_ROWS = 10

Messages = list[tuple[str, str]]

_FIELD = re.compile(r"^\d+\. `(\w+)`", re.MULTILINE)
_PROPOSALS = ("proposed_instruction", "new_instruction")


class Miprov2:
    """MIPROv2 without demonstrations, with all search rows to validate on: `auto` light or medium, or as many
    candidates as the pool has and half as many trials again, which is what it recommends. It bootstraps demonstrations
    even so, for its proposer, from which nothing is learnt here; the proposer model is its teacher, so that they cost
    no task calls."""

    anytime = True

    def __init__(self, auto: str | None = None) -> None:
        self.name = f"miprov2-{auto}" if auto else "miprov2"
        self._auto = auto

    def run(self, model: StandIn, budget: int) -> list[Point]:
        import dspy

        pool = model.arena.pool
        # The first of what is proposed goes to waste: the user's prompt takes its place.
        with _quiet(model, itertools.chain([pool[0]], proposals(model.arena))) as (task_model, proposer, examples):
            optimizer = dspy.MIPROv2(
                metric=lambda gold, prediction, trace=None: float(gold.label == prediction.label),
                prompt_model=proposer,
                task_model=task_model,
                teacher_settings={"lm": proposer},
                auto=self._auto,
                num_candidates=None if self._auto else len(pool),
                max_bootstrapped_demos=0,
                max_labeled_demos=0,
                num_threads=1,
                seed=model.arena.seed + 1,  # It takes a seed of 0 for none.
            )
            watched = _Watched(model, optimizer)
            optimizer.compile(
                _student(model.arena),
                trainset=examples[:BOOTSTRAP_ROWS],
                valset=examples,
                num_trials=None if self._auto else len(pool) * 3 // 2,
            )
        return watched.found


class _Watched:
    """Notes what MIPROv2 would return after each evaluation on all rows: the first is of the user's prompt, the others
    are of the best on average so far."""

    def __init__(self, model: StandIn, optimizer: Any) -> None:
        self.found: list[Point] = []
        self._model = model
        self._full: list[tuple[float, int]] = []
        prepare = optimizer._optimize_prompt_parameters

        def prepared(program: Any, instructions: Any, demos: Any, evaluate: Any, rows: Any, *rest: Any) -> Any:
            return prepare(program, instructions, demos, self._noting(evaluate, len(rows)), rows, *rest)

        optimizer._optimize_prompt_parameters = prepared

    def _noting(self, evaluate: Any, rows: int) -> Any:
        def noted(program: Any, *, devset: list[Any], **others: Any) -> Any:
            result = evaluate(program, devset=devset, **others)
            if len(devset) == rows:
                choice = self._model.arena.find(program.signature.instructions)
                self._full.append((result.score / 100, choice))
                claim, best = max(self._full, key=lambda known: known[0])
                self.found.append(point(self._model, best, claim=claim))
            return result

        return noted


class Gepa:
    """GEPA with `rows` of the search rows to validate on, the others (or all, if none are left) to reflect on. Its
    metric says which answer was wanted."""

    anytime = True

    def __init__(self, rows: int) -> None:
        self.name = f"gepa-{rows}"
        self._rows = rows

    def run(self, model: StandIn, budget: int) -> list[Point]:
        import dspy

        def metric(gold: Any, prediction: Any, *_: Any) -> Any:
            right = gold.label == prediction.label
            feedback = "Right." if right else f"Wrong: the answer is {gold.label}."
            return dspy.Prediction(score=float(right), feedback=feedback)

        class Watcher:
            def __init__(self) -> None:
                self.found: list[Point] = []
                self.full: list[tuple[float, int]] = []

            def on_valset_evaluated(self, event: Any) -> None:
                (instruction,) = event["candidate"].values()
                self.full.append((event["average_score"], model.arena.find(instruction)))
                claim, best = max(self.full, key=lambda known: known[0])
                self.found.append(point(model, best, claim=claim))

        watcher = Watcher()
        with _quiet(model, proposals(model.arena)) as (_, proposer, examples):
            optimizer = dspy.GEPA(
                metric=metric,
                max_metric_calls=2 * budget,  # It asks half of it again.
                reflection_lm=proposer,
                num_threads=1,
                seed=model.arena.seed,
                gepa_kwargs={"callbacks": [watcher], "stop_callbacks": lambda _: model.calls - model.repeats >= budget},
            )
            optimizer.compile(
                _student(model.arena), trainset=examples[self._rows :] or examples, valset=examples[: self._rows]
            )
        return watcher.found


def _student(arena: Arena) -> Any:
    import dspy

    return dspy.Predict(dspy.Signature("text -> label", arena.pool[0]))


@contextmanager
def _quiet(model: StandIn, instructions: Iterator[str]) -> Iterator[tuple[Any, Any, list[Any]]]:
    """The task model, a proposer of `instructions`, and the search rows as DSPy's examples, with its chatter off."""
    import dspy

    arena = model.arena

    def answer(messages: Messages) -> str:
        return _said({"label": model.reply(messages)})

    task_model = dspy.LM("stand-in/task", engine=_Engine(answer), cache=False)
    proposer = dspy.LM("stand-in/proposer", engine=_Engine(_Proposer(instructions)), cache=False)
    rows = arena.rows[: arena.search_rows]
    examples = [dspy.Example(text=row["text"], label=row["label"]).with_inputs("text") for row in rows]
    random.seed(arena.seed)
    np.random.seed(arena.seed)
    logging.disable(logging.CRITICAL)
    try:
        with (
            open(os.devnull, "w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
            warnings.catch_warnings(),
            dspy.context(lm=task_model, adapter=dspy.ChatAdapter(), disable_history=True, num_threads=1),
        ):
            warnings.simplefilter("ignore")
            yield task_model, proposer, examples
    finally:
        logging.disable(logging.NOTSET)


class _Engine:
    """An engine of `dspy.LM` whose replies are a function of (role, content) messages."""

    def __init__(self, reply: Callable[[Messages], str]) -> None:
        self._reply = reply

    def complete(self, request: Any) -> Any:
        from dspy.lm15 import Message, Response, Usage

        system = request.system
        if system is not None and not isinstance(system, str):
            system = "".join(part.text for part in system)
        messages = [("system", system or ""), *((message.role, message.text or "") for message in request.messages)]
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant(self._reply(messages)),
            finish_reason="stop",
            usage=Usage(input_tokens=0, output_tokens=0),
        )

    def stream(self, request: Any) -> Any:
        from dspy.lm15 import response_to_events

        return response_to_events(self.complete(request))

    def close(self) -> None:
        """Nothing to release."""


class _Proposer:
    """Writes the given instructions, one after the other. Whatever else it is asked for, it says in a few words."""

    def __init__(self, instructions: Iterator[str]) -> None:
        self._instructions = instructions

    def __call__(self, messages: Messages) -> str:
        system = messages[0][1]
        asked = _FIELD.findall(system[system.index("Your output fields are:") :])
        in_json = "JSON object" in system
        return _said({name: self._value(name, in_json) for name in asked}, in_json)

    def _value(self, name: str, in_json: bool) -> str:
        if name not in _PROPOSALS:
            return "Short texts, each with one of four labels."
        # MIPROv2 takes away what stands before a first colon, twice.
        return next(self._instructions) if in_json else f"Instruction: Instruction: {next(self._instructions)}"


def _said(fields: dict[str, str], in_json: bool = False) -> str:
    if in_json:
        return json.dumps(fields)
    said = "".join(f"[[ ## {name} ## ]]\n{value}\n\n" for name, value in fields.items())
    return said + "[[ ## completed ## ]]"
