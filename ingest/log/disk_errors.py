"""Texts for errors of the disk."""

import errno
from typing import Final

_TEXTS: Final = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota of this user is used up",
    errno.EFBIG: "the file may not grow any further",
    errno.EIO: "the disk does not read or write (I/O error)",
    errno.EROFS: "the disk is mounted read-only",
    errno.EACCES: "this user may not read or write it",
    errno.EMFILE: "this process has too many files open",
}


def disk_error_text(error: OSError) -> str:
    """Return the cause without its number; the operating system's own text where this module has none."""
    if error.errno is None:
        return str(error)
    return _TEXTS.get(error.errno, error.strerror or str(error))
