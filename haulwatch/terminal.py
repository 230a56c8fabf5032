"""What others have said, made safe to print on a terminal."""

from typing import Final

from rich.text import Text

_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def as_said(text: str) -> Text:
    """Neither markup (`[red]`) nor control characters (which move cursors and change titles) take effect."""
    return Text(text.translate(_CONTROLS))
