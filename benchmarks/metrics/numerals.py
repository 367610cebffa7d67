"""Numerals: the numbers written in a text."""

from __future__ import annotations

import re
from decimal import Decimal

# The number of thousands groups is bounded so that a long list of numbers is read in linear time.
_NUMERAL = re.compile(
    r"""
    (?P<sign> (?<![A-Za-z_\d)\]]) [-−] (?=[$€£¥₹\d.]) )?     # after a word or a bracket it is a hyphen or a subtraction
    [$€£¥₹]?
    (?P<inner_sign> (?<=[$€£¥₹]) [-−] )?
    (?<![A-Za-z_\d])                                 # `km2` holds no number
    (?P<digits>
        (?: \d{1,3} (?:[,\u00a0\u2009\u202f]\d{2,3}){0,10} [,\u00a0\u2009\u202f]\d{3} (?!\d) | \d+ ) (?: \.\d+ )?
      | (?<![\d.]) \.\d+
    )
    (?P<exponent> [eE][+-]?\d{1,3} (?!\d) )?
    """,
    re.VERBOSE,
)
_SEPARATORS = str.maketrans("", "", ",\u00a0\u2009\u202f")


def numerals(text: str) -> list[str]:
    """The numbers in `text`, in their order, as plain numerals: `$1,234.50` gives `1234.50`.

    A comma (or a no-break or thin space) groups thousands and a dot is the decimal mark. Signs, also the typographic
    minus, and scientific notation are kept; currency and percent signs are dropped, so `45 %` is 45. Digits that
    follow a Latin letter or an underscore belong to a word (`km2`) and are not numbers.
    """
    return [_plain(match) for match in _NUMERAL.finditer(text)]


def _plain(match: re.Match[str]) -> str:
    sign = "-" if match["sign"] or match["inner_sign"] else ""
    return sign + match["digits"].translate(_SEPARATORS) + (match["exponent"] or "")


def only_number(text: str) -> Decimal | None:
    """The number in `text`; None if there is none, or more than one."""
    found = numerals(text)
    return Decimal(found[0]) if len(found) == 1 else None
