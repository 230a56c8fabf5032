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
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    r"\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
)
"""Unicode 15.1: categories Cc Cf Cs Zl Zp (control, format, surrogate, line and paragraph separators), every code point
with Default_Ignorable_Code_Point (variation selectors, Hangul and Khmer fillers, tags), and the empty Braille cell."""

_EMOJI: Final = (
    r"\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u25ff\u2600-\u27bf\u2900-\u297f\u2b00-\u2bff"
    r"\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
"""Blocks of the symbols that a variation selector makes coloured (U+FE0F) or plain (U+FE0E): keyboards send it with
them. After any other character it is an invisible one."""

VISIBLE_PATTERN: Final = rf"\A[^{_UNSEEN}]*(?:(?<=[{_EMOJI}])[\ufe0e\ufe0f][^{_UNSEEN}]*)*\Z"
"""Matches text without any of them, for Python's `re`; in linear time."""

_UNSEEN_CHARACTER: Final = re.compile(rf"(?![\ufe0e\ufe0f])[{_UNSEEN}]|(?<![{_EMOJI}])[\ufe0e\ufe0f]")


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
