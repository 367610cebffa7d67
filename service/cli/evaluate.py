"""`whet evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from rich.text import Text

from benchmarks.datasets.records import Split
from benchmarks.errors import TaskError
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task
from optimizers.progress import silent
from service.cli.card import print_evaluation
from service.cli.data import print_new_findings
from service.cli.progress import ProgressDisplay
from service.cli.session import (
    check_json_target,
    consoles,
    environment,
    interruption,
    own_home,
    read_task,
    resume_command,
    run_to_end,
    write_json,
)
from service.evaluate import run_evaluation
from service.home import Home
from service.registry import Registry, parse_reference


def evaluate_command(
    path: Path,
    *,
    overrides: Mapping[str, Any],
    reference: str | None,
    split_name: str,
    json_to: str | None,
    show_progress: bool,
    fresh: bool = False,
    verbose: bool = False,
) -> None:
    """Reads the task and the prompt, scores it, and prints the table."""
    if split_name not in (Split.VALIDATION, Split.TEST):
        raise TaskError(f"There is no split '{split_name}' to evaluate on; choose validation or test.")
    split = Split(split_name)
    check_json_target(json_to)
    output, errors = consoles(json_to)
    task = read_task(path, overrides)
    print_new_findings(errors, task, verbose=verbose)
    home = own_home()
    prompt = find_prompt(reference, task, home)
    interrupted = f"Interrupted. What was paid for is kept in {home.place}; to go on, run: {resume_command()}"

    with interruption(interrupted), ExitStack() as stack:
        observer = stack.enter_context(ProgressDisplay(errors)) if show_progress else silent

        def on_left(message: str) -> None:
            errors.print(Text(message), soft_wrap=True)

        result = run_to_end(
            run_evaluation(
                task,
                prompt,
                split,
                home,
                fresh=fresh,
                environment=environment(),
                observer=observer,
                on_left=on_left,
            )
        )
    print_evaluation(output, result)
    write_json(result, json_to)


def find_prompt(reference: str | None, task: Task, home: Home) -> Prompt:
    """The task's own prompt, one in a file, or one of the registry."""
    if reference is None:
        return task.baseline
    path = Path(reference)
    if path.is_file():
        try:
            content = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError as error:
            raise TaskError(
                f"{path} is no prompt file: {error}. `whet pull NAME --format messages -o FILE` writes one."
            ) from None
        prompt = Prompt.from_json(content)
        # A prompt that brings no parameters is decoded with the task's: without a limit no cap could hold.
        return prompt if prompt.parameters else replace(prompt, parameters=task.parameters)
    name, label, version = parse_reference(reference)
    return Registry(home).find(name, label=label, version=version).prompt
