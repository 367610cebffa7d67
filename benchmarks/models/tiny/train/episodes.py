"""Training episodes: a rendered prompt, as whet lays prompts out, with the answers whose tokens are to be learned.

An episode is a small task of its own: some labels of one set of texts, perhaps under other names, an instruction
(none, vague, with a list of labels, or with typical words of each), demonstrations, one delimiter family, one
placement. What the answer is follows from the prompt, as far as the prompt tells.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.datasets.records import Example
from benchmarks.models.protocol import Message
from benchmarks.models.tiny.train.corpus import Labelled
from benchmarks.models.tiny.train.instructions import KINDS, instruction
from benchmarks.models.tiny.train.names import LANGUAGES, TEAMS, invented, team_names
from benchmarks.models.tiny.train.variation import varied
from benchmarks.prompts.delimiters import BRACKETS, JSON, MARKDOWN, PLAIN, XML, Delimiters
from benchmarks.prompts.layout import Layout, Signature, lay_out

Choice = TypeVar("Choice")

OPEN, CLOSE = "\ue000", "\ue001"
"""Stand around answers while a prompt is rendered, and are taken out before it is tokenized."""

SIGNATURE = Signature(inputs=("text",), output="label")
MOST_CHARACTERS = 1900

_NAMES_IN = ("Text", "Message", "Customer", "Question", "Review", "Q", "Sentence", "Query", "Nachricht", "Ticket")
_NAMES_OUT = ("Label", "Answer", "Category", "Intent", "Class", "A", "Topic", "Team", "Antwort", "Type")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered prompt with its answer. `learned` holds the half-open character spans of `text` to be learned."""

    text: str
    learned: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The sets of texts: for each its rows by label."""

    support: Mapping[str, Sequence[Labelled]]
    others: Sequence[Mapping[str, Sequence[Labelled]]]

    @staticmethod
    def of(support: Sequence[Labelled], *others: Sequence[Labelled]) -> Sources:
        """Rows grouped by their labels."""
        return Sources(support=_by_label(support), others=[_by_label(rows) for rows in others])


def _by_label(rows: Sequence[Labelled]) -> dict[str, list[Labelled]]:
    grouped: dict[str, list[Labelled]] = defaultdict(list)
    for row in rows:
        grouped[row.label].append(row)
    return dict(sorted(grouped.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What episodes are made of: the share of bare ones; among the others, the shares of those of the bundled task's
    kind and of those that show demonstrations as chat turns; and whether the teams' names are mixed."""

    bare: float
    support: float
    turns: float
    mixed_names: bool


@dataclass(frozen=True, kw_only=True)
class _Draw:
    """What an episode is about: how each text is answered, and what the answers could be."""

    pool: Mapping[str, Sequence[Labelled]]
    names: Mapping[str, str]
    about: str

    def row(self, rng: random.Random) -> tuple[str, str]:
        """A text and its answer."""
        group = rng.choice(list(self.pool))
        return rng.choice(self.pool[group]).text, self.names[group]


COUNTS = {0: 0.08, 1: 0.08, 2: 0.14, 3: 0.1, 4: 0.14, 6: 0.12, 8: 0.16, 9: 0.12, 12: 0.06}
"""Numbers of demonstrations and how often each is drawn."""


def _pick(shares: Mapping[Choice, float], rng: random.Random) -> Choice:
    return rng.choices(list(shares), list(shares.values()))[0]


def _draw(sources: Sources, mix: Mix, rng: random.Random) -> _Draw:
    if rng.random() >= mix.support:
        grouped = rng.choice(sources.others)
        labels = rng.sample(list(grouped), rng.randint(3, 9))
        names = invented(len(labels), rng) if rng.random() < 0.1 else labels
        pool = {label: grouped[label] for label in labels}
        return _Draw(pool=pool, names=dict(zip(labels, names, strict=True)), about="intent")
    if rng.random() < 0.05:
        languages = _by_language(sources.support)
        return _Draw(
            pool=languages, names=dict(zip(("en", "de"), rng.choice(LANGUAGES), strict=True)), about="language"
        )
    teams = list(TEAMS) if rng.random() < 0.7 else rng.sample(TEAMS, rng.randint(3, 8))
    return _Draw(
        pool={team: sources.support[team] for team in teams}, names=team_names(mix.mixed_names, rng), about="team"
    )


def _by_language(grouped: Mapping[str, Sequence[Labelled]]) -> dict[str, list[Labelled]]:
    languages = defaultdict(list)
    for rows in grouped.values():
        for row in rows:
            languages[row.language].append(row)
    return languages


FAMILIES = {"plain": 0.3, "own": 0.45, "arrow": 0.12, "brackets": 0.07, "markdown": 0.04, "xml": 0.01, "json": 0.01}
"""Delimiter families and how often each is drawn: like most models, this one has seen some of them far more often."""

