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
PROBES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Calls by purpose.

    `proof_rows` test rows are set aside for the proof, two calls each. `cohorts` holds the number of new candidates
    of each cohort; together with the look at the headroom (`headroom_rows` rows for the baseline and
    `probes` more prompts) they make up `search_calls`. `repeat_calls` repeat the baseline to show the noise.
    """

    proof_rows: int
    search_calls: int
    repeat_calls: int
    headroom_rows: int
    probes: int
    cohorts: tuple[int, ...]

    @property
    def proof_calls(self) -> int:
        """Two calls on each of the proof's rows."""
        return 2 * self.proof_rows

    @property
    def calls(self) -> int:
        """All of it: never more than the cap."""
        return self.search_calls + self.repeat_calls + self.proof_calls


def make_plan(
    *,
    calls: int,
    validation_rows: int,
    test_rows: int,
    space_size: int,
    instructions: int,
    repeats: int,
) -> Plan:
    """The plan for a cap of `calls`.

    A search space that is small enough is tried as a whole in one cohort; a larger one in several, so that the later
    cohorts can learn from the earlier ones. Every instruction gets into the first cohort if there are calls for it.
    Raises BudgetError, naming the smallest budget that would do, if the search would have next to nothing to spend.
    """
    proof_rows = min(test_rows, calls // 4)
    headroom_rows = min(HEADROOM_ROWS, validation_rows)
    repeat_calls = (repeats - 1) * headroom_rows
    left = calls - 2 * proof_rows - repeat_calls
    if left < FEWEST_SEARCH_CALLS or proof_rows < 1:
        least = next(c for c in range(calls + 1, 10**9) if _left(c, test_rows, repeat_calls) >= FEWEST_SEARCH_CALLS)
        raise BudgetError(
            f"A budget of {calls} calls leaves {max(0, left)} for the search once the proof's {2 * proof_rows} are set "
            f"aside; it needs at least {FEWEST_SEARCH_CALLS}. Nothing was spent. Give at least --budget-calls {least}."
        )
    search_calls = min(left, (space_size + 1) * validation_rows)
    probes = max(0, min(PROBES, space_size, search_calls // (4 * headroom_rows) - 1))
    most = min(search_calls // FEWEST_CALLS_PER_CANDIDATE, LARGEST_COHORT)
    if space_size < most:
        cohorts: tuple[int, ...] = (space_size,)
    else:
        number = max(1, min(MOST_COHORTS, search_calls // CALLS_PER_COHORT))
        share = search_calls // number
        usual = max(3, min(LARGEST_COHORT, share // CALLS_PER_CANDIDATE))
        first = max(usual, min(instructions, share // FEWEST_CALLS_PER_CANDIDATE, LARGEST_COHORT))
        cohorts = (first, *[usual] * (number - 1))
    return Plan(
        proof_rows=proof_rows,
        search_calls=search_calls,
        repeat_calls=repeat_calls,
        headroom_rows=headroom_rows,
        probes=probes,
        cohorts=cohorts,
    )


def _left(calls: int, test_rows: int, repeat_calls: int) -> int:
    return calls - 2 * min(test_rows, calls // 4) - repeat_calls
