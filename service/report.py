"""The report of an optimization: what its page and its card show, to keep, to send and to read elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service import words
from service.events import LOG, events_after
from service.home import Home
from service.jobs import Job
from service.result import TOY
from service.trials import trials_of
from service.words import Grid

NOT_PROOF = (
    "Scores on validation rows, by which the search chooses: the best of many looks better than it is. What counts is "
    "the proof on test rows."
)
_MARKUP = re.compile(r"([\\`*_\[\]<>|#&~])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What the following is about."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim:
    """A message of a prompt, byte for byte."""

    role: str
    text: str


Part = Heading | Verbatim | Grid | str
"""A piece of a report; a string is a paragraph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is known of a job: its `trials` as the API lists them, and the `notices` that it gave."""

    job: Job
    trials: Sequence[Mapping[str, Any]]
    notices: Sequence[str]

    @staticmethod
    def of(home: Home, job: Job) -> Report:
        """The report of `job`."""
        notices = [event.data["message"] for event in events_after(home, job.id, 0) if event.kind == LOG]
        return Report(job=job, trials=trials_of(home, job.id), notices=notices)

    @property
    def title(self) -> str:
        """What came of it, or where it stands."""
        return self.job.status if self.job.result is None else words.title(self.job.result)

    def parts(self) -> Iterator[Part]:
        """The report, from above."""
        job, result = self.job, self.job.result
        yield f"{job.id}, {job.status}, begun {job.created_at[:16].replace('T', ' ')}."
        if job.error:
            yield job.error
        if result is not None:
            yield from _result(result)
        else:
            yield from self._so_far()
        if self.trials:
            yield trials_grid(self.trials)
            yield NOT_PROOF
        if self.notices:
            yield Heading(text="Notices")
            yield from self.notices

    def _so_far(self) -> Iterator[Part]:
        progress, best = self.job.progress, self.job.best
        if progress:
            yield (
                f"{progress['phase']}: {progress['calls_done']} of at most {progress['calls_planned']} calls done. "
                "There is no proof yet."
            )
        if best:
            score = best["score"]
            yield Heading(text="The prompt that leads so far, not proven")
            yield f"{score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f}) on {best['n']} validation rows."
            yield from _messages(best["prompt"])

    def markdown(self) -> str:
        """The report in Markdown (CommonMark, with the tables of GitHub)."""
        parts = [Heading(text=f"{self.job.task}: {self.title}"), *self.parts()]
        return "\n\n".join(_markdown(part, first=part is parts[0]) for part in parts) + "\n"


def _result(result: Mapping[str, Any]) -> Iterator[Part]:
    yield result["why"]
    evidence, same = result["evidence"], words.same_prompt(result)
    if evidence is not None:
        yield words.scores(evidence, same=same)
        if not same:
            yield words.difference(evidence["difference"])
        if evidence["slices"]:
            yield words.slices(evidence["slices"], same=same)
    proposer = result.get("proposer") or {}
    yield from filter(None, (result.get("overtaken"), words.earlier(result)))
    if front := words.front(result):
        yield front
        yield from words.beside_the_winner(result)
        yield from filter(None, [result.get("cheaper")])
    if parts := words.parts(result):
        yield parts
    yield from words.factors_mattered(result)
    sentences = (
        *(words.placing(result), words.spent(result), words.by_model(result["spent"]), words.judged_by(result)),
        *(words.problems(result), proposer.get("words"), TOY if result["model"]["toy"] else ""),
    )
    yield from filter(None, sentences)
    yield Heading(text=words.name_of_prompt(result))
    yield words.about_prompt(result["winner"])
    yield from _messages(result["winner"])


def _messages(prompt: Mapping[str, Any]) -> Iterator[Part]:
    for message in prompt["messages"]:
        yield Verbatim(role=message["role"], text=message["content"])


def trials_grid(trials: Sequence[Mapping[str, Any]]) -> Grid:
    """The trials as a table."""
    return Grid(
        title="Prompts tried",
        columns=("trial", "score", "95 % interval", "rows", "tokens in", "tokens out", "stopped", "prompt"),
        rows=tuple(
            (
                f"{one['trial']}{' (your prompt)' if one['trial'] == 0 else ''}",
                "" if one["score"] is None else f"{one['score']:.3f}",
                "" if one["interval"] is None else f"{one['interval']['low']:.3f} to {one['interval']['high']:.3f}",
                str(one["n"]),
                f"{one['prompt_tokens']:.0f}",
                f"{one['completion_tokens']:.0f}",
                "yes" if one["stopped"] else "no",
                one["prompt_digest"][:12],
            )
            for one in trials
        ),
    )


def _markdown(part: Part, *, first: bool) -> str:
    match part:
        case Heading():
            return f"{'#' if first else '##'} {_plain(part.text)}"
        case Verbatim():
            longest = max((len(run) for run in re.findall("`+", part.text)), default=0)
            fence = "`" * max(3, longest + 1)
            return f"**{part.role}**\n\n{fence}\n{part.text}\n{fence}"
        case Grid():
            rows = [part.columns, ("---", *(("---:",) * (len(part.columns) - 1))), *part.rows]
            plain = [[cell if number == 1 else _plain(cell) for cell in row] for number, row in enumerate(rows)]
            return f"## {_plain(part.title)}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in plain)
        case _:
            return _plain(part)


def _plain(text: str) -> str:
    """`text` on one line, none of which is markup: models wrote some of it."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
