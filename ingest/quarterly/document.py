"""The pages of a quarterly report. The same figures give the same bytes: no time of making stands on it."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, SimpleDocTemplate

from devices.errors import OperatorError
from ingest.evidence.record.fonts import RecordFont, record_font
from ingest.evidence.record.layout import INK, MARGIN, Layout
from ingest.evidence.record.words import Language
from ingest.quarterly.words import WORDS, Words
from rules.indicators.model import Indicator, IndicatorQuality, IndicatorReport

_COLUMNS: Final = (0.34, 0.12, 0.14, 0.13, 0.16, 0.11)
_MOST_DAYS: Final = 200
"""A quarter has 92; more would be a report of another span."""


class NoChineseFont(OperatorError):
    """The report cannot be drawn in Chinese; says what to install."""


def quarterly_report(report: IndicatorReport, quarter: str, language: Language, font_file: Path | None) -> bytes:
    """Draw the report as PDF. `quarter`: as it is called, `2026Q3`. Raises BadFont, NoChineseFont."""
    font = record_font(font_file)
    if language == "zh" and not font.has_chinese:
        raise NoChineseFont(
            "no font with Chinese characters: install one (Debian: fonts-wqy-microhei), set HAULWATCH_EVIDENCE_FONT, "
            "or ask for --language en"
        )
    return _Report(report, quarter, language, font).pdf()


class _Report:
    """One report in one language."""

    def __init__(self, report: IndicatorReport, quarter: str, language: Language, font: RecordFont) -> None:
        self._report, self._language, self._font = report, language, font
        self._layout = Layout(language, font, ZoneInfo(report.timezone))
        self._words: Words = WORDS[language]
        city = report.city.zh if language == "zh" else report.city.en
        self._title = self._words.title.format(city=city, quarter=quarter)

    def pdf(self) -> bytes:
        target = BytesIO()
        document = SimpleDocTemplate(
            target, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=16 * mm, bottomMargin=16 * mm,
            title=self._layout.shown(self._title), author="Haulwatch", invariant=1, initialFontName=self._font.name,
            lang="zh-CN" if self._language == "zh" else "en",
        )  # fmt: skip
        story = [*self._head(), *self._figures(), *self._definitions(), *self._late()]
        document.build(story, onFirstPage=self._footer, onLaterPages=self._footer)
        return target.getvalue()

    def _footer(self, canvas: Any, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(self._font.name, 7.5)
        canvas.setFillColor(INK)
        canvas.drawString(MARGIN + 6, 9 * mm, self._layout.shown(self._title))
        canvas.drawRightString(A4[0] - MARGIN - 6, 9 * mm, self._words.page.format(page=document.page))
        canvas.restoreState()

    def _head(self) -> Iterator[Flowable]:
        report, words, layout = self._report, self._words, self._layout
        yield layout.text(self._title, layout.big)
        first, last = report.first_day.isoformat(), report.last_day.isoformat()
        yield layout.text(words.span.format(first=first, last=last, timezone=report.timezone), layout.body)
        if not report.is_over:
            yield layout.text(words.not_over, layout.body)
        yield layout.text(words.how_to_read, layout.small)

    def _figures(self) -> Iterator[Flowable]:
        rows = [self._row(one) for one in self._report.indicators]
        yield from self._layout.section(self._words.figures)
        yield self._layout.table(self._words.columns, rows, _COLUMNS)

    def _row(self, one: Indicator) -> tuple[str, ...]:
        words, in_language = self._words, self._layout.in_language
        return (
            in_language(one.name),
            words.no_value if one.value is None else _figure(one.value),
            in_language(one.unit),
            _dated(one.baseline, one.baseline_year),
            "–" if one.target is None else f"{words.aims[one.aim]} {_dated(one.target, one.target_year)}",
            "–" if one.progress_pct is None else f"{one.progress_pct:g} %",
        )

    def _definitions(self) -> Iterator[Flowable]:
        yield from self._layout.section(self._words.definitions)
        for one in self._report.indicators:
            yield KeepTogether(list(self._definition(one)))

    def _definition(self, one: Indicator) -> Iterator[Flowable]:
        words, layout, in_language = self._words, self._layout, self._layout.in_language
        yield layout.text(in_language(one.name), layout.head)
        yield layout.text(words.formula + in_language(one.formula), layout.body)
        yield layout.text(words.scope + in_language(one.scope), layout.body)
        if one.withheld:
            reasons = words.separator.join(in_language(held.text) for held in one.withheld)
            yield layout.text(words.why + reasons, layout.body)
        if one.value is not None or any(part.value for part in one.parts):
            parts = (f"{in_language(part.name)} {_figure(part.value)} {in_language(part.unit)}" for part in one.parts)
            yield layout.text(words.made_of + words.separator.join(parts), layout.body)
        if one.quality is not None:
            yield layout.text(words.data + words.separator.join(self._quality(one.quality)), layout.body)

    def _quality(self, found: IndicatorQuality) -> Iterator[str]:
        words = self._words
        yield words.loads.format(count=f"{found.loads:,}")
        if found.weighed_pct is not None:
            yield words.weighed.format(count=f"{found.weighed_pct:g}")
        for text, count in (
            (words.estimated, found.estimated),
            (words.without_net, found.without_net),
            (words.without_stream, found.without_stream),
            (words.waiting, found.waiting),
        ):
            if count:
                yield text.format(count=f"{count:,}")
        yield words.days.format(count=found.days_without_data, all=found.days)
        yield words.sites.format(count=found.sites_without_scale, all=found.sites)
        if found.points:
            yield words.deposits.format(count=f"{found.deposits:,}")
            yield words.points.format(count=found.points_without_deposits, all=found.points)

    def _late(self) -> Iterator[Flowable]:
        words, layout = self._words, self._layout
        yield from layout.section(words.late)
        if not self._report.late:
            yield layout.text(words.none_late, layout.body)
            return
        rows = [(one.day, f"{one.revisions:,}", f"{one.net_kg:+,.0f}") for one in self._report.late[:_MOST_DAYS]]
        yield layout.table(words.late_columns, rows, (0.4, 0.3, 0.3))


def _figure(value: float) -> str:
    return f"{value:,.3f}".rstrip("0").rstrip(".")


def _dated(value: float | None, year: int | None) -> str:
    if value is None:
        return "–"
    return _figure(value) if year is None else f"{_figure(value)} ({year})"
