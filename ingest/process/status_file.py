"""Small files in which one process tells the others how it is."""

from contextlib import suppress
from pathlib import Path


def replace_status(path: Path, text: bytes) -> None:
    """Put `text` in the file's place, whole; where the disk does not let it, the old text stays. Never raises."""
    draft = path.with_suffix(".draft")
    try:
        draft.write_bytes(text)
        draft.replace(path)
    except OSError:
        # A full disk has no room for a new file, but the old one's block can still be written.
        with suppress(OSError), path.open("r+b") as file:
            file.write(text)
            file.truncate()