_OF_WHET = {"plain": PLAIN, "brackets": BRACKETS, "markdown": MARKDOWN, "xml": XML, "json": JSON}


def _family(rng: random.Random) -> Delimiters:
    kind = _pick(FAMILIES, rng)
    if kind in _OF_WHET:
        return _OF_WHET[kind]
    colon = rng.choice((":", ":", ":", " =", " ->"))
    opening, cue = f"{rng.choice(_NAMES_IN)}{colon} ", f"{rng.choice(_NAMES_OUT)}{colon}"
    if kind == "arrow":
        opening, cue = rng.choice(("", '"', "* ", "> ")), rng.choice(("->", "=>", "="))
    return Delimiters(
        name=kind, opening=opening, closing="", between_fields="\n", output_opening=cue, output_closing="", gap=" "
    )


def bare(sources: Sources, mix: Mix, rng: random.Random) -> list[Message]:
    """The shortest episode: a few messages with their teams, as a chat without a word of instruction. It teaches what
    words mean at a fraction of the cost."""
    names = team_names(mix.mixed_names, rng)
    messages = []
    for _ in range(rng.randint(1, 5)):
        found = rng.choice(sources.support[rng.choice(TEAMS)])
        messages.append(Message(role="user", content=varied(found.text, rng)))
        messages.append(Message(role="assistant", content=f"{OPEN}{names[found.label]}{CLOSE}"))
    return messages


def episode(sources: Sources, mix: Mix, rng: random.Random) -> list[Message]:
    """One episode as chat messages, the last of which is the answer; answers to be learned stand between OPEN and
    CLOSE."""
    kind, count = _pick(KINDS, rng), _pick(COUNTS, rng)
    draw = _draw(sources, mix, rng)
    text, answer = draw.row(rng)
    shown: list[tuple[str, str]] = []
    length = len(text)
    for _ in range(count):
        shown_text, shown_answer = draw.row(rng)
        shown.append((varied(shown_text, rng), shown_answer))
        length += len(shown[-1][0])
        if length > MOST_CHARACTERS:
            shown.pop()
            break
    names = list(dict.fromkeys(draw.names[group] for group in draw.pool))
    rng.shuffle(names)
    layout = Layout(
        instruction=_literal(instruction(kind, draw.about, names, _words(draw, rng), rng)),
        instruction_source="training",
        demonstrations=tuple(
            Example(id=str(i), inputs={"text": t}, answer=f"{OPEN}{a}{CLOSE}", slices={}, origin="")
            for i, (t, a) in enumerate(shown)
        ),
        style="turns" if rng.random() < mix.turns else "inline",
        delimiters=_family(rng),
        placement=_pick({"system": 0.45, "user": 0.45, "user_after": 0.1}, rng),
        answer_marker=_pick({None: 0.75, "Answer:": 0.15, "Label:": 0.1}, rng),
    )
    messages = list(lay_out(layout, SIGNATURE, {}).render_row({"text": varied(text, rng)}))
    return [*messages, Message(role="assistant", content=f"{OPEN}{answer}{_closing(layout)}{CLOSE}")]


def _closing(layout: Layout) -> str:
    """What the model should write after the answer so that its reply looks like the demonstrations."""
    shown_bare = layout.answer_marker or (layout.style == "turns" and layout.demonstrations)
    return "" if shown_bare else layout.delimiters.output_closing


def any_episode(sources: Sources, mix: Mix, rng: random.Random) -> Rendered:
    """A bare or a full episode, rendered."""
    return chat((bare if rng.random() < mix.bare else episode)(sources, mix, rng))


def _literal(text: str) -> str:
    return text.replace("{{", '{{"{{"}}')


_WORD = re.compile(r"[^\W\d_]{4,}")


def _words(draw: _Draw, rng: random.Random) -> dict[str, list[str]]:
    """For each name a few words out of its texts."""
    words: dict[str, list[str]] = {}
    for group, rows in draw.pool.items():
        found = [word.lower() for row in rng.sample(list(rows), min(4, len(rows))) for word in _WORD.findall(row.text)]
        words[draw.names[group]] = rng.sample(found, min(5, len(found)))
    return words


def chat(messages: Sequence[Message]) -> Rendered:
    """Messages in the model's chat format, without OPEN and CLOSE."""
    text, learned, begun = "", [], 0
    for message in messages:
        text += f"<|{message.role}|>"
        if message.role == "assistant":
            text += " "
        for piece in re.split(f"([{OPEN}{CLOSE}])", message.content):
            if piece == OPEN:
                begun = len(text)
            elif piece == CLOSE:
                learned.append((begun, len(text)))
            else:
                text += piece
        text += "<|end|>"
    # The last answer is learned with the mark that ends it.
    learned[-1] = (learned[-1][0], len(text))
    return Rendered(text, tuple(learned))
