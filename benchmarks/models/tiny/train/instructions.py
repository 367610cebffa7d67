"""Instructions for training episodes, from none at all to a list of labels with typical words."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

_ABOUT = {
    "team": (
        "team", "team", "team", "department", "category", "queue", "class", "desk", "label", "topic",
    ),
    "intent": ("intent", "category", "label", "class", "topic", "intention"),
    "language": ("language", "tongue"),
}  # fmt: skip
_TEXTS = ("message", "text", "customer's message", "query", "request", "ticket", "sentence", "email", "input")

_VAGUE = (
    "Classify the {text}.",
    "Read the {text} and answer.",
    "Label the {text}.",
    "What is this about?",
    "Do the task.",
    "Continue.",
    "Answer briefly.",
)
_TASK = (
    "Which {what} fits the {text} best?",
    "Give the {what} of the {text}.",
    "Classify the {text} by {what}.",
    "Read the {text} and give the {what}.",
    "Read the {text}. Which {what} should it get?",
    "Which {what} should handle this {text}?",
    "Given the {text}, write the {what}.",
    "Decide on the {what} of the {text}.",
    "Name the {what}.",
)
_ROLE = (
    "You are an expert.",
    "You are a helpful assistant.",
    "You sort mail for a company.",
    "You are an expert who determines the {what} from the {text}.",
    "You help with this task: find the {what}.",
)
_RULES = (
    "Work carefully.",
    "If more than one fits, choose the main one.",
    "Never invent a new {what}.",
    "Consider the whole {text} before you decide.",
)
_ONLY = (
    "Answer with one of them and nothing else.",
    "Write only the {what}.",
    "No explanation.",
    "Spell it exactly as shown.",
    "Answer in a single line.",
)
_LISTS = (
    "The possible values of {what} are: {commas}.",
    "Choose one of: {commas}.",
    "Choose one of:\n{bullets}",
    "Labels: {commas}",
    "Labels: {bars}",
    "Options:\n{bullets}",
    "One of {commas}.",
)


KINDS = {"none": 0.12, "vague": 0.08, "asked": 0.15, "list": 0.5, "words": 0.15}
"""Kinds of instructions and how often each is drawn; `list` and `words` tell the labels."""


def instruction(
    kind: str, about: str, names: Sequence[str], words: Mapping[str, Sequence[str]], rng: random.Random
) -> str:
    """An instruction of `kind` for telling texts apart by `about` (team, intent, language), with the answers `names`
    and, for each, typical `words`."""
    fill = {
        "what": rng.choice(_ABOUT[about]),
        "text": rng.choice(_TEXTS),
        "commas": ", ".join(names),
        "bars": " | ".join(names),
        "bullets": "\n".join(f"- {name}" for name in names),
    }
    if kind == "none":
        return ""
    if kind == "vague":
        return rng.choice(_VAGUE).format(**fill)
    parts = [rng.choice(_ROLE)] if rng.random() < 0.3 else []
    parts.append(rng.choice(_TASK))
    if rng.random() < 0.3:
        parts.append(rng.choice(_RULES))
    if kind == "list":
        parts.append(rng.choice(_LISTS))
    filled = [part.format(**fill) for part in parts]
    if kind == "words":
        defined = "\n".join(f"- {name}: typical words are {', '.join(words[name])}" for name in names)
        filled.append(f"The values of {fill['what']}, with words that are typical of each:\n{defined}")
    if rng.random() < 0.5:
        filled.append(rng.choice(_ONLY).format(**fill))
    return rng.choice(("\n", " ")).join(filled)
