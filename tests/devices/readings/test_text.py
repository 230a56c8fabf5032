import re
import sys
from typing import Final
from unicodedata import category

import pytest

from devices.readings.text import VISIBLE_PATTERN, unseen_character

UNSEEN: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
IGNORABLE: Final = (
    (0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2065, 0x2065), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF),
    (0x13439, 0x1343F),
)  # fmt: skip
"""Default_Ignorable_Code_Point in DerivedCoreProperties.txt, as far as it is in none of these categories, and those
that Unicode 15 has added to them (Python 3.11 has Unicode 14)."""
BLANK_BRAILLE: Final = 0x2800


def is_visible(code: int) -> bool:
    if code == BLANK_BRAILLE or any(first <= code <= last for first, last in IGNORABLE):
        return False
    return category(chr(code)) not in UNSEEN


def test_a_character_is_accepted_if_it_is_visible() -> None:
    """All code points, against the Unicode tables of this Python."""
    visible = re.compile(VISIBLE_PATTERN)
    wrong = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if (visible.search(f"a{chr(code)}") is not None) is not is_visible(code)
    ]
    assert not wrong


def test_the_first_invisible_character_is_named() -> None:
    assert unseen_character("晋E\u3000123") is None
    assert unseen_character("a\u200bb\x00") == "U+200B"
    assert re.search(VISIBLE_PATTERN, "a\n") is None, "also at the very end"


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        ("🚛晋E🗑\ufe0f", None),
        ("⚠\ufe0f soft ground", None),
        ("晋E\ufe0f·D0101", "U+FE0F"),
        ("晋E·D010\ufe0f1", "U+FE0F"),
        ("\ufe0f", "U+FE0F"),
        ("🗑\ufe0f\ufe0f", "U+FE0F"),
        ("葛\U000e0100城", "U+E0100"),
        ("晋E·D\u31640101", "U+3164"),
        ("🗑\ufe0f\u115f", "U+115F"),
    ],
)
def test_a_variation_selector_is_taken_with_the_symbol_it_colours_only(text: str, unseen: str | None) -> None:
    assert unseen_character(text) == unseen
    assert (re.search(VISIBLE_PATTERN, text) is None) is (unseen is not None)
