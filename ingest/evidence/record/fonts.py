"""The font of a record: one with Chinese characters, embedded in the PDF so that it reads alike everywhere.

Debian's `fonts-wqy-microhei` (Apache 2.0) has one that reportlab can embed: TrueType outlines. Noto CJK has others.
"""

from pathlib import Path
from typing import Final, NamedTuple

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from devices.errors import OperatorError

PLACES: Final = (
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    Path("/usr/share/fonts/wqy-microhei/wqy-microhei.ttc"),
    Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),
)
"""Where distributions install fonts with Chinese characters and TrueType outlines."""
LATIN: Final = "Helvetica"
_CHINESE: Final = "HaulwatchCJK"
_CHARACTERS: Final = "线索证据晋"


class BadFont(OperatorError):
    """The font of the settings cannot be embedded, or has no Chinese characters."""


class RecordFont(NamedTuple):
    """A font that is registered with reportlab."""

    name: str
    has_chinese: bool

    def shown(self, text: str) -> str:
        """The text as this font can show it."""
        if self.has_chinese:
            return text
        return "".join(char if ord(char) < 0x100 else "?" for char in text.replace("·", "-"))


def record_font(configured: Path | None) -> RecordFont:
    """The configured font, else the first that is installed, else one without Chinese. Raises BadFont."""
    if configured is not None:
        return _embedded(configured)
    for place in PLACES:
        if place.exists():
            return _embedded(place)
    return RecordFont(LATIN, has_chinese=False)


def _embedded(path: Path) -> RecordFont:
    name = f"{_CHINESE}-{path.name}"
    try:
        font = TTFont(name, str(path), subfontIndex=0)
    except (TTFError, OSError) as exc:
        raise BadFont(
            f"HAULWATCH_EVIDENCE_FONT {path}: cannot be embedded: {exc}: give a font with TrueType outlines, such as "
            "wqy-microhei.ttc"
        ) from exc
    if any(ord(char) not in font.face.charToGlyph for char in _CHARACTERS):
        raise BadFont(f"HAULWATCH_EVIDENCE_FONT {path}: has no Chinese characters: give one that has")
    pdfmetrics.registerFont(font)
    return RecordFont(name, has_chinese=True)
