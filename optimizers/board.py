"""The board: every candidate of a job, every row it ran, and what that says about all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.records import Example
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from optimizers.kernels import Kernels, Likeness
from optimizers.posterior import Posterior, differ, fit
from optimizers.study import Candidate

Floats = npt.NDArray[np.float64]

DIGITS = 9
"""Expected scores are compared after rounding, so that ties are ties on every machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a candidate stands: its mean score over the `rows` rows it ran. Rows that are missing for it count for
    nothing: `scored` is the number of rows behind the mean. `expected` is the score to expect of it over all rows there
    could be, by the posterior of all candidates."""

    candidate: Candidate
    mean: float
    rows: int
    scored: int
    expected: float


class Board:
    """Scores of candidates on the rows of the common `order`, and their posterior.

    Rows that a candidate ran because others made them look telling (`chose`) say which candidate is better, and nothing
    about how good it is. Every third row of the order is never chosen: of a candidate that ran chosen rows, and not
    all rows there are, only these are a fair sample.
    """

    def __init__(self, order: Sequence[Example], evaluator: Evaluator) -> None:
        self.order = tuple(order)
        self.candidates: dict[str, Candidate] = {}
        self._evaluator = evaluator
        self._chosen: set[str] = set()
        self._places = {example.id: place for place, example in enumerate(self.order)}
        self._scores: dict[str, Floats] = {}
        self._ran: dict[str, npt.NDArray[np.bool_]] = {}
        self._read = 0
        self._kernels: tuple[int, Kernels] | None = None
        self._fitted: dict[bool, tuple[tuple[int, int, int], Posterior]] = {}

    def enter(self, candidates: Iterable[Candidate]) -> None:
        """Candidates that are new to the board."""
        for candidate in candidates:
            self.candidates.setdefault(candidate.prompt.digest, candidate)

    def ran(self, candidates: Sequence[Candidate]) -> npt.NDArray[np.bool_]:
        """Which rows each of `candidates` ran, answered or missing: shape (candidates, rows)."""
        self._update()
        nothing = np.zeros(len(self.order), dtype=bool)
        return np.array([self._ran.get(c.prompt.digest, nothing) for c in candidates], dtype=bool).reshape(
            len(candidates), len(self.order)
        )

    def scores(self, candidates: Sequence[Candidate], *, fair: bool = False) -> Floats:
        """The row scores of `candidates`, NaN where there is none: shape (candidates, rows)."""
        self._update()
        nothing = np.full(len(self.order), np.nan)
        table = np.array([self._scores.get(c.prompt.digest, nothing) for c in candidates], dtype=np.float64).reshape(
            len(candidates), len(self.order)
        )
        if fair:
            partly = np.array([not self.fair(candidate) for candidate in candidates], dtype=bool)
            table[partly[:, None] & ~self.drawn] = np.nan
        return table

    @property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """Which rows are never chosen: a random third, as the order is random."""
        return np.asarray(np.arange(len(self.order)) % 3 == 0)

    def chose(self, candidates: Iterable[Candidate]) -> None:
        """`candidates` are to run rows that were chosen."""
        self._chosen |= {candidate.prompt.digest for candidate in candidates}

    def fair(self, candidate: Candidate) -> bool:
        """Whether all rows that `candidate` ran are a fair sample of the order."""
        return candidate.prompt.digest not in self._chosen or bool(self.ran([candidate]).all())

    def posterior(self, *, fair: bool = False) -> Posterior:
        """What all rollouts so far say about the candidates, in the order in which they entered."""
        state = len(self._evaluator.rollouts), len(self.candidates), len(self._chosen)
        fitted = self._fitted.get(fair)
        if fitted is None or fitted[0] != state:
            known = list(self.candidates.values())
            scores = self.scores(known, fair=fair)
            if self._kernels is None or self._kernels[0] != len(known):
                self._kernels = len(known), Likeness([c.prompt for c in known]).kernels()
            seen = np.flatnonzero(~np.isnan(scores).all(axis=0))
            posterior = fit(scores[:, seen], self._kernels[1])
            fitted = self._fitted[fair] = (state, posterior)
        return fitted[1]

    def clearly_ahead(self, candidates: Iterable[Candidate], other: Candidate) -> set[int]:
        """The trials of those `candidates` that are expected to be better than `other` by more than the standard
        deviation of that difference, by fair rows."""
        posterior = self.posterior(fair=True)
        places = {digest: place for place, digest in enumerate(self.candidates)}
        theirs, clear = places[other.prompt.digest], set()
        for candidate in candidates:
            ours, covariance = places[candidate.prompt.digest], posterior.covariance
            variance = covariance[ours, ours] + covariance[theirs, theirs] - 2 * covariance[ours, theirs]
            ahead = posterior.ability[ours] - posterior.ability[theirs]
            if ahead > 0 and round(float(ahead**2 - variance), DIGITS) > 0:
                clear.add(candidate.trial)
        return clear

    def telling(self, candidates: Sequence[Candidate]) -> Floats:
        """The chance that two candidates, both as able as `candidates` are on average, differ on each row. Of rows that
        nobody ran, nothing more is known than of rows as such."""
        posterior = self.posterior()
        places = {digest: place for place, digest in enumerate(self.candidates)}
        ability = float(np.mean(posterior.ability[[places[c.prompt.digest] for c in candidates]]))
        seen = np.flatnonzero(~np.isnan(self.scores(list(self.candidates.values()))).all(axis=0))
        difficulty = np.zeros(len(self.order))
        doubt = np.full(len(self.order), posterior.difficulty_variance)
        difficulty[seen], doubt[seen] = posterior.difficulty, posterior.difficulty_doubt
        return differ(ability - difficulty, doubt)

    def ranked(self, candidates: Iterable[Candidate], *, fair: bool = False) -> list[Standing]:
        """The best first, by the score to expect. The baseline wins ties; then the shorter prompt, then the earlier
        trial."""
        places = {digest: place for place, digest in enumerate(self.candidates)}
        expected = self.posterior(fair=fair).scores()
        listed = list(candidates)
        scores = self.scores(listed)
        known = ~np.isnan(scores)
        columns = (np.where(known, scores, 0.0).sum(axis=1), known.sum(axis=1), self.ran(listed).sum(axis=1))
        standings = [
            Standing(
                candidate=candidate,
                mean=float(total) / scored if scored else 0.0,
                rows=rows,
                scored=scored,
                expected=round(float(expected[places[candidate.prompt.digest]]), DIGITS),
            )
            for candidate, total, scored, rows in zip(listed, *(column.tolist() for column in columns), strict=True)
        ]
        return sorted(
            standings,
            key=lambda s: (-s.expected, s.candidate.trial != 0, length(s.candidate.prompt), s.candidate.trial),
        )

    def _update(self) -> None:
        """Reads the rollouts that came since it last looked."""
        rollouts = self._evaluator.rollouts
        for (prompt, example, repeat), rollout in itertools.islice(rollouts.items(), self._read, None):
            place = self._places.get(example)
            if place is None or repeat:
                continue
            if prompt not in self._ran:
                self._ran[prompt] = np.zeros(len(self.order), dtype=bool)
                self._scores[prompt] = np.full(len(self.order), np.nan)
            self._ran[prompt][place] = True
            self._scores[prompt][place] = np.nan if rollout.score is None else rollout.score
        self._read = len(rollouts)


def length(prompt: Prompt) -> int:
    """The characters of a prompt without its row."""
    return sum(len(message.content) for message in prompt.messages)
