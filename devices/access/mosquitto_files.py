"""Handing files to Mosquitto: written whole or not at all, for its eyes only, and a word to it to read them again."""

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from devices.errors import OperatorError

_OWNER_ONLY: Final = 0o600
_OWNER_AND_GROUP: Final = 0o640


class NotReloaded(OperatorError):
    """The broker was not told to read its files again, and why."""


def write_files(folder: Path, files: Mapping[str, str], group: str | int | None = None) -> None:
    """Put each file in the place of the one before; a reader finds the old or the new one, never a part.

    Mode 0600, or 0640 for `group` (a name or number this user belongs to). Mount the folder into a container, not
    the files: a mounted file would stay the old one. Raises OSError; LookupError if no group has that name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        draft = path.with_name(f".{name}.{os.getpid()}")
        draft.unlink(missing_ok=True)  # of a killed process: in a container numbers come again
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
    """Send SIGHUP to the Mosquitto whose `pid_file` this is. Raises NotReloaded."""
    try:
        pid = int(pid_file.read_text())
        if pid <= 0:  # to `kill` that is a whole group, or everybody
            raise ValueError
        named = Path(f"/proc/{pid}/comm")
        if named.exists() and not named.read_text().startswith("mosquitto"):
            raise NotReloaded(f"{pid_file} names process {pid}, which is no Mosquitto: is it left over from before?")
        os.kill(pid, signal.SIGHUP)
    except (ValueError, ProcessLookupError) as exc:
        raise NotReloaded(f"{pid_file} names no running process: is Mosquitto up, with this pid_file?") from exc
    except OSError as exc:
        raise NotReloaded(f"{pid_file}: {exc.strerror}") from exc
