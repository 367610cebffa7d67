"""What all routes share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import Request

from benchmarks.tasks.schema import ModelSection
from service.courier import Courier
from service.datasets import Datasets
from service.home import Home
from service.jobs import Jobs
from service.nights import Nights
from service.optimize import Settings
from service.registered_tasks import RegisteredTasks
from service.registry import Registry
from service.regressions import Regressions
from service.runner import Runner
from service.schedules import Schedules
from service.webhooks import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The parts behind the routes. `runner` is None where jobs are left to workers elsewhere; `protected` labels are
    moved only by those who know where they point; `closing` is set when the server ends."""

    home: Home
    endpoints: Mapping[str, ModelSection]
    settings: Settings
    runner: Runner | None
    protected: frozenset[str]
    webhooks: Webhooks
    courier: Courier
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def jobs(self) -> Jobs:
        """The optimizations."""
        return Jobs(self.home)

    @property
    def registry(self) -> Registry:
        """The prompts."""
        return Registry(self.home)

    @property
    def datasets(self) -> Datasets:
        """The registered datasets."""
        return Datasets(self.home)

    @property
    def tasks(self) -> RegisteredTasks:
        """The registered tasks."""
        return RegisteredTasks(self.home)

    @property
    def schedules(self) -> Schedules:
        """The schedules."""
        return Schedules(self.home)

    @property
    def nights(self) -> Nights:
        """What schedules ran."""
        return Nights(self.home)

    @property
    def regressions(self) -> Regressions:
        """What nights found."""
        return Regressions(self.home)

    @staticmethod
    def of(request: Request) -> State:
        """The state of the server that `request` came to."""
        state: State = request.app.state.whet
        return state
