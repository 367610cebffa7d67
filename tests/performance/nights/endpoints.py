"""Endpoints that wobble, drift and break: the scores of a prompt and an anchor, night by night, for years.

A row has a chance of being right that stays; what changes from night to night moves all rows' chances together, on the
logit scale, by as much as moves the mean by so many points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from benchmarks.evidence.night_records import Baseline, Night

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, float], Floats]


def coins(rng: np.random.Generator, rows: int, accuracy: float) -> Floats:
    """Every reply is drawn afresh and every row is as hard: the most noise there can be."""
    return np.full(rows, accuracy)


def drawn(rng: np.random.Generator, rows: int, accuracy: float) -> Floats:
    """Replies are drawn afresh; rows are easy or hard (a beta distribution, two thirds of the coins' variance)."""
    return rng.beta(2 * accuracy, 2 * (1 - accuracy), rows)


def repeated(discordance: float) -> Draw:
    """Replies mostly repeat: on two nights, this share of the rows differs."""
    slip = (1 - (1 - 2 * discordance) ** 0.5) / 2

    def chances(rng: np.random.Generator, rows: int, accuracy: float) -> Floats:
        return np.asarray(np.where(rng.random(rows) < accuracy, 1 - slip, slip))

    return chances


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How replies come about. `chances` draws the rows' chances; with `exact` a reply is the same every night unless
    the level crosses the row's threshold. `wobble` is the standard deviation of a night's common shift in score units,
    `memory` its correlation from night to night, `weekly` the height of a wave of seven nights, `missing` the share of
    replies that never arrive."""

    chances: Draw = drawn
    exact: bool = False
    wobble: float = 0.0
    memory: float = 0.0
    weekly: float = 0.0
    missing: float = 0.0
    rows: int = 300
    accuracy: float = 0.8
    epochs: int = 5


def year(
    endpoint: Endpoint, path: Floats, anchor_path: Floats, rng: np.random.Generator
) -> tuple[Baseline, tuple[Night, ...]]:
    """A baseline, and nights on which the prompt's and the anchor's expected scores are off by `path` and
    `anchor_path`, in score units. The night's common shift meets both."""
    nights = path.size
    steps = rng.normal(0, endpoint.wobble, endpoint.epochs + nights)
    shift = np.empty_like(steps)
    for night, step in enumerate(steps):
        past = endpoint.memory * shift[night - 1] if night else 0.0
        shift[night] = past + (step if not night else (1 - endpoint.memory**2) ** 0.5 * step)
    shift += endpoint.weekly * np.sin(2 * np.pi * np.arange(shift.size) / 7)
    prompt, anchor = (
        _scores(endpoint, shift + np.concatenate([np.zeros(endpoint.epochs), off]), rng) for off in (path, anchor_path)
    )
    lines = [[tuple(line) for line in table.tolist()] for table in (prompt, anchor)]
    baseline = Baseline(prompt=tuple(lines[0][: endpoint.epochs]), anchor=tuple(lines[1][: endpoint.epochs]))
    pairs = zip(lines[0][endpoint.epochs :], lines[1][endpoint.epochs :], strict=True)
    return baseline, tuple(Night(prompt=ours, anchor=theirs) for ours, theirs in pairs)


def _scores(endpoint: Endpoint, shift: Floats, rng: np.random.Generator) -> Floats:
    size = (shift.size, endpoint.rows)
    if endpoint.exact:
        levels = np.clip(endpoint.accuracy + shift, 0, 1)
        scores = (rng.random(endpoint.rows) < levels[:, np.newaxis]).astype(np.float64)
    else:
        chances = endpoint.chances(rng, endpoint.rows, endpoint.accuracy)
        easiness = logit(np.clip(chances, 1e-6, 1 - 1e-6))
        moves = np.linspace(-8, 4, 121)
        means = expit(easiness + moves[:, np.newaxis]).mean(axis=1)
        moved = np.interp(expit(easiness).mean() + shift, means, moves)
        scores = (rng.random(size) < expit(easiness + moved[:, np.newaxis])).astype(np.float64)
    if endpoint.missing:
        scores[rng.random(size) < endpoint.missing] = np.nan
    return scores
