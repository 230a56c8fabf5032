"""A wall clock that is stepped from outside while the process runs.

Python imports this by itself in a process whose PYTHONPATH names the folder. `time.time` and `time.time_ns`, by which
all of Haulwatch reads the wall clock, are ahead of it by what stands in a file: nanoseconds, eight bytes. Monotonic
clocks are left alone, as by a real step. (libfaketime 0.9.10 is of no use here: where it spares monotonic clocks it
breaks `time.sleep` of Python 3.11 with EINVAL.)
"""

import mmap
import os
import struct
import time

_true_ns = time.time_ns
with open(os.environ["CHAOS_CLOCK_FILE"], "rb") as _file:  # noqa: PTH123 - in every process's start: import little
    _ahead = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)


def _stepped_ns() -> int:
    ahead_ns: int = struct.unpack("=q", _ahead)[0]
    return _true_ns() + ahead_ns


time.time_ns = _stepped_ns
time.time = lambda: _stepped_ns() / 1e9
