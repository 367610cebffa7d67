"""Options: what a user may say to a metric, read off the keyword parameters of what makes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import MetricError

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "null"}


def parameters_of(function: Callable[..., object], metric: str) -> dict[str, inspect.Parameter]:
    """The parameters of `function`, their annotations evaluated where that is possible.

    Raises MetricError, naming `metric`, if Python cannot tell what they are.
    """
    try:
        return dict(inspect.signature(function, eval_str=True).parameters)
    except NameError:  # annotations that only type checkers see
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:
        raise MetricError(f"The metric {metric!r} cannot be called: {error}.") from error


def check_options(options: Mapping[str, object], parameters: Mapping[str, inspect.Parameter], metric: str) -> None:
    """Raises MetricError if `options` does not fit `parameters`: an unknown or missing option, or a wrong type.

    Only annotations made of bool, int, float, str, None, Literal, lists and mappings are checked; an int will do for
    a float. `labels` is not an option: a factory that has this parameter is given the task's labels.
    """
    open_ended = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
    known = {
        name: parameter
        for name, parameter in parameters.items()
        if name != "labels" and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    for option, value in options.items():
        if option in known:
            _check_type(option, value, known[option].annotation, metric)
        elif option == "labels" or not open_ended:
            listed = ", ".join(sorted(known)) or "none"
            raise MetricError(
                f"The metric {metric!r} has no option {option!r}.{did_you_mean(option, known)} Its options: {listed}."
            )
    missing = [
        name for name, parameter in known.items() if parameter.default is parameter.empty and name not in options
    ]
    if missing:
        raise MetricError(f"The metric {metric!r} needs the option {missing[0]!r}; add it beside `name`.")


def _check_type(option: str, value: object, annotation: Any, metric: str) -> None:
    if not _accepts(annotation, value):
        raise MetricError(
            f"The option {option!r} of the metric {metric!r} must be {_described(annotation)}; got {value!r}."
        )


def _accepts(annotation: Any, value: object) -> bool:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return any(_accepts(argument, value) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if origin in (Sequence, list, tuple):
        return isinstance(value, list | tuple) and all(_accepts(arguments[0], item) for item in value)
    if origin in (Mapping, dict):
        return isinstance(value, Mapping)
    if annotation not in _WORDS or isinstance(value, bool):
        return annotation not in (int, float, str, NoneType)
    return isinstance(value, int | float if annotation is float else annotation)


def _described(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(_described(argument) for argument in arguments if argument is not NoneType)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (Sequence, list, tuple):
        return f"a list (each item {_described(arguments[0])})"
    if origin in (Mapping, dict):
        return "a mapping"
    return _WORDS.get(annotation, str(annotation))
