"""Is there anything to gain? A look at the baseline and a few very different prompts before the search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.intervals import mean_interval
from benchmarks.evidence.records import Interval
from optimizers.evaluator import Evaluator
from optimizers.study import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What the look showed, on `baseline.n` common rows.

    `best_probe` is the highest mean of the probes (optimistic, as every maximum is). `format_failures` is the share
    of the baseline's replies without a usable answer. `noise` is the mean absolute difference between repeated draws
    of the baseline's row scores; None when nothing was repeated.
    """

    baseline: Interval
    best_probe: float | None
    format_failures: float
    noise: float | None


async def look(
    baseline: Candidate, probes: Sequence[Candidate], rows: Sequence[Example], repeats: int, evaluator: Evaluator
) -> Headroom | None:
    """Runs `baseline` (`repeats` times) and `probes` on `rows`; None if the budget cannot pay for it.

    The race starts with the same rows, so only the repetitions are spent for this look alone.
    """
    block = [Assignment(prompt=c.prompt, example=e) for c in (baseline, *probes) for e in rows]
    block += [Assignment(prompt=baseline.prompt, example=e, repeat=r) for r in range(1, repeats) for e in rows]
    if not evaluator.affords(block):
        return None
    await evaluator.block(block)
    draws = [
        [evaluator.rollouts.get((baseline.prompt.digest, example.id, repeat)) for repeat in range(repeats)]
        for example in rows
    ]
    first = [row[0] for row in draws if row[0] is not None and row[0].score is not None]
    if not first:
        return None
    scores = [rollout.score for rollout in first if rollout.score is not None]
    gaps = [
        abs(draw.score - row[0].score)
        for row in draws
        for draw in row[1:]
        if draw is not None and row[0] is not None and draw.score is not None and row[0].score is not None
    ]
    probed = [
        sum(scored) / len(scored)
        for probe in probes
        if (scored := [s for s in evaluator.scores(probe.prompt, rows) if s is not None])
    ]
    return Headroom(
        baseline=mean_interval(scores, binary=evaluator.metric.binary),
        best_probe=max(probed, default=None),
        format_failures=sum(r.problem in (FORMAT, TRUNCATED) for r in first) / len(first),
        noise=sum(gaps) / len(gaps) if gaps else None,
    )
