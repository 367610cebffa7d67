"""The registry: from a metric's name and options, as a task gives them, to the metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import MetricError
from benchmarks.metrics.accuracy import Accuracy, RightLabel
from benchmarks.metrics.chrf import ChrF
from benchmarks.metrics.contains import Contains
from benchmarks.metrics.exact_match import ExactMatch
from benchmarks.metrics.json_match import JsonMatch
from benchmarks.metrics.judge import Judge
from benchmarks.metrics.macro_f1 import MacroF1
from benchmarks.metrics.numeric import Numeric
from benchmarks.metrics.own import make, own_metric
from benchmarks.metrics.protocol import Metric
from benchmarks.metrics.regex import Regex
from benchmarks.metrics.rouge_l import RougeL
from benchmarks.metrics.scoring import explained
from benchmarks.own_code import load

ENTRY_POINTS = "whet.metrics"
"""The entry point group under which other packages offer metrics."""

BUILT_IN: Mapping[str, Callable[..., Metric]] = {
    metric.name: metric for metric in (Accuracy, MacroF1, ExactMatch, Contains, Numeric, Regex, RougeL, ChrF, JsonMatch)
}
"""The metrics of whet that score by themselves, by name; the keyword parameters of each are its options."""


def make_metric(name: str, options: Mapping[str, object], labels: Sequence[str], *, allow_code: bool = False) -> Metric:
    """The metric called `name`: a built-in one, else an installed entry point, else code of the current directory.

    `labels` are the task's labels, empty if it has none. Code (`package.module:function`, `file.py:function`) is
    loaded only if `allow_code`; whoever can choose a metric's name could otherwise run anything.

    Raises MetricError, saying what would be right, if the name is unknown or an option does not fit, and OwnCodeError
    if the code cannot be loaded.
    """
    if name in BUILT_IN or name == Judge.name:
        return make(name, BUILT_IN.get(name, Judge), options, labels)
    installed = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    if name in installed:
        with explained(f"The installed metric {name!r} ({installed[name].value}) could not be loaded"):
            loaded = installed[name].load()
        return own_metric(name, loaded, options, labels)
    if ":" not in name:
        known = sorted([*BUILT_IN, Judge.name, *installed])
        raise MetricError(
            f"There is no metric {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}; an own one is "
            "written `file.py:function`."
        )
    if not allow_code:
        raise MetricError(
            f"The metric {name!r} is code, which is not run from here; run it from the command line, or install it as "
            f"an entry point of the group {ENTRY_POINTS!r}."
        )
    return own_metric(name, load(name), options, labels)


def is_classification(name: str) -> bool:
    """Whether the metric called `name` scores classifications, so that a task's labels may be read off its data."""
    metric = BUILT_IN.get(name)
    return isinstance(metric, type) and issubclass(metric, RightLabel)
