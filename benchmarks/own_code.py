"""Loading code of the user's own: what `file.py:name` or `package.module:name` names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import OwnCodeError


def load(reference: str) -> object:
    """What `reference` names: `package.module:name`, or `file.py:name`, from the current directory.

    Importing runs the user's code, so this is for the command line only. Raises OwnCodeError if it cannot be loaded.
    """
    place, _, attribute = reference.rpartition(":")
    if not place or not attribute:
        raise OwnCodeError(f"{reference!r} names no code; write `package.module:name` or `file.py:name`.")
    try:
        with _importable(Path.cwd()):
            module = _from_file(Path(place)) if place.endswith(".py") else importlib.import_module(place)
    except OwnCodeError:
        raise
    except Exception as error:  # whatever the user's module raises while it is imported
        raise OwnCodeError(f"{reference!r} could not be loaded: {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        raise OwnCodeError(f"{place} has no {attribute!r}.{did_you_mean(attribute, vars(module))}")
    return getattr(module, attribute)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise OwnCodeError(f"There is no file {str(path)!r} in {Path.cwd()}; own code is looked up from there.")
    name = f"whet_own_code.{path.stem}"
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
