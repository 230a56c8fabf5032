"""Delivery of files to Mosquitto: replaced atomically, readable by the broker only, and the signal to reload them.

`haulwatch device export-acl` and `haulwatch device authority` call it.
"""

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from devices.errors import OperatorError

_OWNER_ONLY: Final = 0o600
_OWNER_AND_GROUP: Final = 0o640
_FOLDER_OF_OWNER_AND_GROUP: Final = 0o750


class NotReloaded(OperatorError):
    """The broker could not be signalled to reload its files; the message says why."""


def write_files(folder: Path, files: Mapping[str, str], group: str | int | None = None) -> None:
    """Replace each file atomically; a reader sees the old or the new content, never a part.

    Mode 0600 in a folder of mode 0700, if the folder is new; 0640 and 0750 for `group` (a name or number of a group of
    this user). Mount the folder into a container, not the files: a mounted file would stay the old one. Raises OSError;
    LookupError if no group has that name.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        if group is not None:
            shutil.chown(folder, group=group)
            folder.chmod(_FOLDER_OF_OWNER_AND_GROUP)
    for name, text in files.items():
        path = folder / name
        draft = path.with_name(f".{name}.{os.getpid()}")
        draft.unlink(missing_ok=True)  # left by a killed process: in a container process ids repeat
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if group is not None:
                shutil.chown(draft, group=group)
                draft.chmod(_OWNER_AND_GROUP)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def reload_mosquitto(pid_file: Path) -> None:
    """Send SIGHUP to the Mosquitto that wrote this `pid_file`. Raises NotReloaded."""
    try:
        pid = int(pid_file.read_text())
        if pid <= 0:  # `kill` would signal a process group, or every process
            raise ValueError
        name = Path(f"/proc/{pid}/comm")
        if name.exists() and not name.read_text().startswith("mosquitto"):
            raise NotReloaded(f"{pid_file} names process {pid}, which is no Mosquitto: is it from an earlier run?")
        os.kill(pid, signal.SIGHUP)
    except (ValueError, ProcessLookupError) as exc:
        raise NotReloaded(f"{pid_file} names no running process: is Mosquitto running, with this pid_file?") from exc
    except OSError as exc:
        raise NotReloaded(f"{pid_file}: {exc.strerror}") from exc
