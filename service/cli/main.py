"""The `whet` command. Only what a command needs is imported, so that help answers at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="whet",
    help=(
        "whet sharpens prompts: it searches instructions, demonstrations and delimiters for a labelled task, proves "
        "the best on rows the search never saw, and keeps it for your apps to pull.\n\n"
        "Start with: whet init tickets.csv, then whet optimize task.yaml --dry-run"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help answers three times as fast
    context_settings={"help_option_names": ["-h", "--help"]},
)

TaskFile = Annotated[Path, typer.Argument(metavar="TASK.YAML", help="The task file; the README shows one.")]
BudgetCalls = Annotated[int | None, typer.Option(min=1, help="Most model calls to pay for (instead of budget.calls).")]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Model (instead of model.name), such as hosted_vllm/Qwen3-8B or openai/gpt-4o."),
]
ApiBase = Annotated[
    str | None, typer.Option(metavar="URL", help="Address of the endpoint (instead of model.api_base).")
]
Json = Annotated[str | None, typer.Option("--json", metavar="PATH|-", help="Also write the result as JSON.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="Print no progress.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="Tell in full what was found in the data, also if it was told before.")
]


@app.command()
def init(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Labelled rows: .csv, .tsv, .jsonl, .json or .parquet, also .gz.")
    ],
    *,
    target: Annotated[Path, typer.Option("-o", metavar="TASK.YAML", help="Task file to write.")] = Path("task.yaml"),
    output: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column with the expected answers (instead of a guess).")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of task and prompt; by default FILE's.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Model to write down (see whet optimize).")] = None,
    api_base: Annotated[str | None, typer.Option(metavar="URL", help="Address of its endpoint.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing task file.")] = False,
) -> None:
    """Write a first task file by looking at your rows.

    It guesses from names and values which column holds the expected answer, which go in, and which metric fits, and
    says why in comments. No model is called. For example, with the columns message, team and channel in tickets.csv:

    \b
      whet init tickets.csv
      whet optimize task.yaml --model hosted_vllm/Qwen3-8B --api-base http://localhost:8000/v1

    If it takes the wrong column for the answer, name the right one:

    \b
      whet init tickets.csv --output channel --force
    """
    from service.cli.init import init_command  # noqa: PLC0415

    init_command(source, target, output=output, name=name, model=model, api_base=api_base, force=force)


@app.command()
def optimize(
    task: TaskFile,
    *,
    budget_calls: BudgetCalls = None,
    model: Model = None,
    api_base: ApiBase = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every draw (instead of seed).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the data and forecast; call nothing.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask everything anew instead of resuming.")] = False,
    no_warm_start: Annotated[
        bool, typer.Option("--no-warm-start", help="Start without the prompts of earlier optimizations.")
    ] = False,
    search_anyway: Annotated[
        bool, typer.Option("--search-anyway", help="Search even where a first look finds little to gain.")
    ] = False,
    json_to: Json = None,
    no_progress: NoProgress = False,
    verbose: Verbose = False,
) -> None:
    """Search for a better prompt and prove it on the test split.

    A proven prompt is registered. Run the same command again and it resumes where it stopped; a finished run prints
    its result. The budget is never exceeded, and no reply is paid for twice. Exit codes: 0 done, 2 task or data,
    3 endpoint, 4 budget too small, 130 interrupted.
    """
    from service.cli.optimize import optimize_command  # noqa: PLC0415

    optimize_command(
        task,
        overrides={
            "budget.calls": budget_calls,
            "model.name": model,
            "model.api_base": api_base,
            "seed": seed,
            "warm_start": False if no_warm_start else None,
            "headroom.stop": False if search_anyway else None,
        },
        dry_run=dry_run,
        fresh=fresh,
        json_to=json_to,
        show_progress=not no_progress,
        verbose=verbose,
    )


@app.command()
def evaluate(
    task: TaskFile,
    *,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="NAME[@VERSION]|FILE", help="Prompt to score; by default the task's own prompt."),
    ] = None,
    split: Annotated[str, typer.Option(help="validation, or test (which is logged as a look at it).")] = "validation",
    budget_calls: BudgetCalls = None,
    model: Model = None,
    api_base: ApiBase = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask everything anew instead of taking replies from the ledger.")
    ] = False,
    json_to: Json = None,
    no_progress: NoProgress = False,
    verbose: Verbose = False,
) -> None:
    """Score one prompt on one split, with interval and slices.

    Run the same command again and what was answered comes from the ledger, free of charge. --fresh asks everything
    anew; without it the command then goes on where the last --fresh ended.
    """
    from service.cli.evaluate import evaluate_command  # noqa: PLC0415

    evaluate_command(
        task,
        overrides={"budget.calls": budget_calls, "model.name": model, "model.api_base": api_base},
        reference=prompt,
        split_name=split,
        fresh=fresh,
        json_to=json_to,
        show_progress=not no_progress,
        verbose=verbose,
    )


@app.command()
def pull(
    reference: Annotated[str, typer.Argument(metavar="NAME[@LABEL|@VERSION]", help="By default @production.")],
    *,
    form: Annotated[str, typer.Option("--format", help="messages, text, openai or jinja.")] = "messages",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")] = None,
    front: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="From the front of the optimization of NAME that succeeded last, as its card numbers them.",
        ),
    ] = None,
    optimization: Annotated[
        str | None, typer.Option(metavar="ID", help="With --front: of this optimization (opt-…) instead.")
    ] = None,
) -> None:
    """Print or save a prompt, byte for byte what was scored."""
    from service.cli.pull import pull_command  # noqa: PLC0415

    pull_command(reference, form, output, front=front, optimization=optimization)


@app.command()
def diff(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the prompt.")],
    before: Annotated[str, typer.Argument(metavar="FROM", help="A version, such as 1, or a label.")],
    after: Annotated[str, typer.Argument(metavar="TO", help="A version or a label.")],
) -> None:
    """Show what changes from one version of a prompt to another.

    Messages as unified diffs, then what else differs, then what backs each of the two. For example:

    \b
      whet diff support-triage 1 production
    """
    from service.cli.diff import diff_command  # noqa: PLC0415

    diff_command(name, before, after)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8321,
    *,
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Also answer under this host name; may be repeated.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Optimizations at a time; 0 leaves them to whet worker.")] = 2,
) -> None:
    """Serve the REST API and the pages, and run the optimizations that are asked for.

    On 127.0.0.1 nobody is asked for a key until there is one; any other address needs WHET_ADMIN_KEY or a key of
    `whet keys create`. Model endpoints are read from endpoints.toml in WHET_HOME, or from WHET_ENDPOINTS.
    """
    from service.cli.serve import serve_command  # noqa: PLC0415

    serve_command(host, port, hosts=allow_host or (), jobs=jobs)


@app.command()
def worker(
    jobs: Annotated[int, typer.Option(min=1, help="Optimizations at a time.")] = 2,
) -> None:
    """Run the jobs that a server with the same WHET_HOME or WHET_DATABASE_URL has queued.

    If it dies or freezes, another worker takes its jobs over within seconds; Ctrl-C hands them back.
    """
    from service.cli.serve import worker_command  # noqa: PLC0415

    worker_command(jobs)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to make; it must not be there yet.")],
) -> None:
    """Copy WHET_HOME into a folder, while whet runs: the database as it is at this moment, and endpoints.toml.

    The copy is a home itself: whatever was interrupted goes on in it without paying again for what it holds. It is as
    secret as the original. A database on a server is backed up by pg_dump (docs/operations.md). For example:

    \b
      whet backup backups/monday
      WHET_HOME=backups/monday whet ledger stats
    """
    from service.cli.backup import backup_command  # noqa: PLC0415

    backup_command(folder)


keys = typer.Typer(
    help="Make, list and revoke keys to the REST API.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(keys, name="keys")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who or what it is for, as the history of labels shows it.")],
    scope: Annotated[
        list[str],
        typer.Option(help="prompts:read, jobs:write, labels:promote or admin; may be repeated."),
    ],
    *,
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="How long it is valid; without it, until it is revoked.")
    ] = None,
    calls_per_day: Annotated[
        int | None,
        typer.Option(min=1, max=2**31 - 1, help="Calls that the jobs may spend which are asked for with it in a day."),
    ] = None,
) -> None:
    """Make a key; it is shown once, and only its SHA-256 is kept."""
    from service.cli.keys import create_command  # noqa: PLC0415

    create_command(name, scope, days=days, calls_per_day=calls_per_day)


@keys.command("list")
def list_keys() -> None:
    """Show who has keys to what."""
    from service.cli.keys import list_command  # noqa: PLC0415

    list_command()


@keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(metavar="ID", help="As whet keys list shows it.")]) -> None:
    """End the validity of a key."""
    from service.cli.keys import revoke_command  # noqa: PLC0415

    revoke_command(key_id)


dataset = typer.Typer(
    help="Keep labelled rows as datasets, which tasks name: data: {dataset: NAME}.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(dataset, name="dataset")


@dataset.command("add")
def add_dataset(
    source: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Labelled rows, as for whet init; or .yaml: tests of promptfoo."),
    ],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="The dataset's name.")],
    column: Annotated[
        list[str] | None, typer.Option("--input", metavar="COLUMN", help="Goes in; may be repeated.")
    ] = None,
    output: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column with the expected answers.")] = None,
    split_column: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column that says train, validation or test (instead of a draw)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=-(2**53), max=2**53, help="Seed of the split.")] = 0,
) -> None:
    """Keep the rows of FILE as a version of a dataset, split for good, and print NAME@DIGEST.

    The same rows with the same split are the same version. Columns that are not named are guessed, as by whet init.
    """
    from service.cli.datasets import add_command  # noqa: PLC0415

    add_command(source, name, inputs=column, output=output, split_column=split_column, seed=seed)


@dataset.command("list")
def list_datasets() -> None:
    """Show the versions of datasets, the newest first."""
    from service.cli.datasets import list_command  # noqa: PLC0415

    list_command()


schedule = typer.Typer(
    help="Measure a prompt again every night, and be told when it, or the model, got worse.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(schedule, name="schedule")

ScheduleName = Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name, or its id.")]


@schedule.command("add")
def add_schedule(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The schedule's name.")],
    *,
    task: Annotated[str, typer.Option(metavar="TASK[@VERSION]", help="A task registered with POST /v1/tasks.")],
    prompt: Annotated[
        str | None,
        typer.Option(metavar="NAME[@LABEL|@VERSION]", help="Prompt to measure; by default the task's at production."),
    ] = None,
    cron: Annotated[str, typer.Option(metavar="CRON", help="When: minute, hour, day, month, weekday.")] = "30 2 * * *",
    zone: Annotated[str, typer.Option(metavar="ZONE", help="Time zone of CRON, such as Europe/Berlin.")] = "UTC",
    epochs: Annotated[int, typer.Option(min=5, max=60, help="So many nights make the baseline.")] = 5,
    at_once: Annotated[bool, typer.Option("--at-once", help="Measure the baseline now, not in the first nights.")] = (
        False
    ),
    min_drop: Annotated[float, typer.Option(help="The smallest drop that matters, in score units.")] = 0.02,
    alpha: Annotated[float, typer.Option(help="False alarms in a year that are accepted.")] = 0.05,
    optimize: Annotated[
        bool, typer.Option("--optimize", help="A regression starts an optimization, which promotes only with a proof.")
    ] = False,
) -> None:
    """Measure a prompt again and again, against a baseline that is pinned and never moves by itself.

    An anchor, a plain prompt made from the task, is measured beside it, to tell a worse prompt from a changed model.
    Rows are those of validation; every reply is a new one. For example:

    \b
      whet schedule add nightly --task support-triage --cron "30 2 * * *" --zone Europe/Berlin
      whet nights nightly
    """
    from service.cli.schedules import add_command  # noqa: PLC0415

    add_command(
        name,
        task=task,
        prompt=prompt,
        cron=cron,
        zone=zone,
        epochs=epochs,
        at_once=at_once,
        min_drop=min_drop,
        alpha=alpha,
        on_regression="optimize" if optimize else "none",
    )


@schedule.command("list")
def list_schedules() -> None:
    """Show the schedules, when each is due, and what is open."""
    from service.cli.schedules import list_command  # noqa: PLC0415

    list_command()


@schedule.command("run")
def run_schedule(name: ScheduleName) -> None:
    """Measure now; it counts as any other night. A server or worker does it."""
    from service.cli.schedules import run_command  # noqa: PLC0415

    run_command(name)


@schedule.command("remove")
def remove_schedule(name: ScheduleName) -> None:
    """End a schedule."""
    from service.cli.schedules import remove_command  # noqa: PLC0415

    remove_command(name)


@app.command()
def nights(
    name: ScheduleName,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many of the latest nights.")] = 14,
) -> None:
    """Show the latest nights of a schedule and what was said of each.

    Points of a hundred: tonight's difference to the baseline, and that of the level the nights have now.
    """
    from service.cli.schedules import nights_command  # noqa: PLC0415

    nights_command(name, limit)


ledger = typer.Typer(
    help=(
        "Look into the ledger: every reply that was ever paid for.\n\n"
        "Whatever is asked again is answered from it, free of charge, and a run that was interrupted resumes from it. "
        "It is part of the database in WHET_HOME, or of the one that WHET_DATABASE_URL names."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(ledger, name="ledger")

LedgerModel = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="Only this model's replies, as whet ledger stats names it."),
]


@ledger.command("stats")
def ledger_stats(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")] = False
) -> None:
    """Show how many replies are kept, of which models, what they cost, and how much disk they take.

    USD are what the replies cost when they were paid for; a + means that the price of some was not known, and that
    they are not in the sum.
    """
    from service.cli.ledger import stats_command  # noqa: PLC0415

    stats_command(as_json=as_json)


@ledger.command("export")
def export_ledger(
    target: Annotated[str, typer.Argument(metavar="FILE|-", help="Where to; - is standard output.")],
    *,
    model: LedgerModel = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what was kept at that time (UTC) or later.")
    ] = None,
) -> None:
    """Write replies as JSON lines, the oldest first.

    Each line has the reply (or the failure that the same question would meet again), the model, the prompt's digest
    and the row's id, tokens, cost, latency and time. The questions themselves are not kept. For example:

    \b
      whet ledger export replies.jsonl --since 2026-01-31
      whet ledger export - --model Qwen3-8B | gzip > replies.jsonl.gz
    """
    from service.cli.ledger import export_command  # noqa: PLC0415

    export_command(target, model=model, since=since)


@ledger.command("prune")
def prune_ledger(
    *,
    older_than: Annotated[
        str | None, typer.Option(metavar="AGE", help="Only what is older, in hours, days or weeks: 36h, 90d, 12w.")
    ] = None,
    epochs_only: Annotated[
        bool, typer.Option("--epochs-only", help="Only replies of --fresh runs, which other runs never ask for.")
    ] = False,
    model: LedgerModel = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete. Without it, only say what would go.")] = False,
) -> None:
    """Delete old replies and make room.

    Without --yes it only says what would go, and what would have to be paid for again if somebody asked the same
    again. Results, prompts and their evidence stay. Never deleted is what an unfinished job needs to resume; one that
    failed or was cancelled counts as unfinished until it is older than AGE. A file gets smaller at once; PostgreSQL
    keeps the room for new replies (VACUUM FULL gives it to the disk). For example:

    \b
      whet ledger prune --older-than 90d
      whet ledger prune --older-than 90d --yes
      whet ledger prune --epochs-only --model Qwen3-8B --yes
    """
    from service.cli.ledger import prune_command  # noqa: PLC0415

    prune_command(older_than=older_than, epochs_only=epochs_only, model=model, yes=yes)


def main() -> None:
    """The console script: runs a command and turns whet's mistakes into a message and an exit code."""
    from benchmarks.errors import BudgetError, EndpointError, WhetError  # noqa: PLC0415

    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except WhetError as error:
        sys.stderr.write(f"whet: {error}\n")
        sys.exit(3 if isinstance(error, EndpointError) else 4 if isinstance(error, BudgetError) else 2)


if __name__ == "__main__":
    main()
