"""JSON match: the answer is the expected JSON, however it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import TYPE_CHECKING, Any

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.json_values import ABSENT, at_path, equal, parsed
from benchmarks.metrics.row_mean import RowMean

if TYPE_CHECKING:
    from benchmarks.metrics.json_schema import Schema


class JsonMatch(RowMean):
    """1 if the answer is structurally equal to the expected JSON object or array, else 0.

    The order of keys and the spelling of numbers (1, 1.0) do not count; the order of an array does. With `fields`
    (dot paths such as `customer.name` or `items.0`), the score is the share of those fields that are equal. With
    `schema` (JSON Schema; every reference must stay within it), an answer that does not satisfy it scores 0.
    """

    name = "json_match"

    def __init__(
        self,
        *,
        fields: Sequence[str] = (),
        schema: Mapping[str, object] | None = None,
        extract: Extraction = "json",
        labels: Sequence[str] = (),
    ) -> None:
        self.extractor = make_extractor(extract, labels)
        self.binary = len(fields) <= 1
        self._fields = tuple(fields)
        self._schema: Schema | None = None
        if schema is not None:
            from benchmarks.metrics.json_schema import Schema  # noqa: PLC0415 - jsonschema is slow to import

            self._schema = Schema(schema)

    def score(self, answer: str, example: Example) -> float:
        """What `answer` is worth, in [0, 1]; 0.0 if it is not JSON or does not satisfy the schema.

        Raises MetricError if the expected answer is not a JSON object or array or lacks one of the fields.
        """
        expected = self._expected(example)
        value = parsed(answer)
        if value is ABSENT or (self._schema and not self._schema.allows(value)):
            return 0.0
        if not self._fields:
            return float(equal(value, expected))
        matches = [equal(at_path(value, field), at_path(expected, field)) for field in self._fields]
        return fsum(matches) / len(matches)

    def check(self, example: Example) -> None:
        """Raises MetricError if the expected answer is not a JSON object or array, lacks one of the fields, or does
        not satisfy the schema."""
        expected = self._expected(example)
        if self._schema and not self._schema.allows(expected):
            raise MetricError(
                f"{example.origin}: the expected answer does not satisfy the schema of json_match, so every right "
                "reply would score 0; correct the row or the schema."
            )

    def _expected(self, example: Example) -> Any:
        value = parsed(example.answer)
        if not isinstance(value, dict | list):
            raise MetricError(
                f"{example.origin}: the expected answer {_shortened(example.answer)} is not a JSON object or array, "
                "which json_match needs; correct the row or use another metric."
            )
        for field in self._fields:
            if at_path(value, field) is ABSENT:
                raise MetricError(
                    f"{example.origin}: the expected answer has no field {field!r}, which the option `fields` of "
                    "json_match names; correct the path, or write null in rows where it is empty."
                )
        return value


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")
