"""Is there anything to gain? A look at the baseline and a few very different prompts before the search.

The look can end the job: when it is nearly certain that no prompt gains so much that the proof could show it, because
the baseline leaves too few rows to be gained. A prompt gains on no larger share of the rows than those on which the
baseline's score is not perfect yet, so the upper confidence limit of that share (Clopper and Pearson) bounds the gain.
It is too little if it is small, and the proof would show even a prompt that gains all of it and loses nothing
with a chance below one half. Eight rows never say so much, hence the look goes on while it is open: to 16 rows, 32 and
so on, the first of the common order, which the search then need not run again. It errs only where hardly any job would
have ended in a promotion; docs/proof.md has the rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import betaincinv

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED, Rollout
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.detectable import chance_at_best
from benchmarks.evidence.intervals import mean_interval
from benchmarks.evidence.looks import alpha_for_look
from benchmarks.evidence.records import Interval
from optimizers.evaluator import Evaluator
from optimizers.study import Candidate

LITTLE = 0.05
"""A gain on a larger share of the rows is worth having, even if there are too few test rows to prove it."""

DOUBT = 0.025
"""How often a share of rows may be above its limit."""

WORTHWHILE = 0.5
"""A search is worth its calls if the proof would show the largest possible gain with this chance."""

ANYWAY = "To search all the same, say --search-anyway, or headroom: {stop: false} in the task."


@dataclass(frozen=True, slots=True, kw_only=True)
class Headroom:
    """What the look showed, on `baseline.n` common rows.

    `best_probe` is the highest mean of the probes (optimistic, as every maximum is). `format_failures` is the share
    of the baseline's replies without a usable answer. `noise` is the mean absolute difference between repeated draws
    of the baseline's row scores, None when nothing was repeated; `spread` the same between baseline and probes, None
    without probes. `why` says in words what led to the `verdict`.
    """

    baseline: Interval
    best_probe: float | None
    format_failures: float
    noise: float | None
    spread: float | None
    verdict: Literal["go_on", "little_to_gain"]
    why: str

    @property
    def little_to_gain(self) -> bool:
        """Whether a search would be for nothing."""
        return self.verdict == "little_to_gain"


def default_repeats(temperature: float, calls: int) -> int:
    """How often the baseline is asked about each of the look's first rows where the user said nothing: twice if
    sampling makes the replies vary and the cap of `calls` has room for it."""
    return 2 if temperature > 0 and calls >= 200 else 1


async def look(
    baseline: Candidate,
    probes: Sequence[Candidate],
    rows: Sequence[Example],
    repeats: int,
    evaluator: Evaluator,
    *,
    further: Sequence[Example] = (),
    most_calls: int = 0,
    proof_rows: int | None = None,
) -> Headroom | None:
    """Runs `baseline` (`repeats` times) and `probes` on `rows`; None if the budget cannot pay for it.

    Where it might end a job whose proof has `proof_rows` rows (None: it may end none), it goes on to `further` rows as
    long as it takes `most_calls` calls at most. The race starts with the same rows, so only the repetitions are spent
    for this look alone.
    """
    block = _block([baseline, *probes], rows)
    block += [Assignment(prompt=baseline.prompt, example=e, repeat=r) for r in range(1, repeats) for e in rows]
    if not evaluator.affords(block):
        return None
    last = len(evaluator.rollouts) + most_calls
    await evaluator.block(block)
    look = _Look(baseline, probes, [*rows, *further], evaluator)
    if not look.scored(len(rows)):
        return None
    reason = None if proof_rows is None else await look.reason(len(rows), proof_rows, last)
    return look.headroom(len(rows), repeats, reason)


class _Look:
    """What the rows seen so far say."""

    def __init__(
        self, baseline: Candidate, probes: Sequence[Candidate], order: Sequence[Example], evaluator: Evaluator
    ) -> None:
        self.baseline = baseline
        self.probes = probes
        self.order = order
        self.evaluator = evaluator

    async def reason(self, rows: int, proof_rows: int, last: int) -> str | None:
        """Why there is little to gain, if that is so; looks on until the job has made `last` rollouts."""
        if not self.evaluator.metric.mean_of_rows:
            return None  # A few rows of a rare class may be worth much.
        share = await self._small(rows, proof_rows, last)
        return None if share is None else f"your prompt is right on all {share}"

    async def _small(self, rows: int, proof_rows: int, last: int) -> str | None:
        """In words, on which rows the baseline's score can still rise, once these are surely too few."""

        def little(share: float) -> bool:
            return share <= LITTLE and chance_at_best(proof_rows, share, alpha=alpha_for_look(1)) < WORTHWHILE

        while True:
            counted = [found for example in self.order[:rows] if (found := self._imperfect(example)) is not None]
            some, seen = sum(counted), len(counted)
            limit = _upper_limit(some, seen)
            if little(limit):
                chance = chance_at_best(proof_rows, limit, alpha=alpha_for_look(1))
                exception = f"but {some} " if some else ""
                return (
                    f"{exception}of the first {seen} rows. So, with {1 - DOUBT:.1%} confidence, at most {limit:.1%} of "
                    f"the rows can be gained, and {proof_rows} test rows would prove even that with a chance of "
                    f"{chance:.0%} only"
                )
            if not little(_lower_limit(some, seen)):
                return None
            most = min(len(self.order) - rows, last - len(self.evaluator.rollouts))
            needed = next((n for n in range(1, most + 1) if little(_upper_limit(some, seen + n))), None)
            if needed is None:
                return None
            grown = rows + min(rows, needed)
            block = _block([self.baseline], self.order[rows:grown])
            if not self.evaluator.affords(block):
                return None
            await self.evaluator.block(block)
            if self.evaluator.out_of_time:
                return None
            rows = grown

    def _imperfect(self, example: Example) -> bool | None:
        """Whether the row's score can still rise."""
        rollout = self.evaluator.rollout(self.baseline.prompt, example)
        return None if rollout is None or rollout.score is None else rollout.score < 1.0

    def scored(self, rows: int) -> list[Rollout]:
        """The baseline's rollouts that have a score, among the first `rows`."""
        found = (self.evaluator.rollout(self.baseline.prompt, example) for example in self.order[:rows])
        return [rollout for rollout in found if rollout and not rollout.missing]

    def headroom(self, rows: int, repeats: int, reason: str | None) -> Headroom:
        """The look's record; `rows` were run by all, and further rows by some if it went on."""
        own = self.scored(len(self.order))
        scores = [rollout.score for rollout in own if rollout.score is not None]
        probed = [
            sum(scored) / len(scored)
            for probe in self.probes
            if (scored := [s for s in self.evaluator.scores(probe.prompt, self.order[:rows]) if s is not None])
        ]
        prompt = self.baseline.prompt
        draws = [self.evaluator.rollouts.get((prompt.digest, e.id, r)) for r in range(1, repeats) for e in self.order]
        others = [self.evaluator.rollout(probe.prompt, e) for probe in self.probes for e in self.order[:rows]]
        failures = [r for r in own if r.problem in (FORMAT, TRUNCATED)]
        interval = mean_interval(scores, binary=self.evaluator.metric.binary)
        best_probe, noise, spread = max(probed, default=None), self._difference(draws), self._difference(others)
        if reason is not None:
            why = f"There is little to gain here, because {reason}. {ANYWAY}"
        elif len(failures) == len(own):
            why = _unusable(failures[0])
        else:
            why = _seen(interval, best_probe, len(failures), noise, spread)
        return Headroom(
            baseline=interval,
            best_probe=best_probe,
            format_failures=len(failures) / len(own),
            noise=noise,
            spread=spread,
            verdict="go_on" if reason is None else "little_to_gain",
            why=why,
        )

    def _difference(self, rollouts: Sequence[Rollout | None]) -> float | None:
        """The mean absolute difference of row scores to the baseline's own; None where there is nothing to compare."""
        own = {rollout.example_id: rollout.score for rollout in self.scored(len(self.order))}
        gaps = [
            abs(rollout.score - score)
            for rollout in rollouts
            if rollout and rollout.score is not None and (score := own.get(rollout.example_id)) is not None
        ]
        return sum(gaps) / len(gaps) if gaps else None


