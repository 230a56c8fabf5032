"""Text from devices and people, made safe to print on a terminal."""

from typing import Final

from rich.text import Text

_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"}


def plain_text(text: str) -> Text:
    """Text in which neither markup (`[red]`) nor control characters (which move cursors and change titles) work."""
    return Text(text.translate(_CONTROLS))


def one_line(text: str) -> Text:
    """Likewise in one line: line breaks, and characters that turn the direction of writing or are not seen, show as
    their codes. So no part of the text passes for a line of the program.
    """
    return Text("".join(char if char.isprintable() or char == "\u3000" else _code(char) for char in text))


def _code(char: str) -> str:
    return _CONTROLS.get(ord(char)) or char.encode("unicode_escape").decode("ascii")
