"""What all routes share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Request

from benchmarks.tasks.schema import ModelSection
from service.home import Home
from service.jobs import Jobs
from service.optimize import Settings
from service.registry import Registry
from service.runner import Runner


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The parts behind the routes. `runner` is None where jobs are left to workers elsewhere; `closing` is set when
    the server ends."""

    home: Home
    endpoints: Mapping[str, ModelSection]
    settings: Settings
    runner: Runner | None
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def jobs(self) -> Jobs:
        """The optimizations."""
        return Jobs(self.home)

    @property
    def registry(self) -> Registry:
        """The prompts."""
        return Registry(self.home)

    @staticmethod
    def of(request: Request) -> State:
        """The state of the server that `request` came to."""
        state: State = request.app.state.whet
        return state