def _block(arms: Sequence[Candidate], rows: Sequence[Example]) -> list[Assignment]:
    return [Assignment(prompt=c.prompt, example=e) for c in arms for e in rows]


def _upper_limit(some: int, rows: int) -> float:
    """Clopper and Pearson's upper limit of a share."""
    return float(betaincinv(some + 1, rows - some, 1 - DOUBT)) if some < rows else 1.0


def _lower_limit(some: int, rows: int) -> float:
    return 1 - _upper_limit(rows - some, rows)


def _unusable(rollout: Rollout) -> str:
    reply = " ".join((rollout.reply or "").split())
    why = "was cut off at max_tokens" if rollout.problem == TRUNCATED else "holds no answer for the metric"
    return f"None of the first replies to your prompt is usable: “{reply[:160]}” {why}."


def _seen(
    baseline: Interval, best_probe: float | None, failures: int, noise: float | None, spread: float | None
) -> str:
    verb = "is right on all of" if baseline.mean == 1.0 else f"scores {baseline.mean:.2f} on"
    said = [f"Your prompt {verb} the first {baseline.n} rows"]
    if best_probe is not None:
        said.append(f", the best of the other prompts tried {best_probe:.2f}")
    if failures:
        said.append(f"; {failures} of its replies hold no usable answer")
    said.append(".")
    if noise is not None and spread is not None:
        said.append(f" Asked again, its scores move by {noise:.2f} a row; between prompts they differ by {spread:.2f}.")
        if noise >= spread > 0:
            said.append(" That is no more than chance does, so gains will take many rows to see.")
    return "".join(said)
