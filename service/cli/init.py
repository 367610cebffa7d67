"""`whet init`."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import yaml
from rich.console import Console
from rich.text import Text

from benchmarks.datasets.answers import brief
from benchmarks.datasets.checking import Report
from benchmarks.datasets.profile import Profile, profile_rows
from benchmarks.datasets.reading import READERS, read_rows
from benchmarks.datasets.records import Split
from benchmarks.datasets.roles import Role
from benchmarks.errors import DataError, InputError, MetricError, WhetError
from benchmarks.metrics.macro_f1 import MacroF1
from benchmarks.models.connect import TINY
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service.cli.data import print_findings
from service.cli.session import consoles
from service.cli.task_text import Draft, task_text

COLUMNS_SHOWN = 8
"""Of each role; the task file names them all."""
_TITLES = {Role.INPUT: "goes in", Role.OUTPUT: "comes out", Role.SLICE: "slice", Role.IGNORED: "left out"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def init_command(
    source: Path,
    target: Path,
    *,
    output: str | None,
    name: str | None,
    model: str | None,
    api_base: str | None,
    force: bool,
) -> None:
    """Looks at the rows in `source`, writes a task file to `target`, and says what was guessed and what comes next."""
    _check_target(target, force=force)
    _check_model(model, api_base)
    if name is not None and not _NAME.fullmatch(name):
        raise InputError(
            f"--name {name!r} cannot be a task's name: letters, digits, dots, underscores and hyphens, at most 128, "
            f"with a letter or digit first."
        )
    if output is not None and output.endswith((".yaml", ".yml")):
        raise InputError(f"--output names the column with the answers; to write to {output}, use -o {output}.")
    printed, errors = consoles(None)
    profile = profile_rows(read_rows(source), output)
    _print_guess(printed, source, profile)
    draft = Draft(
        profile=profile,
        file=brief(target.name, longest=200),
        name=name or _name_from(source),
        source=brief(source.name, longest=200),
        data_path=_path_from(target.parent, source),
        model=model,
        api_base=api_base,
    )
    task = _loaded(task_text(draft), target)
    print_findings(errors, _unanswered(task.report, profile.answers.metric))
    draft = replace(draft, sizes={split: len(task.dataset.split(split)) for split in Split})
    _write(target, task_text(draft), force=force)
    _print_next(printed, draft, target)


def _check_target(target: Path, *, force: bool) -> None:
    if target.suffix not in (".yaml", ".yml"):
        raise InputError(f"-o {target} is no name for a task file; whet writes YAML, so end it with .yaml.")
    if not target.parent.is_dir():
        raise InputError(f"-o {target} is in a folder that does not exist, {target.parent}. Make it first.")
    if target.is_dir():
        raise InputError(f"-o {target} is a folder. Name a file in it.")
    if not force and os.path.lexists(target):
        raise _exists(target)


def _exists(target: Path) -> InputError:
    return InputError(f"{target} exists and was left as it is. Write to another file with -o, or over it with --force.")


def _check_model(model: str | None, api_base: str | None) -> None:
    if model is None and api_base is not None:
        raise InputError(f"--api-base {api_base} needs --model, the name of the model that is served there.")
    if model is not None and api_base is None and model.startswith("hosted_vllm/"):
        raise InputError(f"--model {model} needs --api-base, the server's address, such as http://localhost:8000/v1.")


def _name_from(source: Path) -> str:
    """A task's name out of a file's."""
    stem = source.name
    for suffix in (".gz", *READERS):
        stem = stem[: -len(suffix)] if stem.lower().endswith(suffix) else stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._]+", "-", plain).strip("-._")[:128]
    return name or "task"


def _path_from(folder: Path, source: Path) -> str:
    """The way to `source` from `folder`; a link at its end is not followed."""
    return Path(os.path.relpath(source.parent.resolve() / source.name, folder.resolve())).as_posix()


def _loaded(text: str, target: Path) -> Task:
    """The task that `text` describes. Raises what whet has to say against it, and that nothing was written."""
    try:
        return load_task(parse_task(yaml.safe_load(text)), target.parent, allow_code=True)
    except WhetError as error:
        data = isinstance(error, DataError | MetricError)
        hint = " If the expected answers stand in another column, name it with --output." if data else ""
        raise type(error)(f"{error}\n{target} was not written.{hint}") from None


def _unanswered(report: Report, metric: str) -> Report:
    """The report without the advice to take the metric that is taken already."""
    kept = [finding for finding in report.findings if finding.code != "imbalance" or metric != MacroF1.name]
    return Report(findings=tuple(kept))


def _write(target: Path, text: str, *, force: bool) -> None:
    """Writes `text` to `target`, all of it or nothing, and over an existing file only by `force`."""
    place = Path(os.path.realpath(target))
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    claimed = False
    try:
        draft.write_text(text, encoding="utf-8")
        if not force:
            place.touch(exist_ok=False)
            claimed = True
        draft.replace(place)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as error:
        if claimed:
            place.unlink(missing_ok=True)
        raise InputError(f"{target} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _print_guess(console: Console, source: Path, profile: Profile) -> None:
    answers = profile.answers
    console.print(Text(f"{source.name}, {profile.rows} rows, looks like this:", style="bold"), soft_wrap=True)
    for role, title in _TITLES.items():
        places = profile.placed(role)
        for place in places[:COLUMNS_SHOWN]:
            console.print(Text(f"  {title:<10}{place.column!r}: {place.why}"), soft_wrap=True)
        if len(places) > COLUMNS_SHOWN:
            console.print(Text(f"  {title:<10}{len(places) - COLUMNS_SHOWN} more"), soft_wrap=True)
    console.print(Text(f"  {'answers':<10}{answers.why}"), soft_wrap=True)
    console.print(Text(f"  {'metric':<10}{answers.metric}: {answers.metric_why}"), soft_wrap=True)
    if profile.rivals:
        others = " or ".join(map(repr, profile.rivals))
        again = f"--output {shlex.quote(profile.rivals[0])} --force"
        console.print(
            Text(f"The answer might also be {others}: if so, run this again with {again}.", style="yellow"),
            soft_wrap=True,
        )
    for hint in profile.hints:
        console.print(Text(hint, style="yellow"), soft_wrap=True)


def _print_next(console: Console, draft: Draft, target: Path) -> None:
    sizes = draft.sizes or {}
    rows = ", ".join(f"{split} {number}" for split, number in sizes.items())
    command = f"whet optimize {shlex.quote(str(target))}"
    after = f"  {command} --dry-run     forecasts the cost, calls nothing\n  {command}"
    if draft.model is None:
        after = (
            f"  {command} --model hosted_vllm/Qwen3-8B --api-base http://localhost:8000/v1\n"
            f"with the name and address of your model; or --model openai/gpt-5-mini, with the key in OPENAI_API_KEY; "
            f"or --model {TINY}, the bundled toy model, only to see whet work."
        )
    console.print(
        Text(
            f"Wrote {target} ({rows} rows). It says why everything is as it is; correct what is wrong. Next:\n{after}"
        ),
        soft_wrap=True,
    )
