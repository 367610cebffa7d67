"""The server: routes put together behind the border."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.addresses import read_allowed
from service.api import (
    datasets,
    evaluations,
    front,
    health,
    keys,
    labels,
    optimizations,
    prompts,
    regressions,
    schedules,
    tasks,
    trials,
    webhooks,
)
from service.api.health import Measured, Metrics
from service.api.security import Border, Gate
from service.api.state import State
from service.courier import Courier
from service.endpoints import read_endpoints
from service.errors import Defects, Problem, answer_errors
from service.home import Home
from service.key_use import KeyUse
from service.keys import Keys
from service.labels import read_protected
from service.optimize import Settings
from service.pages import routes as pages
from service.runner import AtOnce, Queue, Runner
from service.sending import Sender
from service.ticker import Ticker
from service.webhooks import Webhooks

MOST_BYTES = 16 * 2**20
TITLE = "whet"
ABOUT = "whet sharpens prompts: optimizations, and the prompts that they proved."


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How to serve: on `loopback` nobody is asked for a key until there is one; `hosts` are the names that the server
    answers to, or `*`; `jobs` is how many jobs it runs at a time, 0 to leave them to workers, and `queue` is what it
    shares them by."""

    home: Home
    environment: Mapping[str, str]
    loopback: bool
    hosts: tuple[str, ...]
    jobs: int
    queue: Queue = field(default_factory=AtOnce)


def create_app(serving: Serving) -> FastAPI:
    """The application. Raises EndpointsError if the operator's endpoints are not configured as they must be, and
    InputError if what is to be protected is no label, or what webhooks may reach is no host or network."""
    home, environment = serving.home, serving.environment
    runner = None
    if serving.jobs:
        runner = Runner(home=home, environment=environment, most=serving.jobs, queue=serving.queue)
    allowed = read_allowed(environment)
    courier = Courier(home=home, send=Sender(allowed=allowed).send)
    state = State(
        home=home,
        endpoints=read_endpoints(home.folder, environment),
        settings=Settings(environment=environment),
        runner=runner,
        protected=read_protected(environment),
        webhooks=Webhooks(home, allowed),
        courier=courier,
    )
    ticker, use = Ticker(home, environment), KeyUse(Keys(home))

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        if runner is not None:
            runner.start()
        courier.start()
        ticker.start()
        async with use.flushing():
            yield
        state.closing.set()
        if runner is not None:
            runner.stop()
        ticker.stop()
        courier.stop()

    app = FastAPI(
        title=TITLE, description=ABOUT, version=version("whet"), lifespan=running, docs_url=None, redoc_url=None
    )
    app.state.whet = state
    app.state.gate = Gate(
        keys=Keys(home), use=use, loopback=serving.loopback, admin_key=environment.get("WHET_ADMIN_KEY") or None
    )
    app.state.metrics = Metrics(state)
    answer_errors(app)
    parts = (
        optimizations,
        trials,
        front,
        evaluations,
        tasks,
        datasets,
        prompts,
        labels,
        keys,
        webhooks,
        schedules,
        regressions,
        health,
        pages,
    )
    for router in (part.router for part in parts):
        app.include_router(router)
    app.mount("/static", pages.static_files(), name="static")
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]

    # The last one added is the first to see a request.
    app.add_middleware(Defects)
    app.add_middleware(Measured, metrics=app.state.metrics)
    app.add_middleware(Border, hosts=serving.hosts, most_bytes=MOST_BYTES, uploads={datasets.PATH: datasets.ACCEPTED})
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, in which every error is a problem document."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, description=app.description, version=app.version, routes=app.routes)
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        parts = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= parts.pop("$defs", {}) | {"Problem": parts}
        schemas |= datasets.schemas()
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for operations in document["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = {"description": "What went wrong.", "content": content}
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}, {}]
        app.openapi_schema = document
    return app.openapi_schema
