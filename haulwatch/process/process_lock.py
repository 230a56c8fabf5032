"""One recorder, one judge, one collector per data directory: a second would count everything twice."""

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
    """Hold `role` in `data_dir` for the length of the block; the kernel lets go when the process dies.

    Raises AlreadyRunning with the holder's process id.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / f"{role}.lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            held.seek(0)
            holder = held.read().strip() or "unknown"
            message = f"another {role} (process {holder}) already works on {data_dir}: stop it or use another directory"
            raise AlreadyRunning(message) from exc
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield
