"""The clocks of the machine, and whether its kernel believes the wall clock."""

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


def monotonic() -> float:
    """Seconds that no one sets."""
    return time.monotonic()


def synchronised() -> bool | None:
    """What adjtimex(2), asked without setting anything, says; None where there is no such call."""
    if sys.platform != "linux":
        return None
    read_only = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        state: int = ctypes.CDLL(None).adjtimex(read_only)
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _TIME_ERROR
