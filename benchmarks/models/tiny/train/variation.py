"""Messages as other people would have typed them, so that few texts go further than being learned by heart."""

from __future__ import annotations

import random
import re

MOST_WORDS_LOST = 0.3


def varied(text: str, rng: random.Random) -> str:
    """`text` with some of: another case, typos, words left out, sentences left out or in another order."""
    for change in (_other_case, _fewer_words, _other_sentences, _typos):
        if rng.random() < 0.35:
            text = change(text, rng) or text
    return text


def _other_case(text: str, rng: random.Random) -> str:
    return text.upper() if rng.random() < 0.1 else text.lower()


def _fewer_words(text: str, rng: random.Random) -> str:
    lost = rng.uniform(0, MOST_WORDS_LOST)
    return "".join(piece for piece in re.split(r"(\s*\S+)", text) if rng.random() >= lost)


def _other_sentences(text: str, rng: random.Random) -> str:
    sentences = re.split(r"(?<=[.!?])\s+", text)
    if len(sentences) < 3:
        return text
    if rng.random() < 0.5:
        rng.shuffle(sentences)
    else:
        del sentences[rng.randrange(len(sentences))]
    return " ".join(sentences)


def _typos(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(1 + len(letters) // rng.randint(20, 60)):
        place = rng.randrange(len(letters))
        if not letters[place].isalpha():
            continue
        edit = rng.randrange(3)
        if edit == 0:
            letters[place] = ""
        elif edit == 1:
            letters[place] *= 2
        elif place:
            letters[place - 1], letters[place] = letters[place], letters[place - 1]
    return "".join(letters)
