"""What the operating system says of a disk, in words people read."""

import errno
from typing import Final

_WORDS: Final = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota of this user is used up",
    errno.EFBIG: "the file may not grow any further",
    errno.EIO: "the disk does not read or write (I/O error)",
    errno.EROFS: "the disk is mounted read-only",
    errno.EACCES: "this user may not read or write it",
    errno.EMFILE: "this process has too many files open",
}


def in_words(error: OSError) -> str:
    """The reason without its number; where there is none, what the error says."""
    if error.errno is None:
        return str(error)
    return _WORDS.get(error.errno, error.strerror or str(error))
