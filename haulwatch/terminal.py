"""Text from devices and people, made safe to print on a terminal."""

from typing import Final

from rich.text import Text

_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def plain_text(text: str) -> Text:
    """Text in which neither markup (`[red]`) nor control characters (which move cursors and change titles) work."""
    return Text(text.translate(_CONTROLS))
