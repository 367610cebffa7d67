"""What the page of a run says in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.budget import Caps, Charge
from optimizers.progress import Advanced
from service.events import EventLog
from service.jobs import Jobs
from tests.endpoints.jobs import labelled_rows, make_task
from tests.endpoints.server import served
from tests.service.begun import begun
from tests.service.found import MODEL, conclude, found


def test_it_says_why_another_prompt_led_and_that_the_proposer_failed(tmp_path: Path) -> None:
    said: dict[str, Any] = {"overtaken": "Another prompt led.", "proposer": {"words": "The proposer failed once."}}
    with served(tmp_path, {}, jobs=0) as server:
        result = found(decision="keep_baseline", why="No gain.", evidence=None)
        silent: dict[str, Any] = {"overtaken": None, "proposer": {"words": None}}
        for seed, words in enumerate((dict[str, Any](), silent, said)):
            page = server.client.get(f"/optimizations/{conclude(server.home, {**result, **words}, seed=seed)}").text
            assert [text in page for text in ("Another prompt led.", "The proposer failed once.", "None")] == [
                words is said, words is said, False,
            ]  # fmt: skip


def test_it_says_what_of_the_calls_was_free(tmp_path: Path) -> None:
    with served(tmp_path, {}, jobs=0) as server:
        task, jobs = make_task(labelled_rows(60), model=MODEL), Jobs(server.home)
        job = begun(jobs, jobs.find("identity", task, fresh=False), task)
        for hits, shown in ((0, False), (30, True)):
            log = EventLog(server.home, job.id, calls_planned=100)
            log(
                Advanced(
                    calls_done=8, calls_planned=100, missing=0, format_failures=0, caps=Caps(calls=100), elapsed_s=1.0,
                    spent=Charge(calls=8, ledger_hits=hits),
                )
            )  # fmt: skip
            log.flush()
            page = server.client.get(f"/optimizations/{job.id}").text
            assert "8 of at most 100 calls done" in page
            assert ("(8 paid, 30 answered free of charge from the ledger)" in page) == shown
