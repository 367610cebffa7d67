"""Content addresses: the same content has the same digest on every machine and in every version of whet."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


def canonical(content: Any) -> bytes:
    """The canonical JSON of `content`: sorted keys, no spaces, UTF-8."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def digest(content: Any) -> str:
    """The sha256 of the canonical JSON of `content`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(content)).hexdigest()
