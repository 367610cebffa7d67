from __future__ import annotations

import time
from decimal import Decimal

import pytest

from benchmarks.metrics.numerals import numerals, only_number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$1,234.50.", ["1234.50"]),
        ("1,234,567", ["1234567"]),
        ("1,00,000", ["100000"]),
        ("1\u202f234", ["1234"]),
        ("1,23", ["1", "23"]),
        ("-$5 and $-5 and −5", ["-5", "-5", "-5"]),
        ("3-5", ["3", "5"]),
        ("(2)-1", ["2", "1"]),
        ("45 %", ["45"]),
        ("6.02e23 and 1E-3", ["6.02e23", "1E-3"]),
        (".5", [".5"]),
        ("5.", ["5"]),
        (r"\boxed{42}", ["42"]),
        ("**7**", ["7"]),
        ("km2 H2O v_1", []),
        ("5km, 18th", ["5", "18"]),
        ("答案是-5。", ["-5"]),
        ("none", []),
    ],
)
def test_numbers_are_read_as_plain_numerals(text: str, found: list[str]) -> None:
    assert numerals(text) == found


@pytest.mark.parametrize(("text", "number"), [("1,234 eggs", Decimal(1234)), ("1/2", None), ("none", None)])
def test_only_number_wants_exactly_one(text: str, number: Decimal | None) -> None:
    assert only_number(text) == number


def test_long_lists_are_read_in_linear_time() -> None:
    started = time.perf_counter()
    numerals("12," * 30_000)
    assert time.perf_counter() - started < 5
