"""The text of a first task file: every field with the reason for it, and what could stand there instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.datasets.answers import AnswerKind
from benchmarks.datasets.profile import Profile
from benchmarks.datasets.records import Split
from benchmarks.datasets.roles import Role
from benchmarks.tasks.wording import description_of, instruction_for
from optimizers.plan import make_plan
from service.cli.yaml_text import block, comment, flow_list, scalar

MOST_LABELS_WRITTEN = 40
USUAL_CALLS = 1000
LARGE_CALLS = 2000

_SEARCH = """\
# Without these lines every factor has its usual choices. One choice fixes a factor.
# search:
#   proposers: [grammar]                  # with candidates: [given, grammar]
#   demonstrations: {count: [0, 4, 8]}
#   delimiters: [plain, markdown, xml]
#   placement: [system, user]
#   reasoning: ["off", "on"]              # on: the model thinks before it answers, which takes more tokens
"""
_CANDIDATES = """\
# Wordings of your own, to be tried against it:
# candidates:
#   instructions:
#     - "..."
"""
_MODELS = """\
# The model that answers. Uncomment one, or give --model and --api-base on the command line.
# A vLLM server, or any other with an OpenAI-compatible address:
# model: {name: hosted_vllm/Qwen3-8B, api_base: "http://localhost:8000/v1"}
# A provider, with the key in the environment variable that you name:
# model: {name: openai/gpt-5-mini, api_key_env: OPENAI_API_KEY}
# The bundled toy model, only to see whet work (it was made for other rows than yours):
# model: {name: tiny}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the text is made of. `source` is the data file as messages call it, `data_path` its path from the task
    file, `file` the task file's name; `sizes` are the rows of each split, None while they are not known."""

    profile: Profile
    file: str
    name: str
    source: str
    data_path: str
    model: str | None
    api_base: str | None
    sizes: Mapping[Split, int] | None = None


def task_text(draft: Draft) -> str:
    """The task file, in YAML."""
    return "\n".join([_heading(draft), *_columns(draft), *_scoring(draft.profile), *_prompt(draft), _model(draft)])


def _heading(draft: Draft) -> str:
    model = "" if draft.model else ", name a model (last lines)"
    return (
        comment(f"A first guess at the task in {draft.source}, {draft.profile.rows} rows. Correct it{model}, then:")
        + f"#   whet optimize {draft.file} --dry-run    checks it and forecasts the cost; calls nothing\n"
        + f"#   whet optimize {draft.file}              searches, proves, prints the result\n"
    )


def _columns(draft: Draft) -> Iterator[str]:
    profile = draft.profile
    yield comment("Apps pull the prompt under this name.") + f"name: {scalar(draft.name)}\n"
    yield (
        comment(
            "What the task is, in a sentence. New prompts are made of it, so tell it as you would tell a colleague."
        )
        + f"description: {block(description_of(profile), 2)}\n"
    )
    inputs = "\n".join(f"{place.column!r}: {place.why}." for place in profile.placed(Role.INPUT))
    left_out = "; ".join(f"{place.column!r} ({place.why})" for place in profile.placed(Role.IGNORED))
    yield (
        comment(f"What the model is shown.\n{inputs}")
        + (comment(f"Left out: {left_out}.") if left_out else "")
        + f"inputs: {flow_list(profile.inputs)}\n"
    )
    rivals = f" It might also be {' or '.join(map(repr, profile.rivals))}." if profile.rivals else ""
    yield comment(f"The expected answer: {profile.output.why}.{rivals}") + f"output: {scalar(profile.output.column)}\n"
    yield (
        comment("From this file's folder. Three files of your own: {train: ..., validation: ..., test: ...}")
        + f"data: {{path: {scalar(draft.data_path)}}}\n"
    )
    yield _split(draft)


def _split(draft: Draft) -> str:
    sizes = draft.sizes
    purposes = {
        Split.TRAIN: "where demonstrations come from",
        Split.VALIDATION: "what the search looks at",
        Split.TEST: "kept for the proof",
    }
    listed = "\n".join(f"{split} {sizes[split] if sizes else ''} rows: {use}" for split, use in purposes.items())
    return (
        comment(f"Shares of the rows (up to 1) or numbers of rows; duplicates stay together.\n{listed}")
        + "split: {train: 0.2, validation: 0.4, test: 0.4, seed: 0}\n"
    )


def _scoring(profile: Profile) -> Iterator[str]:
    answers, labels = profile.answers, profile.labels
    scored = f"{answers.metric}: {answers.metric_why} docs/metrics.md has the others."
    if answers.kind is not AnswerKind.LABELS:
        yield comment(f"{answers.why}\n{scored}") + _metric(profile)
    else:
        listed = f"labels: {flow_list(labels)}\n" if len(labels) <= MOST_LABELS_WRITTEN else ""
        unlisted = "" if listed else f" whet reads the {len(labels)} labels off the data."
        yield comment(f"{answers.why}{unlisted}") + listed
        yield comment(scored) + _metric(profile)
    slices = profile.placed(Role.SLICE)
    if slices:
        each = "\n".join(f"{place.column!r}: {place.why}." for place in slices)
        columns = flow_list([place.column for place in slices])
        yield comment(f"Columns by whose values the result is broken down.\n{each}") + f"slices: {columns}\n"


def _metric(profile: Profile) -> str:
    answers = profile.answers
    options = "".join(f"\n  {name}: {flow_list(texts)}" for name, texts in answers.options.items())
    return f"metric:\n  name: {answers.metric}{options}\n" if options else f"metric: {answers.metric}\n"


def _prompt(draft: Draft) -> Iterator[str]:
    hints = "".join(f"\n{hint}" for hint in draft.profile.hints)
    yield (
        comment(f"The prompt to beat: put the one you use today here.{hints}")
        + f"prompt:\n  instruction: {block(instruction_for(draft.profile), 4)}\n"
    )
    yield _CANDIDATES
    yield _SEARCH
    calls = USUAL_CALLS
    said = "Most model calls to pay for."
    if draft.sizes:
        rows = draft.sizes[Split.TEST]
        calls = USUAL_CALLS if 4 * rows <= USUAL_CALLS else LARGE_CALLS
        plan = make_plan(
            calls=calls,
            validation_rows=draft.sizes[Split.VALIDATION],
            test_rows=rows,
            space_size=calls,
            instructions=1,
            repeats=1,
        )
        said += (
            f" The proof takes {plan.proof_calls} of them (your prompt and the winner on {plan.proof_rows} test rows), "
            f"the search the rest."
        )
    yield comment(f"{said} Further caps: tokens, usd, seconds.") + f"budget: {{calls: {calls}}}\n"


def _model(draft: Draft) -> str:
    if draft.model is None:
        return _MODELS
    address = f"\n  api_base: {scalar(draft.api_base)}" if draft.api_base else ""
    return (
        comment("The model that answers.")
        + f"model:\n  name: {scalar(draft.model)}{address}\n"
        + "  # api_key_env: MY_KEY                 # the environment variable with the key, where one is needed\n"
        + "  # parameters: {max_tokens: 2000}      # for models that think before they answer\n"
    )
