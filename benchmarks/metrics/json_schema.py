"""JSON Schema, checked without network and in bounded time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.validators import extend, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from benchmarks.errors import MetricError
from benchmarks.metrics.regex import compiled, occurs


class Schema:
    """A JSON Schema of any published draft (`$schema`; 2020-12 if it names none).

    References must stay within the schema: nothing is ever fetched. `pattern` is matched by RE2, in linear time, and
    `patternProperties`, which could not be, is refused. Raises MetricError if the schema is not one.
    """

    def __init__(self, schema: Mapping[str, object]) -> None:
        for keyword, value in _keywords(schema):
            _refuse_unsafe(keyword, value)
        draft: Any = validator_for(schema, default=Draft202012Validator)
        try:
            draft.check_schema(schema, format_checker=None)
        except SchemaError as error:
            raise MetricError(
                f"The option 'schema' of the metric 'json_match' is not a JSON Schema: {error.message}, at "
                f"{error.json_path}."
            ) from error
        bounded: Any = extend(draft, {"pattern": _pattern})  # type: ignore[no-untyped-call]
        self._validator = bounded(_without_dialects(schema), registry=Registry())

    def allows(self, value: Any) -> bool:
        """Whether `value` satisfies the schema; not if it is too deep, or a number in it too large, to be checked.

        Raises MetricError if a reference of the schema leads nowhere.
        """
        try:
            return bool(self._validator.is_valid(value))
        except (RecursionError, OverflowError):
            return False
        except Unresolvable as error:
            raise MetricError(
                f"The option 'schema' of the metric 'json_match' refers to {error.ref!r}, which is not in it; put it "
                "under `$defs`."
            ) from error


def _keywords(schema: object) -> Iterator[tuple[str, object]]:
    pending = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, Mapping):
            yield from node.items()
            pending += node.values()
        elif isinstance(node, list):
            pending += node


def _without_dialects(schema: object) -> object:
    """The same schema without `$schema`: jsonschema would go back to that draft's own `pattern` where it stands."""
    if isinstance(schema, Mapping):
        return {
            keyword: _without_dialects(value)
            for keyword, value in schema.items()
            if keyword != "$schema" or not isinstance(value, str)
        }
    return [_without_dialects(item) for item in schema] if isinstance(schema, list) else schema


def _refuse_unsafe(keyword: str, value: object) -> None:
    if keyword in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(value, str) and not value.startswith("#"):
        raise MetricError(
            f"The option 'schema' of the metric 'json_match' refers to {value!r}; schemas are never fetched, so put "
            "it under `$defs` and refer to `#/$defs/...`."
        )
    if keyword == "patternProperties":
        raise MetricError(
            "The option 'schema' of the metric 'json_match' uses 'patternProperties', which cannot be checked in "
            "linear time; use `properties` or `propertyNames`."
        )
    if keyword == "pattern" and isinstance(value, str):
        compiled(value, "The option 'schema' of the metric 'json_match'")


def _pattern(_validator: Any, pattern: str, instance: object, _schema: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not occurs(compiled(pattern, "schema"), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")
