import re
import sys
from typing import Final
from unicodedata import category

from devices.readings.text import VISIBLE_PATTERN, unseen_character

UNSEEN: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_a_character_is_accepted_if_it_is_visible() -> None:
    """All code points, against the Unicode tables of this Python."""
    visible = re.compile(VISIBLE_PATTERN)
    wrong = [
        f"U+{code:04X}"
        for code in range(sys.maxunicode + 1)
        if (visible.search(f"a{(char := chr(code))}") is None) is not (category(char) in UNSEEN)
    ]
    assert not wrong


def test_the_first_invisible_character_is_named() -> None:
    assert unseen_character("晋E\u3000123") is None
    assert unseen_character("a\u200bb\x00") == "U+200B"
    assert re.search(VISIBLE_PATTERN, "a\n") is None, "also at the very end"
