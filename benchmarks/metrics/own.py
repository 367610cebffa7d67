"""Own metrics: a metric made of a user's function or factory."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from inspect import Parameter
from typing import Any, cast

from benchmarks.datasets.records import Example
from benchmarks.errors import MetricError
from benchmarks.metrics.extraction import Extraction, make_extractor
from benchmarks.metrics.options import check_options, parameters_of
from benchmarks.metrics.protocol import Metric
from benchmarks.metrics.row_mean import RowMean
from benchmarks.metrics.scoring import explained

_PARTS = ("name", "binary", "mean_of_rows", "extractor", "score", "aggregate")


class FunctionMetric(RowMean):
    """A plain function `(answer, expected) -> score in [0, 1]` as a metric; it may return any share, so not binary."""

    binary = False

    def __init__(
        self,
        *,
        name: str,
        function: Callable[[str, str], float],
        extract: Extraction = "text",
        labels: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.extractor = make_extractor(extract, labels)
        self._function = function

    def score(self, answer: str, example: Example) -> float:
        """What the function says; its range is checked where rows are scored."""
        return self._function(answer, example.answer)


def own_metric(name: str, made_by: object, options: Mapping[str, object], labels: Sequence[str]) -> Metric:
    """The metric that `made_by` is or makes.

    A function with two required positional parameters is the score itself, `(answer, expected)`; its other
    parameters are options, and so is `extract`. Anything else that can be called is a factory: it is called with the
    options as keywords and returns a `Metric`. Either is given the task's labels if it has a parameter `labels`.

    Raises MetricError if `made_by` is neither, if an option does not fit, or if what it makes is not a Metric.
    """
    if not callable(made_by):
        raise MetricError(f"The metric {name!r} is neither a function nor a factory but {made_by!r}; name one.")
    parameters = parameters_of(made_by, name)
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    required = [key for key, one in parameters.items() if one.kind in positional and one.default is one.empty]
    if isinstance(made_by, type) or not required:
        return make(name, made_by, options, labels)
    if len(required) != 2:
        raise MetricError(
            f"The metric {name!r} must take two positional parameters (the answer and the expected answer), or none "
            "if it is a factory; options are keywords with a default."
        )
    keywords = {key: one for key, one in parameters.items() if key not in required}
    extract = parameters_of(FunctionMetric, name)["extract"]
    check_options(options, {**keywords, "extract": extract}, name)
    given = {key: value for key, value in options.items() if key != "extract"} | _context(keywords, labels)
    extraction = cast(Extraction, options.get("extract", extract.default))
    return FunctionMetric(name=name, function=partial(made_by, **given), extract=extraction, labels=labels)


def make(name: str, factory: Callable[..., object], options: Mapping[str, object], labels: Sequence[str]) -> Metric:
    """What `factory` makes of the options.

    Raises MetricError if an option does not fit, if the factory raises, or if what it makes is not a Metric.
    """
    parameters = parameters_of(factory, name)
    check_options(options, parameters, name)
    with explained(f"The metric {name!r} could not be made"):
        metric = factory(**options, **_context(parameters, labels))
    missing = [part for part in _PARTS if not hasattr(metric, part)]
    if missing:
        raise MetricError(
            f"The factory of the metric {name!r} returned {metric!r}, which is no Metric: it lacks "
            f"{', '.join(missing)} (see benchmarks.metrics.protocol)."
        )
    return cast(Metric, metric)


def _context(parameters: Container[str], labels: Sequence[str]) -> dict[str, Any]:
    return {"labels": tuple(labels)} if "labels" in parameters else {}
