"""Cursors of pages that are ordered by a time and, where that is the same, by a key: where the last page ended.

Clients hand them back as they got them.
"""

import base64
import re

from devices.errors import OperatorError


class InvalidCursor(OperatorError):
    """The cursor was not made by the store that got it."""


def cursor_of(at: int, key: str) -> str:
    """The cursor of the page after this row; `at`: ms since 1970 UTC."""
    return base64.urlsafe_b64encode(f"{at} {key}".encode()).decode()


def read_cursor(text: str, key: str, of: str) -> tuple[int, str]:
    """Time and key of a cursor; `key`: the pattern of its key, `of`: what the page lists. Raises InvalidCursor."""
    try:
        decoded = base64.b64decode(text, altchars=b"-_", validate=True).decode()
    except ValueError:  # of either decoding
        decoded = ""
    found = re.fullmatch(rf"([0-9]{{1,15}}) ({key})", decoded)
    if found is None:
        raise InvalidCursor(f"{text!r} is not a cursor of {of}")
    return int(found[1]), found[2]
