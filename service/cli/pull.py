"""`whet pull`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import InputError
from benchmarks.prompts.export import FORMATS, export
from service.cli.session import own_home
from service.registry import Registry, parse_reference


def pull_command(reference: str, form: str, output: Path | None) -> None:
    """Writes the prompt that `reference` names to `output`, or to standard output."""
    if form not in FORMATS:
        raise InputError(
            f"There is no format '{form}'; choose one of {', '.join(FORMATS)}.{did_you_mean(form, FORMATS)}"
        )
    name, label, version = parse_reference(reference)
    found = Registry(own_home()).find(name, label=label, version=version)
    text = export(found.prompt, form, {"name": found.name, "version": found.version}) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"The prompt cannot be written to {output}: {error}.") from error
