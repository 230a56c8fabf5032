"""A lock for each role and data directory: a second recorder or judge would count everything twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from devices.errors import OperatorError
from haulwatch.settings.data_files import require_data_dir


class AlreadyRunning(OperatorError):
    """Another process holds the role."""


@contextmanager
def acquire(data_dir: Path, role: str, *, create: bool = False) -> Iterator[None]:
    """Hold `role` in `data_dir` for the length of the block; the kernel releases it when the process dies.

    `create`: the directory, where it is not there. Raises NoData, and AlreadyRunning with the holder's process id.
    """
    if create:
        data_dir.mkdir(parents=True, exist_ok=True)
    else:
        require_data_dir(data_dir)
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
        with suppress(OSError):  # a full disk: the lock holds, and only the number of the process is missing
            os.ftruncate(lock_file.fileno(), 0)
            os.write(lock_file.fileno(), str(os.getpid()).encode())
        yield
