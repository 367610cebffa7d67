"""The attempts of this process that failed, for whoever operates it."""

from __future__ import annotations

from collections import Counter

from benchmarks.models.protocol import FailureKind, ModelIdentity

failures: Counter[tuple[ModelIdentity, FailureKind, bool]] = Counter()
"""By model and kind of failure, and whether another attempt followed. Every event loop of the process counts here: a
count may be short by one where two do so at the same moment."""
