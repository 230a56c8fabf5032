"""A wall clock that another process can step while this one runs.

Python imports this module by itself in a process whose PYTHONPATH contains its folder. Haulwatch reads the wall clock
only by `time.time` and `time.time_ns`; both return the true time plus the offset in a file (nanoseconds, eight bytes).
Monotonic clocks are unchanged, as with a real step. (libfaketime 0.9.10 cannot be used: if it leaves monotonic clocks
alone, `time.sleep` of Python 3.11 fails with EINVAL.)
"""

import mmap
import os
import struct
import time

_true_ns = time.time_ns
with open(os.environ["CHAOS_CLOCK_FILE"], "rb") as _file:  # noqa: PTH123 - imported at the start of every process: keep imports few
    _ahead = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)


def _stepped_ns() -> int:
    ahead_ns: int = struct.unpack("=q", _ahead)[0]
    return _true_ns() + ahead_ns


time.time_ns = _stepped_ns
time.time = lambda: _stepped_ns() / 1e9
