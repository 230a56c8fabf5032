"""The first page of a record: what it is and how it stands, what must not be overlooked, and the two reviews."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable, KeepTogether, Spacer, Table

from devices.city.model import DeviceRole
from ingest.evidence.pack import Contents
from ingest.evidence.record.layout import HEAD, INK, RULE, WIDTH, Layout
from rules.alerts.model import TAKEN_BACK
from rules.catalogue import entry_of

_WARN: Final = HexColor(0xB3261E)
_WARN_PAPER: Final = HexColor(0xFCEEEC)
_LEAD_PAPER: Final = HexColor(0xFFF6DF)
_LEAD_EDGE: Final = HexColor(0x8A6400)
_GOOD: Final = HexColor(0x00664B)
_GOOD_PAPER: Final = HexColor(0xEAF5F1)


class FirstPage:
    """Of one record."""

    def __init__(self, contents: Contents, layout: Layout) -> None:
        self.contents, self.layout, self.words = contents, layout, layout.words
        self.alert = contents.material.detail.alert

    def flowables(self) -> Iterator[Flowable]:
        words = self.words
        yield self.layout.text(words.title, self.layout.big)
        yield self.layout.box(words.lead, words.lead_more, _LEAD_EDGE, _LEAD_PAPER)
        for warning in self._warnings():
            yield Spacer(0, 5)
            yield self.layout.box(warning, "", _WARN, _WARN_PAPER)
        judged = self.contents.judged
        if judged.same:
            yield Spacer(0, 5)
            yield self.layout.box("", words.judged_same, _GOOD, _GOOD_PAPER)
        yield self.layout.text(self.layout.in_language(self.alert.title), self.layout.head)
        yield self.layout.table([], list(self._facts()), (0.24, 0.76))
        yield KeepTogether(list(self._reviews()))

    def _warnings(self) -> Iterator[str]:
        words, contents = self.words, self.contents
        amendment = self.alert.amendment
        if amendment is not None:
            text = words.retracted if amendment in TAKEN_BACK else words.amended
            yield text.format(kind=words.amendments[amendment])
        for device in contents.in_force["devices"]:
            yield from self._verification(device)
        yield from self._judgement()
        if not self.layout.font.has_chinese:
            yield words.no_font

    def _verification(self, device: Mapping[str, Any]) -> Iterator[str]:
        words = self.words
        name = device["site_name"] or device["name"] or device["id"]
        shown = device["id"] if name == device["id"] else f"{device['id']} {name}"
        if device["verification_expired"]:
            yield words.expired.format(
                    device=shown, model=device["model"] or words.unknown,
                    number=device["verification"] or words.unknown, date=self.layout.time(device["verified_until"]),
                )  # fmt: skip
        elif device["role"] == DeviceRole.WEIGHBRIDGE and not device["verification"]:
            yield words.not_verified.format(device=shown)

    def _judgement(self) -> Iterator[str]:
        words, judged, missing = self.words, self.contents.judged, self.contents.missing
        if judged.why_not:
            yield words.not_judged.format(why=judged.why_not)
        elif not judged.same:
            yield words.judged_otherwise.format(count=len(judged.differences), first=judged.differences[0])
        if missing.log_begins_at is not None and not judged.same:
            yield words.log_begins.format(time=self.layout.time(missing.log_begins_at))
        if missing.readings:
            yield words.readings_gone.format(count=len(missing.readings))
        for topic, how in sorted(self.contents.material.selected.instead.items()):
            yield words.instead[how].format(what=words.revisions[topic])
        if missing.damaged:
            yield words.damaged.format(count=len(missing.damaged))

    def _facts(self) -> Iterator[tuple[str, str]]:
        words, alert, material = self.words, self.alert, self.contents.material
        entry, vehicle = entry_of(alert.rule), self.contents.in_force["vehicle"]
        name = self.layout.in_language(entry.title) if entry is not None else alert.rule
        yield words.alert, alert.alert_id
        yield words.rule, f"{name} ({alert.rule}), {words.version.format(version=alert.rule_version)}"
        yield words.subject, alert.subject
        if vehicle is not None:
            yield words.vehicle, " · ".join(filter(None, (vehicle["plate"], vehicle["carrier"], vehicle["id"])))
        yield words.severity, words.severities[int(str(alert.severity)[1:]) - 1]
        yield words.phase, words.phases[str(alert.phase)]
        yield words.onset, self.layout.time(self.contents.change.onset or alert.opened_at)
        yield words.published, self.layout.time(material.detail.changes[0].change.at)
        if alert.closed_at is not None:
            yield words.closed, self.layout.time(alert.closed_at)
        change = self.contents.change
        if change.lat is not None and change.lon is not None:
            yield words.place, f"{change.lat:.6f}, {change.lon:.6f} (WGS-84)"
        number = words.version.format(version=alert.rule_set) if alert.rule_set else words.none_applied
        yield words.rule_set, number
        yield words.key, self.contents.key_id
        exported = material.exported
        yield words.exported, f"{exported.by}, {self.layout.time(exported.at)}"

    def _reviews(self) -> Iterator[Flowable]:
        words = self.words
        yield self.layout.text(words.reviews, self.layout.head)
        yield self.layout.text(words.reviews_why, self.layout.small)
        yield Spacer(0, 4)
        rows: list[list[Any]] = [
            [
                self.layout.text(words.legal, self.layout.body),
                "",
                self.layout.text(words.technical, self.layout.body),
                "",
            ]
        ]
        rows += [
            [self.layout.text(row, self.layout.small), "", self.layout.text(row, self.layout.small), ""]
            for row in words.review_rows
        ]
        heights = [17, 22, 40, 20, 20, 30]
        widths = [WIDTH * part for part in (0.13, 0.37, 0.13, 0.37)]
        grid: list[Any] = [
            ("GRID", (0, 0), (-1, -1), 0.6, RULE), ("SPAN", (0, 0), (1, 0)), ("SPAN", (2, 0), (3, 0)),
            ("BACKGROUND", (0, 0), (-1, 0), HEAD), ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("BOX", (0, 0), (1, -1), 1.2, INK), ("BOX", (2, 0), (3, -1), 1.2, INK),
        ]  # fmt: skip
        yield Table(rows, widths, heights, style=grid)
