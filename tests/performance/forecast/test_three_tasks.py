"""The forecast of a small task is what a run then takes; `three_tasks.py` shows larger ones."""

from __future__ import annotations

import pytest

from tests.performance.forecast.answers import support_summaries
from tests.performance.forecast.three_tasks import compare, example, served


@pytest.mark.slow
def test_a_run_takes_the_calls_and_tokens_of_its_forecast_within_a_fifth() -> None:
    with served(support_summaries) as model:
        runs = [compare(example("support-summaries", model=model, seed=seed), "excerpt model") for seed in range(3)]
    for run in runs:
        assert run.calls_ratio == pytest.approx(1, abs=0.2)
    # How long the prompts are that win is luck, so it is the runs together that are asked about.
    assert sum(run.forecast_tokens for run in runs) / sum(run.spent_tokens for run in runs) == pytest.approx(1, abs=0.2)
