"""A backup made in the middle of a job goes on elsewhere, and pays for nothing that it holds."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import orjson
import pytest

from benchmarks.ledger.tables import ledger
from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.contents import kept, until
from tests.end_to_end.interruption import untimed
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json, Reply
from tests.service.before import contents

BEFORE = 100
"""Replies that the backup holds."""


@pytest.mark.slow
def test_a_restored_job_goes_on_and_pays_for_nothing_that_the_backup_holds(workplace: Workplace) -> None:
    asked, go_on = list[bytes](), threading.Event()

    def answer(messages: list[Json], body: Json) -> Reply:
        asked.append(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
        if len(asked) > BEFORE:
            go_on.wait(60)
        return tickets.answer(messages, body)

    copied = replace(workplace, environment={"WHET_HOME": str(workplace.folder / "copy")})
    with LocalEndpoint(answer).in_thread() as endpoint:
        workplace.write_task(tickets.task(endpoint.url))
        job = workplace.start("optimize", "task.yaml", "--no-progress", "--json", "-")
        until(lambda: len(asked) > BEFORE and kept(workplace, alive=True) == BEFORE)
        workplace.run("backup", "copy")
        go_on.set()
        result = json.loads(job.finished().out)
        by_original = list(asked)
        assert len(contents(str(workplace.folder / "copy" / "whet.sqlite"))[ledger.name]) == BEFORE
        asked.clear()
        resumed = copied.optimize()
    assert untimed(resumed) == untimed(result)
    assert sorted(asked) == sorted(by_original[BEFORE:])
