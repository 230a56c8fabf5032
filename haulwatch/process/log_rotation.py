"""Rotation of the logs of supervised processes, which write to a file that was opened for them."""

import logging
import shutil
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

MAX_BYTES: Final = 16 * 1_048_576
"""Some 100,000 lines: weeks of a healthy process. With the file before it, 32 MiB are kept of each process."""


def rotate(path: Path, max_bytes: int = MAX_BYTES) -> None:
    """Keep a log that has grown beyond `max_bytes` as `<name>.1`, in place of the one before, and begin it anew.

    The process goes on writing to the same file (opened to append), so it is copied and emptied; a line that comes
    between the two is lost. On a full disk the copy fails, and what was to be kept is given up.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return
        kept = path.with_name(f"{path.name}.1")
        try:
            shutil.copyfile(path, kept)
        except OSError as exc:
            kept.unlink(missing_ok=True)
            _log.warning("supervisor: %s has its maximum size and cannot be kept, emptied: %s", path, exc.strerror)
        with path.open("r+b") as log_file:
            log_file.truncate(0)
    except FileNotFoundError:
        return  # nothing was written yet
    except OSError as exc:
        _log.warning("supervisor: cannot rotate %s, it goes on growing: %s", path, exc.strerror)
