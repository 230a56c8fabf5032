"""Files of keys that stay with the operator: for the user of this process only."""

from pathlib import Path
from typing import Final

from devices.bounded_files import read_bounded
from devices.errors import OperatorError

_OTHERS: Final = 0o077


def read_secret(
    path: Path, max_bytes: int, error: type[OperatorError], what: str = "key", then: str = ""
) -> str | None:
    """The text of a file; None where there is none. `what` it holds; `then`: what to do besides where others may read
    it.

    Raises `error`, which repeats nothing of the file, and OSError.
    """
    try:
        mode = path.stat().st_mode
        content = read_bounded(path, max_bytes, "it is no key")
    except FileNotFoundError:
        return None
    except ValueError as exc:
        raise error(f"{path} {exc}") from exc
    if mode & _OTHERS:
        raise error(f"{path}: others may read it: `chmod 600 {path}`{then}")
    try:
        return content.decode()
    except UnicodeDecodeError as exc:
        raise error(f"{path} is no {what}: put it back as it was") from exc
