"""JSON values: parsing, comparing and reaching into them."""

from __future__ import annotations

import json
from typing import Any, NoReturn

ABSENT: Any = object()
"""Where there is no value; distinct from null."""


def refuse_constant(constant: str) -> NoReturn:
    """For `parse_constant`: NaN and Infinity are Python's extensions, not JSON (RFC 8259, section 6)."""
    raise ValueError(f"{constant} is not JSON")


def parsed(text: str) -> Any:
    """The value that the JSON `text` stands for; ABSENT if it is not JSON, or nested beyond what can be read."""
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return ABSENT


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are structurally equal: 1 equals 1.0, but not true; keys have no order, arrays do.

    Works without recursion, since values may be nested deeper than Python's stack.
    """
    pending = [(left, right)]
    while pending:
        left, right = pending.pop()
        if isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            pending += [(value, right[key]) for key, value in left.items()]
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pending += zip(left, right, strict=True)
        elif isinstance(left, bool) or isinstance(right, bool):
            if left is not right:
                return False
        elif left != right:
            return False
    return True


def at_path(value: Any, path: str) -> Any:
    """What stands at the dot path (`items.0.name`: keys, and positions in arrays) in `value`; ABSENT if nothing."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ABSENT
    return value
