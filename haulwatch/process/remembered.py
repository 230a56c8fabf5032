"""An answer that is kept for a while, because it is expensive and many callers ask for it."""

import time
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

REMEMBER_S: Final = 1.0
"""Every open console asks for the ledger every few seconds."""
REST_FACTOR: Final = 10.0
"""An answer is kept this many times as long as it took: with 100,000 devices, reading the ledger takes two seconds of a
processor that other processes need."""

_T = TypeVar("_T")


def remembered(read: Callable[[], _T], monotonic: Callable[[], float] = time.monotonic) -> Callable[[], _T]:
    """Wrap `read` so that its answer is kept for a second, or for ten times as long as the reading took.

    Callers from any thread wait for one reading. An exception is not kept.
    """
    lock = Lock()
    kept: list[tuple[float, _T]] = []
    """At most one: when to read again, and the answer until then."""

    def answer() -> _T:
        with lock:
            began = monotonic()
            if not kept or began >= kept[0][0]:
                kept.clear()
                value = read()
                ended = monotonic()
                kept.append((ended + max(REMEMBER_S, REST_FACTOR * (ended - began)), value))
            return kept[0][1]

    return answer
