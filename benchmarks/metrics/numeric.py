"""Numeric: the answer is the expected number."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from math import isfinite

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.numerals import numerals, only_number
from benchmarks.metrics.row_mean import RowMean

# Decimal, so that 0.3 is within 0.1 of 0.2; no traps, so that no number is too large to be compared.
_ARITHMETIC = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


class Numeric(RowMean):
    """1 if the last number of the answer is the expected number, else 0.

    Two numbers are the same if they differ by at most `tolerance`, or by at most `relative_tolerance` times the
    expected number's size; both are 0 by default, so 42 equals 42.0 and nothing else. How numbers are read is
    described in `benchmarks.metrics.numerals`.
    """

    name = "numeric"
    binary = True

    def __init__(
        self,
        *,
        tolerance: float = 0.0,
        relative_tolerance: float = 0.0,
        extract: Extraction = "number",
        labels: Sequence[str] = (),
    ) -> None:
        self.extractor = make_extractor(extract, labels)
        self._tolerance = _tolerance("tolerance", tolerance)
        self._relative = _tolerance("relative_tolerance", relative_tolerance)

    def score(self, answer: str, example: Example) -> float:
        """1.0 if the last number of `answer` is the expected one, else 0.0.

        Raises MetricError if the expected answer is not one number.
        """
        expected = self._expected(example)
        found = numerals(answer)
        if not found:
            return 0.0
        difference = _ARITHMETIC.abs(_ARITHMETIC.subtract(Decimal(found[-1]), expected))
        allowed = max(self._tolerance, _ARITHMETIC.multiply(self._relative, _ARITHMETIC.abs(expected)))
        return float(difference <= allowed)

    def check(self, example: Example) -> None:
        """Raises MetricError if the expected answer is not one number."""
        self._expected(example)

    def _expected(self, example: Example) -> Decimal:
        number = only_number(example.answer)
        if number is None:
            raise MetricError(
                f"{example.origin}: the expected answer {example.answer!r} is not one number; write one such as "
                "`1234.5` or `1,234.5`, or use another metric."
            )
        return number


def _tolerance(option: str, value: float) -> Decimal:
    if not isfinite(value) or value < 0:
        raise MetricError(f"The option {option!r} of the metric 'numeric' must be 0 or more; got {value!r}.")
    return Decimal(str(value))
