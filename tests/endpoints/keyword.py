"""A small rule-driven model that reads its prompt: what the prompt leaves out, it does not know.

It answers classification rows of real text. A label is known only if it stands somewhere in the prompt, in a list of
labels or as the answer of a demonstration; the question's words are compared with the demonstrations and with the
label's own name, so demonstrations help, near ones most. The question is the last paragraph of substance, so an
instruction after it hides it. Unless demonstrations or the word "only" show that a bare label is wanted, the label
comes in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_WORD = re.compile(r"[a-z0-9]+")
_STOP_WORDS = set(
    _WORD.findall("a an and are can do for have how i in is it my of on that the this to was what when why")
)


def stems(text: str) -> set[str]:
    """The content words of `text`, cut to 5 letters so that cancel and cancelled are one word."""
    return {word[:5] for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS}


class KeywordModel:
    """Knows all `labels` of the task by sight, so that it can find them in a prompt; says only those it found."""

    def __init__(self, *, labels: Sequence[str]) -> None:
        self._names = {label: stems(label.replace("_", " ")) for label in labels}
        either = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
        self._mention = re.compile(rf"(?<!\w)(?:{either})(?!\w)")
        # An answer stands alone: after a line break, colon, quote, tag or bracket, and before the like.
        self._answer = re.compile(rf"(?:^|[\n:>\"\]])[ \t]*({either})(?=[ \t\"'}}\]]*(?:$|\n|<|\[))")

    def answer(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The reply to a prompt of messages with `role` and `content`."""
        text = "\n\n".join(message["content"] for message in messages)
        known = set(self._mention.findall(text))
        if not known:
            return "I do not know which answers there are."
        demonstrations, question = self._read(text)
        asked = stems(question)
        nearest = dict.fromkeys(known, 0.0)
        for label, words in demonstrations:
            nearest[label] = max(nearest[label], _overlap(asked, words))
        best = max(sorted(known), key=lambda label: nearest[label] + 0.5 * _overlap(asked, self._names[label]))
        bare = any(len(words) > 2 for _, words in demonstrations) or " only" in text.lower()
        return best if bare else f"I would say that this is about {best}, but it could be something else."

    def _read(self, text: str) -> tuple[list[tuple[str, set[str]]], str]:
        """The demonstrations (label, content words of the paragraphs between the previous answer and this one), and
        the last paragraph of substance after them, which is the question."""
        demonstrations, end = [], 0
        for found in self._answer.finditer(text):
            demonstrations.append((found[1], stems(_last_paragraph(text[end : found.start(1)]))))
            end = found.end()
        return demonstrations, _last_paragraph(text[end:])


def _last_paragraph(text: str) -> str:
    paragraphs = [paragraph for paragraph in text.split("\n\n") if len(stems(paragraph)) > 2]
    return paragraphs[-1] if paragraphs else text


def _overlap(asked: set[str], seen: set[str]) -> float:
    """The cosine of two sets of words, in [0, 1]."""
    return len(asked & seen) / ((len(asked) * len(seen)) ** 0.5 or 1.0)
