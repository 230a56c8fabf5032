"""The pages of a record: the first page, map and findings, curves, devices and custody."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, PageBreak, SimpleDocTemplate

from ingest.evidence.pack import Contents, amended_at
from ingest.evidence.record.curves import Span, draw_curves, samples_of
from ingest.evidence.record.first_page import FirstPage
from ingest.evidence.record.fonts import BadFont, RecordFont, record_font
from ingest.evidence.record.layout import INK, MARGIN, WIDTH, Layout
from ingest.evidence.record.map import MapData, draw_map
from ingest.evidence.record.measures import MEASURES, UNITS
from ingest.evidence.record.words import LANGUAGES, Language
from rules.alerts.actions import JournalEntry
from rules.alerts.model import Text

_log = logging.getLogger(__name__)

NO_FONT: Final = "no font with Chinese characters is installed (Debian: fonts-wqy-microhei)"
_MAP_PT: Final = 330.0
_MAX_READINGS: Final = 30
_MAX_CUSTODY: Final = 40
_MAX_NAMED: Final = 40


def records(contents: Contents, font_file: Path | None) -> Mapping[str, bytes | str]:
    """The record in both languages; a reason in place of one that cannot be made."""
    try:
        font = record_font(font_file)
    except BadFont as exc:
        return {f"record_{language}.pdf": str(exc) for language in LANGUAGES}
    made: dict[str, bytes | str] = {}
    for language in LANGUAGES:
        name = f"record_{language}.pdf"
        made[name] = NO_FONT if language == "zh" and not font.has_chinese else _drawn(contents, language, font)
    return made


def _drawn(contents: Contents, language: Language, font: RecordFont) -> bytes | str:
    """The pages; a reason if they cannot be drawn. The messages may be gone tomorrow: the pack is made all the same."""
    try:
        return _Record(contents, language, font).pdf()
    except Exception as exc:  # noqa: BLE001 - whatever a page cannot show must not cost the evidence
        _log.exception("evidence: the record of alert %s cannot be drawn", contents.material.detail.alert.alert_id)
        return f"it cannot be drawn: {type(exc).__name__}: this is a fault of Haulwatch, whose log has more"


class _Record:
    """One record in one language."""

    def __init__(self, contents: Contents, language: Language, font: RecordFont) -> None:
        self.contents, self.language, self.font = contents, language, font
        self.layout = Layout(language, font, ZoneInfo(contents.material.timezone))
        self.words = self.layout.words

    def pdf(self) -> bytes:
        target = BytesIO()
        document = SimpleDocTemplate(
            target, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=16 * mm, bottomMargin=16 * mm,
            title=self.layout.shown(f"{self.words.title} {self._alert.alert_id}"), author="Haulwatch", invariant=1,
            initialFontName=self.font.name, lang="zh-CN" if self.language == "zh" else "en",
        )  # fmt: skip
        story = [
            *FirstPage(self.contents, self.layout).flowables(), PageBreak(), *self._incident_page(), PageBreak(),
            *self._curves(), *self._states(), *self._readings(), *self._devices(), *self._in_force(),
            *self._attachments(), *self._custody(),
        ]  # fmt: skip
        document.build(story, onFirstPage=self._footer, onLaterPages=self._footer)
        return target.getvalue()

    @property
    def _alert(self) -> Any:
        return self.contents.material.detail.alert

    def _footer(self, canvas: Canvas, document: Any) -> None:
        canvas.saveState()
        canvas.setFont(self.font.name, 7.5)
        canvas.setFillColor(INK)
        canvas.drawString(MARGIN + 6, 9 * mm, self.layout.shown(f"{self._alert.alert_id}  ·  {self.words.lead}"))
        canvas.drawRightString(A4[0] - MARGIN - 6, 9 * mm, self.words.page.format(page=document.page))
        canvas.restoreState()

    def _incident_page(self) -> Iterator[Flowable]:
        words, contents, change = self.words, self.contents, self.contents.change
        yield from self.layout.section(words.map)
        span = self._span()
        marked = frozenset((ref.device_id, ref.ts) for ref in change.evidence.readings)
        own = {
            device_id: [fix for fix in track if span.since <= fix.ts <= span.until]
            for device_id, track in contents.fixes.items()
        }
        place = None
        if change.lat is not None and change.lon is not None:
            place = type(contents.city.centre)(change.lat, change.lon)
        data = MapData(
            contents.city, own, change.subject, span.start, span.end, place, marked, contents.in_force,
            contents.corridor_m,
        )  # fmt: skip
        drawn = draw_map(data, self.font, words, WIDTH, _MAP_PT)
        yield self.layout.text(words.no_map, self.layout.body) if drawn is None else drawn
        yield from self._sentences(words.findings, change.evidence.findings)
        yield from self._sentences(words.ruled_out, change.evidence.ruled_out)

    def _sentences(self, title: str, texts: Sequence[Text]) -> Iterator[Flowable]:
        if texts:
            yield from self.layout.section(title)
            for text in texts:
                yield self.layout.text(f"•  {self.layout.in_language(text)}", self.layout.body)

    def _span(self) -> Span:
        changes = [entry.change for entry in self.contents.material.detail.changes]
        start = self.contents.change.onset or self.contents.change.opened_at
        return Span.around(start, self._alert.closed_at or max(change.at for change in changes))

    def _curves(self) -> Iterator[Flowable]:
        span, words = self._span(), self.words
        named = [ref.device_id for ref in self.contents.change.evidence.readings]
        devices = list(dict.fromkeys((self._alert.subject, *named)))[:3]
        for device_id in devices:
            samples = samples_of(self.contents.heard, device_id, span)
            drawn = draw_curves(samples, span.where_measured(samples), self.layout.zone, self.font, words, WIDTH)
            if drawn is not None:
                yield KeepTogether([self.layout.text(f"{words.curves}: {device_id}", self.layout.head), drawn])
        yield self.layout.text(words.times.format(zone=self.contents.material.timezone), self.layout.small)
        measures = self.contents.change.evidence.measures
        if measures:
            rows = [self._measure(name, value) for name, value in measures.items()]
            halves = [(*left, *right) for left, right in zip(rows[::2], [*rows[1::2], ("", "")], strict=False)]
            yield from self.layout.section(words.measures)
            yield self.layout.table([], halves, (0.28, 0.22, 0.28, 0.22))

    def _measure(self, name: str, value: object) -> tuple[str, str]:
        """Its name for people, and its value with the unit that is the end of its name."""
        unit = next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
        named = MEASURES.get(name)
        label = name if named is None else named[self.layout.language == "zh"]
        return label, f"{self.layout.value(value)} {unit}".rstrip()

    def _states(self) -> Iterator[Flowable]:
        words, changes = self.words, self.contents.material.detail.changes
        amended = amended_at(self.contents.material.detail)
        if amended is None:
            return
        rows = [self._state(words.before, changes[amended - 1]), self._state(words.after, changes[-1])]
        yield from self.layout.section(words.states)
        yield self.layout.table(words.state_columns, rows, (0.11, 0.11, 0.18, 0.12, 0.48))

    def _state(self, label: str, entry: JournalEntry) -> tuple[str, ...]:
        words, change = self.words, entry.change
        kind = f" ({words.amendments[change.amendment]})" if change.amendment is not None else ""
        parts = [self.layout.in_language(change.title), *map(self.layout.in_language, change.evidence.findings[:4])]
        phase = words.phases[str(change.phase)] + kind
        return (
            label,
            str(change.revision),
            phase,
            str(change.severity),
            ("；" if self.layout.language == "zh" else "; ").join(parts),
        )

    def _readings(self) -> Iterator[Flowable]:
        words, refs = self.words, self.contents.change.evidence.readings
        if not refs:
            return
        rows = [
            (self.layout.time(ref.ts), ref.device_id, words.kinds.get(ref.kind, ref.kind), self._values(ref.values))
            for ref in refs[:_MAX_READINGS]
        ]
        yield from self.layout.section(words.readings)
        yield self.layout.table(words.reading_columns, rows, (0.25, 0.16, 0.13, 0.46))
        if len(refs) > _MAX_READINGS:
            yield self.layout.text(words.more_readings.format(count=len(refs) - _MAX_READINGS), self.layout.small)

    def _values(self, values: Mapping[str, Any]) -> str:
        named = self.words.fields
        return ", ".join(f"{named.get(name, name)} {self._field(name, value)}" for name, value in values.items())

    def _field(self, name: str, value: object) -> str:
        """Degrees with six decimals, a tenth of a metre."""
        return f"{value:.6f}" if name in {"lat", "lon"} and isinstance(value, float) else self.layout.value(value)

    def _devices(self) -> Iterator[Flowable]:
        words, contents = self.words, self.contents
        rows = []
        for device in contents.in_force["devices"][:_MAX_NAMED]:
            number, until = device["verification"], device["verified_until"]
            date = words.unknown if until is None else self.layout.time(until)
            verified = words.expires.format(number=number or words.unknown, date=date) if number or until else "–"
            at = device["vehicle"] or device["site_name"] or device["site"] or "–"
            correction = f"{device['clock_correction_s']} s"
            rows.append((device["id"], words.roles[device["role"]], device["model"] or "–", verified, at, correction))
        yield from self.layout.section(words.devices)
        yield self.layout.table(words.device_columns, rows, (0.16, 0.15, 0.16, 0.25, 0.15, 0.13))
        yield from self.layout.section(words.health)
        yield self.layout.table(words.health_columns, list(self._health()), (0.2, 0.13, 0.18, 0.17, 0.17, 0.15))
        alerts = contents.health["alerts"]
        if alerts:
            yield from self.layout.section(words.sensor_alerts)
            for alert in alerts[:_MAX_NAMED]:
                title = alert["title"][self.language]
                yield self.layout.text(
                    f"•  {self.layout.time(alert['opened_at'])}  {title} ({alert['alert_id']})", self.layout.small
                )

    def _health(self) -> Iterator[tuple[str, ...]]:
        for one in self.contents.health["devices"][:_MAX_NAMED]:
            behind = one["clock_behind_ms"]
            refused = ", ".join(f"{reason} {count}" for reason, count in one["refused"].items()) or "0"
            yield (
                one["device_id"], f"{one['readings']:,}", refused, f"{one['missing_numbers']:,}",
                "–" if behind is None else f"{behind / 1000:+.1f} s", one["firmware"] or "–",
            )  # fmt: skip

    def _in_force(self) -> Iterator[Flowable]:
        words, held = self.words, self.contents.in_force
        named = "name_zh" if self.language == "zh" else "name"
        rows = [(words.permit, one["id"], "–", self.layout.valid(one)) for one in held["permits"]]
        for what, parts in ((words.route, "routes"), (words.fence, "fences"), (words.zone, "zones")):
            rows += [
                (what, f"{one[named]} ({one['id']})", str(one["version"]), self.layout.valid(one))
                for one in held[parts]
            ]
        if rows:
            yield from self.layout.section(words.in_force)
            yield self.layout.table(words.in_force_columns, rows[:_MAX_NAMED], (0.18, 0.4, 0.12, 0.3))
        messages = self.contents
        yield from self.layout.section(words.messages)
        offsets = [one.offset for one in messages.heard] or [0]
        text = words.messages_text.format(
            count=len(set(offsets)) if messages.heard else 0, first=min(offsets), last=max(offsets),
            version=messages.material.version,
        )  # fmt: skip
        yield self.layout.text(text, self.layout.body)

    def _attachments(self) -> Iterator[Flowable]:
        words, held = self.words, self.contents.material.attachments
        if not held:
            return
        rows = []
        for one in held[:_MAX_NAMED]:
            own, claims = one.attachment, one.attachment.claims
            shown = "–"
            if own.removed_at is not None:
                time = self.layout.time(own.removed_at)
                shown = words.removed.format(by=own.removed_by, time=time, reason=own.removed_reason)
            elif one.content is None:
                shown = words.left_out
            elif claims is not None:
                place = words.unknown if claims.lat is None else f"{claims.lat:.6f}, {claims.lon:.6f}"
                taken, camera = claims.taken or words.unknown, claims.camera or words.unknown
                shown = words.claim.format(taken=taken, place=place, camera=camera)
            rows.append((self.layout.time(own.added_at), own.added_by, f"{own.name} ({own.id})", shown))
        yield from self.layout.section(words.attachments)
        yield self.layout.table(words.attachment_columns, rows, (0.22, 0.14, 0.3, 0.34))
        yield self.layout.text(words.claims_prove_nothing, self.layout.small)

    def _custody(self) -> Iterator[Flowable]:
        words, entries = self.words, self.contents.material.custody
        yield from self.layout.section(words.custody)
        if not entries:
            yield self.layout.text(words.nobody, self.layout.body)
        else:
            rows = [(self.layout.time(one.at), one.actor, one.action) for one in entries[-_MAX_CUSTODY:]]
            yield self.layout.table(words.custody_columns, rows, (0.28, 0.22, 0.5))
        yield KeepTogether(
            [self.layout.text(words.verify, self.layout.head), self.layout.text(words.verify_text, self.layout.body)]
        )
