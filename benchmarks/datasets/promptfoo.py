"""Rows out of promptfoo's tests: a list of test cases, or a configuration with `tests` and perhaps `defaultTest`.

A test case becomes a row if its variables are texts, numbers or truth values and it asserts one thing that names the
expected answer: `equals`, `contains`, `icontains` or `regex`. The answer is what is asserted, a text or `{{variable}}`,
and stands in the column `expected`; that variable is then no input. `metadata` become columns, too. All test cases
must assert the same type, because a task has one metric. Source: promptfoo's reference of test cases and of expected
outputs (www.promptfoo.dev/docs/configuration).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from benchmarks.datasets.rows import Row, row_of
from benchmarks.errors import DataError

EXPECTED = "expected"
METRICS = {"equals": "exact_match", "contains": "contains", "icontains": "contains", "regex": "regex"}
"""The assertions that name an expected answer, and the metric that compares with it. whet's `contains` looks for whole
words, whatever their case."""
MOST_YAML = 4 * 2**20
"""Bytes: YAML is slow to read."""
DEEPEST_YAML = 32
_CASE = {"description", "vars", "assert", "metadata", "threshold"}
_ASSERTION = {"type", "value", "weight", "metric"}
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptfooTests:
    """Test cases as rows: the variables that go in, and the metric that compares an answer with `expected`."""

    rows: tuple[Row, ...]
    inputs: tuple[str, ...]
    metric: str


class _Refused(Exception):
    """Why one test case cannot be a row."""


class _Written(yaml.CSafeLoader):
    """Reads every scalar as it is written: 1.10, 2024-01-31 and yes are texts, only null is not."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value]
        if len(set(map(str, names))) < len(names):
            raise yaml.constructor.ConstructorError(None, None, "a name stands twice in one mapping", node.start_mark)
        return super().construct_mapping(node, deep)


def _as_written(_loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


for _kind in ("int", "float", "bool", "timestamp"):
    _Written.add_constructor(f"tag:yaml.org,2002:{_kind}", _as_written)


def read_yaml(text: str, name: str) -> Any:
    """The content of a YAML file without anchors, aliases and tags of its own.

    Raises DataError for a file above 4 MiB, and for what is no such YAML.
    """
    if len(text) > MOST_YAML:
        raise DataError(f"{name} has {len(text):,} characters; YAML may have {MOST_YAML:,}. Send JSON lines instead.")
    try:
        # An alias costs two characters and may stand for the whole file; brackets in brackets take quadratic time.
        depth = 0
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST_YAML:
                raise DataError(f"{name} is nested deeper than {DEEPEST_YAML} levels; test cases are not.")
            if isinstance(event, yaml.AliasEvent):
                raise DataError(f"{name}: the alias *{event.anchor} is not read; write out what it names.")
        return yaml.load(text, Loader=_Written)  # noqa: S506 - a safe loader, made of yaml.CSafeLoader
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"{name} is not YAML: {' '.join(str(error).split())}.") from None


def promptfoo_rows(content: Any, name: str) -> PromptfooTests:
    """The rows of promptfoo's tests. Raises DataError that says of each test case that is no row why it is none."""
    default, cases = _cases(content, name)
    rows, refused = [], []
    kinds: dict[str, int] = {}
    inputs: dict[str, None] = {}
    for number, case in enumerate(cases, start=1):
        origin = f"{name}, test {number}"
        try:
            kind, variables, values = _row(case, default)
            rows.append(row_of(values, origin))
        except _Refused as reason:
            refused.append(f"{origin}: {reason!s:.300}")
            continue
        kinds.setdefault(kind, number)
        inputs |= dict.fromkeys(variables)
    if len(kinds) > 1:
        named = ", ".join(f"{kind} (test {number})" for kind, number in kinds.items())
        refused.append(f"The tests assert different things, {named}, and a task has one metric; send them apart.")
    if refused:
        shown = "\n".join(refused[:_SHOWN])
        raise DataError(shown + (f"\n... and {len(refused) - _SHOWN} more." if len(refused) > _SHOWN else ""))
    return PromptfooTests(rows=tuple(rows), inputs=tuple(inputs), metric=METRICS[next(iter(kinds))])


