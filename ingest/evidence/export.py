"""Exports the evidence of an alert: gathers it from journal, raw log, registry and audit trail, and builds the pack."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

from devices.access.signatures import SigningKey
from devices.city.model import City
from devices.people.audit import AuditEntry, AuditFilter
from devices.readings.instants import HOUR_MS
from ingest.evidence.attached import Held
from ingest.evidence.errors import NoSuchAlert
from ingest.evidence.log_window import ReadableLog
from ingest.evidence.pack import Exported, Material, Records, Stamp, build_pack
from ingest.evidence.raw_messages import devices_of
from ingest.evidence.selection import InForce, Selected, Selection
from rules.alerts.actions import AlertDetail, AlertFilter, AlertPage, AlertView
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.record import pack as pack_rules

MAX_CUSTODY: Final = 5_000
"""Entries of the audit trail in one pack, the newest."""
SENSOR_RULES: Final = ("sensor_fault", "gnss_anomaly", "device_clock", "device_datum")
_AROUND_MS: Final = 24 * HOUR_MS
_MAX_ALERTS: Final = 50


class Journal(Protocol):
    """The part of the alert journal that is needed. Raises DatabaseError."""

    def alert(self, alert_id: str) -> AlertDetail | None: ...

    def alerts(self, where: AlertFilter, *, limit: int, before: str | None = None) -> AlertPage: ...


class Trail(Protocol):
    """The audit trail. Raises DatabaseError."""

    def entries(self, where: AuditFilter, *, limit: int, before: int | None = None) -> Sequence[AuditEntry]: ...


@dataclass(frozen=True, slots=True)
class Exporter:
    """What packs are made from. Any thread; each export opens the log for itself."""

    open_log: Callable[[], ReadableLog]
    journal: Journal
    trail: Trail
    city: Callable[[], City]
    """The registry's, for a log that has no revision."""
    rules: Callable[[], RuleSetChoice]
    """Likewise."""
    key: Callable[[], SigningKey]
    """Raises NoSigningKey, BadKey."""
    records: Records
    version: str
    """Of the program."""
    timezone: Callable[[], str]
    max_payload_bytes: int
    newest_revisions: Callable[[], Mapping[str, int]] = dict
    """Offsets of the last revisions in the log, by topic (`ingest.log.revision_writer`)."""

    attachments: Callable[[str], Sequence[Held]] = lambda alert_id: ()
    """Photos and documents by alert id (`ingest.evidence.attached.held_of`)."""

    def export(
        self,
        alert_id: str,
        exported: Exported,
        part: City | None = None,
        stamp: Stamp | None = None,
        in_time: Callable[[], bool] = lambda: True,
    ) -> bytes:
        """The pack of an alert. `part`: what whoever asks may see of the city; None: all of it.

        `in_time`: False where the raw log is not read any more: the pack has the messages that lead nearest so far.

        Raises NoSuchAlert, NotExported, NoSigningKey, BadKey, RawLogError, DatabaseError.
        """
        key = self.key()
        detail = self.journal.alert(alert_id)
        if detail is None or (part is not None and detail.alert.subject not in part.devices):
            raise NoSuchAlert(f"no alert {alert_id!r}: `haulwatch alerts` and the console list them")
        selected = self._select(detail, part, in_time)
        attachments = self.attachments(alert_id)
        material = Material(
            detail=detail,
            selected=selected,
            custody=self._custody(alert_id, attachments),
            sensor_alerts=self._sensor_alerts(detail, selected),
            exported=exported,
            version=self.version,
            timezone=self.timezone(),
            max_payload_bytes=self.max_payload_bytes,
            attachments=attachments,
        )
        return build_pack(material, key, self.records, stamp)

    def _select(self, detail: AlertDetail, part: City | None, in_time: Callable[[], bool]) -> Selected:
        changes = [entry.change for entry in detail.changes]
        recorded = max(entry.recorded_at for entry in detail.changes)
        held = InForce(self.city, lambda: pack_rules(self.rules()), self.newest_revisions())
        with closing(self.open_log()) as log:
            return Selection(log, changes, recorded, held, self.max_payload_bytes, part, in_time).select()

    def _custody(self, alert_id: str, attachments: Sequence[Held]) -> list[AuditEntry]:
        """Who looked at the alert or at one of its attachments, oldest first."""
        targets = [alert_id, *(f"{alert_id} {one.attachment.id}" for one in attachments)]
        found = [one for target in targets for one in self.trail.entries(AuditFilter(target=target), limit=MAX_CUSTODY)]
        return sorted(found, key=lambda one: one.no)[-MAX_CUSTODY:]

    def _sensor_alerts(self, detail: AlertDetail, selected: Selected) -> list[AlertView]:
        alert = detail.alert
        devices = frozenset({alert.subject, *devices_of(selected.records)})
        end = max(entry.change.at for entry in detail.changes) + 1
        found: list[AlertView] = []
        for rule in SENSOR_RULES:
            where = AlertFilter(rule=rule, subjects=devices, start=alert.opened_at - _AROUND_MS, end=end)
            found.extend(self.journal.alerts(where, limit=_MAX_ALERTS).items)
        return sorted((one for one in found if one.alert_id != alert.alert_id), key=lambda one: one.opened_at)
