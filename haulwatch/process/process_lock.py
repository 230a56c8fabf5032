"""A lock for each role and data directory: a second recorder or judge would count everything twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devices.errors import OperatorError


class AlreadyRunning(OperatorError):
    """Another process holds the role."""


@contextmanager
def acquire(data_dir: Path, role: str) -> Iterator[None]:
    """Hold `role` in `data_dir` for the length of the block; the kernel releases it when the process dies.

    Raises AlreadyRunning with the holder's process id.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / f"{role}.lock").open("a+") as lock_file:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            lock_file.seek(0)
            holder = lock_file.read().strip() or "unknown"
            raise AlreadyRunning(
                f"another {role} (process {holder}) already works on {data_dir}: stop it, or set another "
                "HAULWATCH_DATA_DIR"
            ) from exc
        lock_file.truncate(0)
        lock_file.write(str(os.getpid()))
        lock_file.flush()
        yield
