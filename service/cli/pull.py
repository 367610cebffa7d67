"""`whet pull`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import InputError
from benchmarks.prompts.export import FORMATS, export
from service.cli.session import own_home
from service.front import member_of, prompt_of
from service.jobs import OPTIMIZATION, Jobs
from service.registry import Registry, parse_reference


def pull_command(
    reference: str, form: str, output: Path | None, *, front: int | None = None, optimization: str | None = None
) -> None:
    """Writes the prompt that `reference` names to `output`, or to standard output; with `front` the prompt of that
    number on the front of `optimization`, by default of the one of that name that succeeded last."""
    if optimization is not None and front is None:
        raise InputError(f"--optimization {optimization} goes with --front NUMBER, which says which of its prompts.")
    if form not in FORMATS:
        raise InputError(
            f"There is no format '{form}'; choose one of {', '.join(FORMATS)}.{did_you_mean(form, FORMATS)}"
        )
    text = _registered(reference, form) if front is None else _on_the_front(reference, form, front, optimization)
    text += "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"The prompt cannot be written to {output}: {error}.") from error


def _registered(reference: str, form: str) -> str:
    name, label, version = parse_reference(reference)
    found = Registry(own_home()).find(name, label=label, version=version)
    return export(found.prompt, form, {"name": found.name, "version": found.version})


def _on_the_front(name: str, form: str, number: int, optimization: str | None) -> str:
    if "@" in name:
        raise InputError(f"--front goes with the name of a task alone: whet pull {name.partition('@')[0]} --front …")
    jobs = Jobs(own_home())
    job = jobs.latest(name) if optimization is None else jobs.get(optimization, OPTIMIZATION)
    if job.task != name:
        raise InputError(f"{job.id} is an optimization of '{job.task}': whet pull {job.task} --front {number} …")
    prompt = prompt_of(member_of(job.result, number, job.id))
    return export(prompt, form, {"name": name, "optimization_id": job.id, "front": number})
