"""A city whose raw log was judged into a journal, and the exporter that makes packs of its alerts."""

from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

from devices.access.signatures import SigningKey
from devices.city.model import City
from devices.codecs.manifests import MANIFEST, encode_action
from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from devices.db.database import open_database
from devices.people import tables as people_tables
from devices.people.audit import ActorKind, AuditTrail, NewAuditEntry
from devices.readings.instants import HOUR_MS
from devices.readings.models import ManifestAction, Reading
from ingest.evidence.export import Exporter
from ingest.evidence.pack import Contents, Exported
from ingest.judge.rejudge import rejudge
from ingest.judge.replay import every_record
from ingest.log.raw_log import RawLog
from ingest.log.records import TICK_TOPIC, RawMessage
from ingest.log.revisions import city_record, rules_record
from rules.alerts import tables
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import RuleSet
from tests.closing import closed_later
from tests.rules.engine.test_any_order import arrivals
from tests.rules.town import T0, town

KEY: Final = SigningKey.create()
RULES: Final = RuleSetChoice(RuleSet())
EXPORTED: Final = Exported("li.wei", 1_790_100_000_000, "haulwatch evidence export")
TICK_MS: Final = 10_000


def message(reading: Reading, at: int) -> RawMessage:
    if isinstance(reading, ManifestAction):
        return RawMessage(*encode_action(reading), at, MANIFEST.dialect)
    return RawMessage(reading_topic(reading.device_id, reading.kind), encode(reading), at)


def with_ticks(messages: Sequence[RawMessage]) -> list[RawMessage]:
    """A tick after each ten seconds in which nothing was received, as the collector writes them."""
    found: list[RawMessage] = []
    for one in messages:
        while found and one.received_at - found[-1].received_at > TICK_MS:
            found.append(RawMessage(TICK_TOPIC, str(TICK_MS).encode(), found[-1].received_at + TICK_MS))
        found.append(one)
    return found


def no_records(contents: Contents) -> dict[str, bytes]:
    return {}


class Office:
    """One data directory. Journal and audit trail are real; the judge ran over the whole log."""

    def __init__(self, folder: Path, city: City, messages: Sequence[RawMessage], revisions: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.city = folder, city
        url = f"sqlite:///{folder / 'office.db'}"
        engine = open_database(url)
        for metadata in (tables.metadata, people_tables.metadata):
            metadata.create_all(engine)
        self.journal = AlertJournal(engine)
        self.trail = AuditTrail(engine)
        with closing(self.open_log()) as log:
            start = messages[0].received_at - 1
            log.append([city_record(city, start), rules_record(RULES, start)] if revisions else [])
            log.append(list(messages))
            self.records = every_record(log)
        changes = rejudge(self.records, city, RULES)
        self.journal.record(changes, self.records[-1].message.received_at)

    def close(self) -> None:
        self.journal.close()

    def open_log(self) -> RawLog:
        return RawLog(self.folder / "raw", segment_bytes=65_536)

    def changes(self, rule: str) -> list[AlertChange]:
        """All changes of alerts of a rule, in order."""
        entries = self.journal.changes_after(0, 10_000)
        return [entry.change for entry in entries if entry.change.rule == rule]

    def alert_ids(self, rule: str) -> list[str]:
        return list(dict.fromkeys(change.alert_id for change in self.changes(rule)))

    def look(self, actor: str, alert_id: str, at: int) -> None:
        entry = NewAuditEntry(
            at=at, actor=actor, kind=ActorKind.PERSON, address="127.0.0.1", action="GET /api/v1/alerts/{alert_id}",
            target=alert_id, status=200,
        )  # fmt: skip
        self.trail.add(entry)

    @property
    def exporter(self) -> Exporter:
        return Exporter(
            open_log=self.open_log, journal=self.journal, trail=self.trail, city=lambda: self.city,
            rules=lambda: RULES, key=lambda: KEY, records=no_records, version="9.9.9",
            timezone=lambda: "Asia/Shanghai", max_payload_bytes=65_536,
        )  # fmt: skip

    def export(self, alert_id: str) -> bytes:
        return self.exporter.export(alert_id, EXPORTED)


@cache
def day() -> tuple[RawMessage, ...]:
    """The first hours of a day in the town: among others a dump, and one that a ticket takes back."""
    sent = [(at + 500, reading) for at, reading in arrivals({}, 0) if reading is not None and at < T0 + 3 * HOUR_MS]
    return tuple(with_ticks([message(reading, at) for at, reading in sent]))


def town_office(folder: Path, messages: Sequence[RawMessage] | None = None) -> Office:
    return closed_later(Office(folder, town(), day() if messages is None else messages))


def dump_of(office: Office, subject: str = "T2") -> str:
    """T2 tips its load; that T4 did is taken back."""
    return next(one.alert_id for one in office.changes("illegal_dumping") if one.subject == subject)
