"""The warm process of `tests.end_to_end.warm`, whose commands wait milliseconds, not seconds, between the attempts at a
row: `python -m tests.end_to_end.hasty`."""

from __future__ import annotations

from benchmarks.models.retrying import Patience
from tests.end_to_end.warm import main

if __name__ == "__main__":
    defaults = Patience.__init__.__kwdefaults__
    assert defaults is not None
    defaults |= {"first_s": 0.002, "longest_s": 0.01}
    main()
