"""The bounds of a process that works for one person beside those that must go on."""

import os
import sys


def be_modest(niceness: int, most_bytes: int) -> None:
    """Give way to the other processes, and allocate no more than this from now on: beyond it, MemoryError."""
    os.nice(niceness)
    if sys.platform.startswith("linux"):  # elsewhere this limit does not hold what a process allocates
        import resource  # noqa: PLC0415 - not on Windows

        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
