"""The clocks of the machine, and the kernel's opinion of the wall clock."""

import ctypes
import sys
import time
from typing import Final

_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""
_TIMEX_BYTES: Final = 512
"""More than any kernel's struct timex (208 on 64-bit Linux)."""


def wall() -> float:
    """Seconds since 1970 UTC."""
    return time.time()


def now_ms() -> int:
    """The wall clock, ms since 1970 UTC."""
    return time.time_ns() // 1_000_000


def monotonic() -> float:
    """Seconds on a clock that nobody can set."""
    return time.monotonic()


def elapsed_ms() -> int:
    """A clock that nobody can set, in ms; on Linux it runs on while the machine sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    return time.monotonic_ns() // 1_000_000


def synchronised() -> bool | None:
    """The answer of adjtimex(2), called without setting anything; None where there is no such call."""
    if sys.platform != "linux":
        return None
    read_only = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        state: int = ctypes.CDLL(None).adjtimex(read_only)
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _TIME_ERROR
