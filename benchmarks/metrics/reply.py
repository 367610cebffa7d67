"""The part of a reply that holds the answer, before a metric reads it."""

from __future__ import annotations

import re
from functools import lru_cache

from benchmarks.metrics.protocol import ReplyFormat

_REASONING_OPENS = re.compile(r"<think>", re.IGNORECASE)
_REASONING_CLOSES = re.compile(r"</think>", re.IGNORECASE)
_EMPHASIS_CLOSES = re.compile(r"[*_]{1,3}(?=\s|$)")


def answer_part(reply: str, reply_format: ReplyFormat) -> str:
    """What `reply` says once hidden reasoning, the marker and the tags around the answer are taken off.

    Three steps, in this order. Reasoning between `<think>` and `</think>` is dropped; so is everything before a
    `</think>` that nothing opened (chat templates write the opening tag into the prompt) and everything after a
    `<think>` that nothing closes. What follows the last marker is taken; emphasis that the marker stood in is closed
    (`**Answer:** x`). What stands between the last opening and the next closing is taken; one of the two is enough,
    since a prompt may end with the opening tag. Marker and tags are found in any case and with any white space
    between their words. White space around the result is stripped; it is empty where nothing remains.
    """
    text = _without_reasoning(reply)
    if reply_format.marker:
        text = _after_marker(text, reply_format.marker)
    return _between(text, reply_format.opening or "", reply_format.closing or "").strip()


def _without_reasoning(reply: str) -> str:
    *closed, last = _REASONING_CLOSES.split(reply)
    shown = ""
    for part in closed:
        before, *hidden = _REASONING_OPENS.split(part, maxsplit=1)
        shown = shown + before if hidden else ""
    return shown + _REASONING_OPENS.split(last, maxsplit=1)[0]


def _after_marker(text: str, marker: str) -> str:
    before, *parts = _literal(marker).split(text)
    if not parts:
        return before
    emphasis = _EMPHASIS_CLOSES.match(parts[-1])
    return parts[-1][emphasis.end() :] if emphasis else parts[-1]


def _between(text: str, opening: str, closing: str) -> str:
    if opening == closing:
        return _between_equal(text, opening) if opening else text
    if opening:
        text = _literal(opening).split(text)[-1]
    return _literal(closing).split(text, maxsplit=1)[0] if closing else text


def _between_equal(text: str, mark: str) -> str:
    """Where the opening looks like the closing: the last complete pair, else the side of a lone mark with text."""
    parts = _literal(mark).split(text)
    pairs = (len(parts) - 1) // 2
    return parts[2 * pairs - 1] if pairs else next(filter(str.strip, parts), "")


@lru_cache(maxsize=256)
def _literal(text: str) -> re.Pattern[str]:
    return re.compile(r"\s*".join(map(re.escape, text.split())), re.IGNORECASE)
