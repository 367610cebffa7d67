"""Linear algebra on one thread.

The matrices of a search are small: threads take longer to wake than to multiply. And rounding that depends on how many
threads share the work would let a job that goes on elsewhere decide otherwise.
"""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[object]:
    """While it lasts, linear algebra runs on one thread."""
    limited: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limited


@functools.cache
def _libraries() -> ThreadpoolController:
    # Finding them takes a millisecond, and finds those that are loaded by now.
    return ThreadpoolController()
