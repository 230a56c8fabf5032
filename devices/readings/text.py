"""The rule for text from devices and people: only visible characters.

A plate with an invisible character would look like that of another truck, and PostgreSQL, where alerts quote it, takes
no NUL.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

MAX_SHORT_CHARS: Final = 64

_UNSEEN: Final = (
    r"\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
"""Unicode 14, categories Cc Cf Cs Zl Zp: control, format (zero width, direction marks), surrogate, line and paragraph
separators."""

VISIBLE_PATTERN: Final = rf"\A[^{_UNSEEN}]*\Z"
"""Matches text without any of them, for Python's `re`."""

_UNSEEN_CHARACTER: Final = re.compile(f"[{_UNSEEN}]")


def unseen_character(text: str) -> str | None:
    """Return the first invisible character, written like `U+200B`, or None."""
    match = _UNSEEN_CHARACTER.search(text)
    return f"U+{ord(match[0]):04X}" if match else None


def _visible(text: str) -> str:
    if (char := unseen_character(text)) is not None:
        template = "Text should have no invisible character, has {char}"
        raise PydanticCustomError("unseen_character", template, {"char": char})
    return text


ShortText = Annotated[str, Field(min_length=1, max_length=MAX_SHORT_CHARS), AfterValidator(_visible)]
"""For pydantic models; the texts of readings have the same limits (`devices.readings.models.VisibleText`)."""
