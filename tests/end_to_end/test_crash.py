"""Killed and run again: the same result as if nothing had happened, and no reply paid twice that had been kept."""

from __future__ import annotations

import signal

import pytest

from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.interruption import Moment, in_phase, interrupted, untimed

MOST_PAID_TWICE = 16
"""Those in flight: a request keeps its place until its reply is written."""

MOMENTS = {
    "at the first call": in_phase("headroom", 0.0),
    "in headroom": in_phase("headroom", 0.9),
    "in search": in_phase("search", 0.5),
    "in finalists": in_phase("finalists", 0.5),
    "in proof": in_phase("proof", 0.3),
    "at the last call": in_phase("proof", 1.0),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_killed_and_run_again_it_ends_as_if_it_had_never_been_killed(
    main_job: MainJob, workplace: Workplace, moment: Moment
) -> None:
    at = moment(main_job.result["spent"]["by_phase"])
    with interrupted(workplace, main_job.task, signal.SIGKILL, at) as job:
        assert job.run("--no-progress").code == -signal.SIGKILL
        kept = job.kept()
        result = workplace.optimize()
        assert untimed(result) == untimed(main_job.result)
        assert job.endpoint.answered_again <= min(MOST_PAID_TWICE, main_job.requests - kept)
        assert job.endpoint.answered - job.endpoint.answered_again == main_job.requests == job.kept()
        assert workplace.optimize() == result


def test_killed_again_and_again_it_still_ends_the_same(main_job: MainJob, workplace: Workplace) -> None:
    with interrupted(workplace, main_job.task, signal.SIGKILL, 30) as job:
        for at in (30, 90, 170):
            job.at = at
            assert job.run("--no-progress").code == -signal.SIGKILL
        assert untimed(workplace.optimize()) == untimed(main_job.result)


def test_a_killed_fresh_run_is_resumed_by_the_plain_command(main_job: MainJob, workplace: Workplace) -> None:
    with interrupted(workplace, main_job.task, signal.SIGKILL, 240) as job:
        first = workplace.optimize()
        assert job.run("--fresh").code == -signal.SIGKILL
        second = workplace.optimize()
        assert second["optimization_id"] != first["optimization_id"]
        assert second["spent"]["calls"] == first["spent"]["calls"]
        assert job.endpoint.answered <= 2 * first["spent"]["calls"] + MOST_PAID_TWICE
