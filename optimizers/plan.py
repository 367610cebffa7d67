"""How the calls of a budget are divided: the proof's share first, the rest over cohorts of candidates."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.errors import BudgetError

CALLS_PER_CANDIDATE = 30
CALLS_PER_COHORT = 400
MOST_COHORTS = 4
FEWEST_CALLS_PER_CANDIDATE = 4
LARGEST_COHORT = 96
FEWEST_SEARCH_CALLS = 16
HEADROOM_ROWS = 8
FEWEST_HEADROOM_ROWS = 2
CALLS_PER_HEADROOM_ROW = 64
PROBES = 3
PROPOSER_CALLS_PER_COHORT = 8

REPORT_SHARE = 0.1
"""The share of the search calls that says what mattered in the winner, from `FEWEST_CALLS_TO_TELL` on, and where there
is more to a prompt than its instruction."""

FEWEST_CALLS_TO_TELL = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Calls by purpose.

    `proof_rows` test rows are set aside for the proof, two calls each. `cohorts` holds the number of new candidates
    of each cohort; together with the look at the headroom (`headroom_rows` rows for the baseline and
    `probes` more prompts) they make up `search_calls`, of which the last `report_calls` say what mattered in the
    winner. `repeat_calls` repeat the baseline to show the noise, `proposer_calls` go to the proposer model.
    """

    proof_rows: int
    search_calls: int
    repeat_calls: int
    headroom_rows: int
    probes: int
    cohorts: tuple[int, ...]
    report_calls: int = 0
    proposer_calls: int = 0

    @property
    def proof_calls(self) -> int:
        """Two calls on each of the proof's rows."""
        return 2 * self.proof_rows

    @property
    def calls(self) -> int:
        """All of it: never more than the cap."""
        return self.search_calls + self.repeat_calls + self.proposer_calls + self.proof_calls


def make_plan(
    *,
    calls: int,
    validation_rows: int,
    test_rows: int,
    space_size: int,
    instructions: int,
    repeats: int,
    grows: bool = False,
    proposer_calls: int = 0,
) -> Plan:
    """The plan for a cap of `calls`.

    A search space that is small enough is tried as a whole in one cohort; a larger one in several, so that the later
    cohorts can learn from the earlier ones. Every instruction gets into the first cohort if there are calls for it,
    those that a model writes before it too. Where the space `grows`, because instructions are written between cohorts,
    it is never tried as a whole; at most `proposer_calls` are set aside for the model that writes them.
    Raises BudgetError, naming the smallest budget that would do, if the search would have next to nothing to spend.
    """
    proof_rows = min(test_rows, calls // 4)
    headroom_rows = min(HEADROOM_ROWS, validation_rows, max(FEWEST_HEADROOM_ROWS, calls // CALLS_PER_HEADROOM_ROW))
    repeat_calls = (repeats - 1) * headroom_rows
    left = calls - 2 * proof_rows - repeat_calls
    if left < FEWEST_SEARCH_CALLS or proof_rows < 1:
        least = next(c for c in range(calls + 1, 10**9) if _left(c, test_rows, repeat_calls) >= FEWEST_SEARCH_CALLS)
        raise BudgetError(
            f"A budget of {calls} calls leaves {max(0, left)} for the search once the proof's {2 * proof_rows} are set "
            f"aside; it needs at least {FEWEST_SEARCH_CALLS}. Nothing was spent. Give at least --budget-calls {least}."
        )
    number = max(1, min(MOST_COHORTS, left // CALLS_PER_COHORT))
    proposer_calls = min(proposer_calls, PROPOSER_CALLS_PER_COHORT * number, left - FEWEST_SEARCH_CALLS)
    left -= proposer_calls
    search_calls = left if grows else min(left, (space_size + 1) * validation_rows)
    probes = max(0, min(PROBES, space_size, search_calls // (4 * headroom_rows) - 1))
    most = min(search_calls // FEWEST_CALLS_PER_CANDIDATE, LARGEST_COHORT)
    opening = min(proposer_calls, PROPOSER_CALLS_PER_COHORT)
    if space_size + opening < most and not (grows and number > 1):
        cohorts: tuple[int, ...] = (space_size + opening,)
    else:
        share = search_calls // number
        usual = max(3, min(LARGEST_COHORT, share // CALLS_PER_CANDIDATE))
        first = max(usual, min(instructions + opening, share // FEWEST_CALLS_PER_CANDIDATE, LARGEST_COHORT))
        cohorts = (first, *[usual] * (number - 1))
    told = search_calls >= FEWEST_CALLS_TO_TELL and space_size > instructions
    return Plan(
        proof_rows=proof_rows,
        search_calls=search_calls,
        repeat_calls=repeat_calls,
        headroom_rows=headroom_rows,
        probes=probes,
        cohorts=cohorts,
        report_calls=int(search_calls * REPORT_SHARE) if told else 0,
        proposer_calls=proposer_calls,
    )


def _left(calls: int, test_rows: int, repeat_calls: int) -> int:
    return calls - 2 * min(test_rows, calls // 4) - repeat_calls
