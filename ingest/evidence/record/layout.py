"""The look of a record: page, styles, boxes and tables in one language, and how times and values are written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.graphics.shapes import Polygon
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, Paragraph, Table

from ingest.evidence.record.fonts import RecordFont
from ingest.evidence.record.words import WORDS, Language, Words
from rules.alerts.model import Text

MARGIN: Final = 18 * mm
WIDTH: Final = A4[0] - 2 * MARGIN - 12
"""Less the padding of the frame."""
INK: Final = HexColor(0x1B1F24)
RULE: Final = HexColor(0x9AA5B1)
HEAD: Final = HexColor(0xEEF1F4)
_MAX_VALUE_CHARS: Final = 400
_ROOM_PT: Final = 90.0


def rectangle(x: float, y: float, width: float, height: float, fill: Color, edge: Color | None = None) -> Polygon:
    """A filled rectangle of a drawing."""
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return Polygon(corners, fillColor=fill, strokeColor=edge, strokeWidth=0.5)


class Layout:
    """Of one record in one language."""

    def __init__(self, language: Language, font: RecordFont, zone: ZoneInfo) -> None:
        self.language, self.font, self.zone = language, font, zone
        self.words: Words = WORDS[language]
        self.body, self.small = self._style(9), self._style(7.5)
        self.big, self.head = (
            self._style(19, spaceAfter=6),
            self._style(12, spaceBefore=10, spaceAfter=4),
        )

    def _style(self, size: float, **more: Any) -> ParagraphStyle:
        chinese = self.language == "zh"
        return ParagraphStyle(
            f"s{size}", fontName=self.font.name, fontSize=size, leading=size * (1.5 if chinese else 1.35),
            textColor=INK, wordWrap="CJK" if chinese else None, **more,
        )  # fmt: skip

    def box(self, strong: str, more: str, edge: Color, paper: Color) -> Table:
        parts: list[Flowable] = []
        if strong:
            parts.append(Paragraph(f'<font size="10.5" color="{_hex(edge)}">{self.escaped(strong)}</font>', self.body))
        if more:
            parts.append(self.text(more, self.body))
        grid: list[Any] = [
            ("BOX", (0, 0), (-1, -1), 1.2, edge), ("BACKGROUND", (0, 0), (-1, -1), paper),
            ("LEFTPADDING", (0, 0), (-1, -1), 8), ("RIGHTPADDING", (0, 0), (-1, -1), 8),
            ("TOPPADDING", (0, 0), (-1, -1), 5), ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
        ]  # fmt: skip
        return Table([[parts]], [WIDTH], style=grid)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], parts: Sequence[float]) -> Table:
        head = [[self.text(column, self.small) for column in columns]] if columns else []
        cells = [[self.text(cell[:_MAX_VALUE_CHARS], self.small) for cell in row] for row in rows]
        grid: list[Any] = [
            ("LINEBELOW", (0, 0), (-1, -1), 0.3, RULE), ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ("LEFTPADDING", (0, 0), (-1, -1), 3), ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ]  # fmt: skip
        if head:
            grid.append(("BACKGROUND", (0, 0), (-1, 0), HEAD))
        else:
            grid += [("BACKGROUND", (n, 0), (n, -1), HEAD) for n in range(0, len(parts), 2)]
        return Table(head + cells, [WIDTH * part for part in parts], style=grid, repeatRows=len(head))

    def section(self, title: str) -> list[Flowable]:
        """A heading, on the next page where little room is left."""
        return [CondPageBreak(_ROOM_PT), self.text(title, self.head)]

    def text(self, text: str, style: ParagraphStyle) -> Paragraph:
        return Paragraph(self.escaped(text), style)

    def escaped(self, text: str) -> str:
        return escape(self.shown(text))

    def shown(self, text: str) -> str:
        return self.font.shown(text)

    def in_language(self, text: Text) -> str:
        return text.zh if self.language == "zh" else text.en

    def value(self, value: object) -> str:
        match value:
            case bool():
                return self.words.yes if value else self.words.no
            case float():
                return f"{value:,.6g}"
            case int():
                return f"{value:,}"
            case str():
                return ",".join(self.words.values.get(part, part) for part in value.split(","))
            case _:
                return str(value)

    def valid(self, part: Mapping[str, Any]) -> str:
        start, end = part["valid_from"], part["valid_until"]
        if start is None and end is None:
            return self.words.always
        return f"{'…' if start is None else self.time(start)} – {'…' if end is None else self.time(end)}"

    def time(self, ts: int) -> str:
        return datetime.fromtimestamp(ts / 1000, self.zone).isoformat(" ", "seconds")


def _hex(colour: Color) -> str:
    return f"#{colour.hexval()[2:]}"
