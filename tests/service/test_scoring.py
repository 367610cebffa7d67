"""One prompt scored on one split: what an endpoint refuses is the prompt's doing, also where it refuses all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.datasets.records import Split
from benchmarks.errors import EndpointError
from benchmarks.ledger.sql import SqlLedger
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import load_task
from service.home import open_home
from service.scoring import Scored, score
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.jobs import labelled_rows
from tests.endpoints.local import LocalEndpoint, echo


def test_rows_that_are_all_refused_score_0_where_that_is_asked_for(tmp_path: Path) -> None:
    home = open_home({"WHET_HOME": str(tmp_path)})
    endpoint = LocalEndpoint(echo, fault=lambda _: Fault(kind=FaultKind.CONTENT_FILTER))

    async def scored(epoch: str, *, refused_counts: bool) -> Scored:
        ledger = SqlLedger(home.engine, home.now)
        try:
            return await score(
                task, task.baseline, Split.VALIDATION, home, ledger, epoch=epoch, mark=0, environment={},
                refused_counts=refused_counts,
            )  # fmt: skip
        finally:
            await ledger.close()

    with endpoint.in_thread():
        content = {
            "name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy",
            "model": {"name": "hosted_vllm/local", "api_base": endpoint.url},
            "data": {"rows": labelled_rows(30)},
        }  # fmt: skip
        task = load_task(parse_task(content), Path(), allow_code=False)
        assert set(asyncio.run(scored("a", refused_counts=True)).scores) == {0.0}
        with pytest.raises(EndpointError, match="refuses every request"):
            asyncio.run(scored("b", refused_counts=False))
    home.engine.dispose()
