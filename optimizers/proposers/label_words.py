"""Words that are typical of each label, from the train rows."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from benchmarks.datasets.records import Example

_WORD = re.compile(r"[^\W\d_]{3,}")
_PRIOR = 0.5


def characteristic_words(train: Sequence[Example], labels: Sequence[str], count: int = 5) -> dict[str, list[str]]:
    """For each label, up to `count` words that set its rows apart from the others, the most telling first.

    Words are ranked by their smoothed log-odds in rows of the label against all other rows (Monroe, Colaresi and
    Quinn, "Fightin' Words", 2008, without variance scaling), and must occur in at least two rows of the label.
    """
    rows: dict[str, Counter[str]] = {label: Counter() for label in labels}
    sizes: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for example in train:
        words = {word.lower() for text in example.inputs.values() for word in _WORD.findall(text)}
        total.update(words)
        if example.answer in rows:
            rows[example.answer].update(words)
            sizes[example.answer] += 1

    def odds(word: str, label: str) -> float:
        here, elsewhere = rows[label][word] + _PRIOR, total[word] - rows[label][word] + _PRIOR
        others = len(train) - sizes[label]
        return math.log(here / (sizes[label] + 2 * _PRIOR)) - math.log(elsewhere / (others + 2 * _PRIOR))

    return {
        label: sorted(
            (word for word, n in rows[label].items() if n >= 2 and odds(word, label) > 0),
            key=lambda word: (-odds(word, label) * math.log1p(rows[label][word]), word),
        )[:count]
        for label in labels
    }
