"""Small files in which a process publishes its status to the others."""

from contextlib import suppress
from pathlib import Path


def replace_status(path: Path, text: bytes) -> None:
    """Replace the file's content, whole; if the disk is out of order the old content stays. Never raises."""
    draft = path.with_suffix(".draft")
    try:
        draft.write_bytes(text)
        draft.replace(path)
    except OSError:
        # A full disk has no room for a new file, but the old file's block can still be overwritten.
        with suppress(OSError), path.open("r+b") as file:
            file.write(text)
            file.truncate()
