"""An entry of the ledger as a row of its table, and back."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.ledger.tables import ledger
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Usage

LARGE = 1024
"""Characters in a text that is not worth compressing."""

NAMES = [column.name for column in ledger.columns]
_FIRST_REFERENCE = NAMES.index("project")
_AFTER_REFERENCES = NAMES.index("repeat")


def shared_texts(entry: Entry) -> tuple[str, ...]:
    """The texts that the row of `entry` refers to, in the order of its columns."""
    return (
        entry.occasion.project,
        entry.occasion.epoch,
        entry.model.endpoint,
        entry.model.model,
        entry.prompt_digest,
        entry.example_id,
    )


def references(row: Sequence[Any]) -> Sequence[int]:
    """The numbers of the texts that `row` refers to, in the same order."""
    return row[_FIRST_REFERENCE:_AFTER_REFERENCES]


def row_of(entry: Entry, number_of: Mapping[str, int], created_at: int) -> tuple[Any, ...]:
    """The row of `entry`, without its sequence: values in the order of the table's columns. `created_at` is in
    milliseconds since 1970."""
    reply = entry.reply
    if isinstance(reply, Completion):
        usage, truncated, failure = reply.usage, reply.truncated, None
        text, packed = pack(reply.text)
    else:
        usage, truncated, failure = _NO_USAGE, False, reply.kind.value
        text, packed = pack(reply.detail)
    return (
        created_at,
        usage.cost_usd,
        reply.latency_s,
        *[number_of[text] for text in shared_texts(entry)],
        entry.repeat,
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens,
        reply.lost_attempts,
        truncated,
        entry.key,
        failure,
        text,
        packed,
    )


def entry_of(row: Sequence[Any], text_of: Mapping[int, str]) -> Entry:
    """The entry in `row`, which holds the table's columns in their order."""
    (
        sequence, _created_at, cost_usd, latency_s,
        project, epoch, endpoint, model, prompt_digest, example_id,
        repeat, prompt_tokens, completion_tokens, cached_tokens, lost_attempts, truncated,
        key, failure, text, packed,
    ) = row  # fmt: skip
    if packed is not None:
        text = unpack(packed)
    reply: Completion | Failure
    if failure is None:
        reply = Completion(
            text=text,
            usage=Usage(
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
                cached_tokens=cached_tokens,
                cost_usd=cost_usd,
            ),
            truncated=bool(truncated),
            latency_s=latency_s,
            lost_attempts=lost_attempts,
        )
    else:
        reply = Failure(kind=FailureKind(failure), detail=text, latency_s=latency_s, lost_attempts=lost_attempts)
    return Entry(
        key=key,
        reply=reply,
        occasion=Occasion(project=text_of[project], epoch=text_of[epoch]),
        model=ModelIdentity(endpoint=text_of[endpoint], model=text_of[model]),
        prompt_digest=text_of[prompt_digest],
        example_id=text_of[example_id],
        repeat=repeat,
        sequence=sequence,
    )


def pack(text: str) -> tuple[str | None, bytes | None]:
    """`text` as it is, or else compressed: if it is large and gets smaller, or if it holds the character NUL, which
    PostgreSQL refuses in texts."""
    nul = "\x00" in text
    if len(text) <= LARGE and not nul:
        return text, None
    plain = text.encode()
    packed = zlib.compress(plain)
    return (None, packed) if nul or len(packed) < len(plain) else (text, None)


def unpack(packed: bytes) -> str:
    """The text that `pack` compressed."""
    return zlib.decompress(packed).decode()


_NO_USAGE = Usage()