def _cases(content: Any, name: str) -> tuple[Mapping[str, Any], Sequence[Any]]:
    default: Any = {}
    if isinstance(content, dict):
        if "scenarios" in content:
            raise DataError(f"{name} has scenarios, which multiply tests; write out the test cases under tests.")
        default, content = content.get("defaultTest") or {}, content.get("tests")
    if isinstance(content, str) or isinstance(default, str):
        raise DataError(f"{name} names another file, which is not read; write the test cases into it.")
    if not isinstance(content, list) or not content or not isinstance(default, dict):
        raise DataError(f"{name} holds no list of promptfoo test cases, at its top or under tests.")
    return default, content


def _row(case: Any, default: Mapping[str, Any]) -> tuple[str, list[str], dict[str, Any]]:
    """What is asserted, the variables that go in, and the values of the row."""
    if isinstance(case, str):
        raise _Refused(f"{case!r:.80} names a file, which is not read")
    if not isinstance(case, dict):
        raise _Refused("it is no mapping with vars and assert")
    for given in (case, default):
        if strange := sorted(str(field) for field in given if field not in _CASE):
            raise _Refused(f"'{strange[0]}' has no meaning for whet; leave it out")
    variables = {**_mapping(default, "vars"), **_mapping(case, "vars")}
    metadata = {**_mapping(default, "metadata"), **_mapping(case, "metadata")}
    for column, value in [*variables.items(), *metadata.items()]:
        _check_value(column, value)
    for column in metadata:
        if column in variables or column == EXPECTED:
            raise _Refused(f"metadata.{column} has the name of a variable; rename it")
    kind, answer, named = _asserted([*_list(default), *_list(case)], variables)
    inputs = [variable for variable in variables if variable != named]
    if EXPECTED in inputs:
        raise _Refused(f"the variable '{EXPECTED}' has the name of the answer's column; rename it")
    if not inputs:
        raise _Refused("it has no vars that go in")
    return kind, inputs, {**{name: variables[name] for name in inputs}, EXPECTED: answer, **metadata}


def _mapping(case: Mapping[str, Any], field: str) -> dict[str, Any]:
    found = case.get(field) or {}
    if not isinstance(found, dict):
        raise _Refused(f"{field} must be a mapping of names to values")
    return found


def _list(case: Mapping[str, Any]) -> Iterator[Any]:
    found = case.get("assert") or []
    if not isinstance(found, list):
        raise _Refused("assert must be a list")
    yield from found


def _check_value(name: Any, value: Any) -> None:
    if not isinstance(name, str):
        raise _Refused(f"the name {name!r} is no text; write it in quotes")
    if isinstance(value, list):
        raise _Refused(f"'{name}' is a list, of which promptfoo makes several tests; write them out")
    if isinstance(value, dict):
        raise _Refused(f"'{name}' is a mapping; write it as a text")
    if isinstance(value, str) and value.startswith(("file://", "package:")):
        raise _Refused(f"'{name}' names a file, which is not read; write its content here")
    if isinstance(value, str) and "{{" in value:
        raise _Refused(f"'{name}' holds a template; write out what it says")


def _asserted(assertions: Sequence[Any], variables: Mapping[str, Any]) -> tuple[str, Any, str | None]:
    """The type of the one assertion, the expected answer, and the variable that held it."""
    if len(assertions) != 1:
        raise _Refused(f"it asserts {len(assertions)} things; a row has one expected answer")
    assertion = assertions[0]
    kind = assertion.get("type") if isinstance(assertion, dict) else None
    if kind not in METRICS:
        raise _Refused(f"it asserts {kind!r}, which names no expected answer; whet reads {', '.join(METRICS)}")
    if strange := sorted(str(field) for field in assertion if field not in _ASSERTION):
        raise _Refused(f"its assertion's '{strange[0]}' has no meaning for whet; leave it out")
    value = assertion.get("value")
    if value is None or value == "" or (isinstance(value, (dict, list)) and kind != "equals"):
        raise _Refused(f"its assertion {kind} has no text as its value")
    if not isinstance(value, str):
        return kind, value, None
    if named := _VARIABLE.fullmatch(value.strip()):
        if named[1] not in variables:
            raise _Refused(f"its assertion names {value.strip()}, which is none of its vars")
        return kind, variables[named[1]], named[1]
    if "{{" in value or value.startswith(("file://", "package:")):
        raise _Refused(f"the value of its assertion, {value!r:.80}, is a template or a file; write out what it says")
    return kind, value, None
