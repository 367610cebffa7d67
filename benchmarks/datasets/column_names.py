"""What the names of columns say about them. English words only; where a name says nothing, the values decide."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 4
"""Words of a name that is no sentence."""


class Sense(StrEnum):
    """What a column with such a name usually holds."""

    ANSWER = "answer"
    INPUT = "input"
    IDENTIFIER = "identifier"
    TIME = "time"
    SPLIT = "split"
    AFTERTHOUGHT = "afterthought"
    """What is written or computed together with the answer, or after it: it would give the answer away."""
    GROUP = "group"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a name says: `strength`, 0 to 16, is how strongly it names the expected answer; `judges` says that the
    answer passes judgement on the row, so that somebody's reply may be part of what is judged."""

    sense: Sense
    strength: int = 0
    judges: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANSWERS = {
    16: _words("label labels target expected output answer gold truth ideal y"),
    10: _words(
        "category class classification intent team department queue topic sentiment emotion polarity stance verdict "
        "correct correctness quality preference"
    ),
    9: _words("response reply completion summary translation value result extraction entities correction rewrite sql"),
    7: _words(
        "type kind tag tags priority urgency severity status rating stars score grade decision outcome section genre "
        "assignee folder"
    ),
}
_FIRST_OF_ANSWERS = _words("expected gold correct true ideal")
_JUDGEMENTS = _words("label labels class score rating stars grade verdict correct correctness quality preference")
_INPUTS = _words(
    "text message messages question questions body subject prompt context input inputs query title description content "
    "comment comments review tweet post sentence passage document article email mail utterance conversation transcript "
    "dialogue dialog chat ticket request complaint headline snippet abstract premise hypothesis instruction "
    "instructions problem feedback note notes paragraph story history statement claim choices options option field "
    "attribute aspect"
)
_IDENTIFIERS = _words("id ids uuid guid index idx key hash unnamed pk no nr")
_TIMES = _words("date time datetime timestamp created updated modified")
_SPLITS = _words("split fold partition")
_AFTERTHOUGHTS = _words(
    "rationale explanation reasoning justification thought thoughts cot resolution prediction predicted predictions "
    "confidence probability prob logit logits"
)
_GROUPS = _words(
    "channel language lang locale country region city source product platform version tier plan segment device market "
    "store site brand gender annotator paper publisher author"
)
_AMOUNTS = _words("amount total price cost sum count quantity number age duration")
_SAYING_LITTLE = _words("text name str string")
"""As the last of several words: `label_text` is a label."""


def words_of(name: str) -> list[str]:
    """The words of a column's name in lower case: `createdAt` and `created_at` are `created`, `at`; numbers are left
    out (`sentence1`)."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = [re.sub(r"\d+$", "", word.casefold()) for word in re.split(r"[\W_]+", spaced)]
    return [word for word in words if word]


def meaning_of(name: str) -> Meaning:
    """What `name` says; the last of its words weighs most (`message_id` is an identifier). A whole sentence, such as
    the question of a survey, says nothing."""
    words = words_of(name)
    if not 0 < len(words) <= LONGEST:
        return Meaning(sense=Sense.NONE)
    if len(words) > 1 and words[-1] in _SAYING_LITTLE and _strength(words[-2]):
        words = words[:-1]
    last, several = words[-1], len(words) > 1
    first_words = {Sense.IDENTIFIER: {"unnamed"}, Sense.AFTERTHOUGHT: {"predicted", "prediction"}}
    for sense, known in (
        (Sense.IDENTIFIER, _IDENTIFIERS | ({"number"} if several else set())),
        (Sense.TIME, _TIMES | ({"at", "on"} if len(words) == 2 else set())),
        (Sense.SPLIT, _SPLITS),
        (Sense.AFTERTHOUGHT, _AFTERTHOUGHTS),
    ):
        if last in known or words[0] in first_words.get(sense, ()):
            return Meaning(sense=sense)
    strength = 15 if several and words[0] in _FIRST_OF_ANSWERS else max(0, _strength(last) - several)
    if strength:
        return Meaning(sense=Sense.ANSWER, strength=strength, judges=last in _JUDGEMENTS)
    for sense, known in ((Sense.INPUT, _INPUTS), (Sense.GROUP, _GROUPS)):
        if last in known:
            return Meaning(sense=sense)
    return Meaning(sense=Sense.NONE)


def is_amount(name: str) -> bool:
    """Whether `name` says that its numbers are amounts, not labels."""
    return not _AMOUNTS.isdisjoint(words_of(name))


def _strength(word: str) -> int:
    return next((strength for strength, words in _ANSWERS.items() if word in words), 0)
