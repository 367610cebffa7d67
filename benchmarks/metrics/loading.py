"""Loading own metrics: the code that `file.py:function` names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import MetricError
from benchmarks.metrics.scoring import explained


def load(reference: str) -> object:
    """What `reference` names: `package.module:function`, or `file.py:function`, from the current directory.

    Importing runs the user's code, so this is for the command line only. Raises MetricError if it cannot be loaded.
    """
    place, _, attribute = reference.rpartition(":")
    if not place or not attribute:
        raise MetricError(f"{reference!r} names no metric; write `package.module:function` or `file.py:function`.")
    with explained(f"The metric {reference!r} could not be loaded"), _importable(Path.cwd()):
        module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    if not hasattr(module, attribute):
        raise MetricError(f"{place} has no {attribute!r}.{did_you_mean(attribute, vars(module))}")
    return getattr(module, attribute)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise MetricError(f"There is no file {str(path)!r} in {Path.cwd()}; metrics are looked up from there.")
    name = f"whet_own_metric.{path.stem}"
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses look their module up
    SourceFileLoader(name, str(path)).exec_module(module)
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Only while loading: left on the path, the user's file names would shadow modules imported later."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
