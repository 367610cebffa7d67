"""`whet dataset`."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.datasets.checking import Report
from benchmarks.datasets.ingest import ingest
from benchmarks.datasets.reading import read_rows
from benchmarks.datasets.splitting import SplitPlan
from benchmarks.datasets.uploads import Upload, checked, read_upload
from benchmarks.datasets.versions import check_name
from service.cli.data import print_findings
from service.cli.session import own_home
from service.datasets import Datasets

MOST_LISTED = 200


def add_command(
    path: Path,
    name: str,
    *,
    inputs: Sequence[str] | None,
    output: str | None,
    split_column: str | None,
    seed: int,
) -> None:
    """Keeps the rows of a file as a version of a dataset, and prints its reference."""
    check_name(name)
    split = split_column or SplitPlan(seed=seed)
    ingested = ingest(name, _read(path), inputs=inputs or None, output=output, split=split)
    print_findings(Console(stderr=True), Report(findings=ingested.findings))
    stored, new = Datasets(own_home()).add(ingested, getpass.getuser())
    sizes = ", ".join(f"{split} {count}" for split, count in stored.profile["splits"].items())
    said = "Added" if new else "Was there already"
    sys.stderr.write(f"{said}: {', '.join(stored.inputs)} → {stored.output}; {sizes} rows.\n")
    sys.stdout.write(f"{stored.reference}\n")


def _read(path: Path) -> Upload:
    if path.suffix.lower() in (".yaml", ".yml") and path.is_file():
        return read_upload(path.read_bytes(), "application/yaml")
    return checked(Upload(rows=tuple(read_rows(path))))


def list_command() -> None:
    """Shows the versions that there are, the newest first."""
    table = Table()
    for column in ("dataset", "rows", "columns", "added"):
        table.add_column(column)
    for stored in Datasets(own_home()).listed(MOST_LISTED):
        columns = f"{', '.join(stored.inputs)} → {stored.output}"
        table.add_row(
            f"{stored.name}@{stored.digest[:12]}", str(stored.profile["rows"]), columns, stored.created_at[:16]
        )
    Console().print(table)
