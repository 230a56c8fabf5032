"""The account of a round: counts every message by InfluxQL and dead letters, and compares alerts with two judges."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from devices.codecs.registry import decode
from devices.readings.models import Kind
from devices.readings.refusals import DecodeError
from devices.readings.series import FieldValue, SeriesKey
from haulwatch.settings.data_files import alert_outbox_path
from haulwatch.wiring.log import open_segments
from haulwatch.wiring.rules import configured_rules
from haulwatch.wiring.stores import current_ledger
from ingest.alerts.outbox import read_waiting
from ingest.judge.judge_record import judge_record
from ingest.judge.rejudge import Rejudging
from ingest.judge.replay import AlertStep
from ingest.log.flood_record import flood_of
from ingest.log.raw_log import RawLog, RawLogCorrupt
from ingest.log.records import LogRecord, RawMessage, holds_readings
from ingest.store import Instant
from rules.alerts.model import AlertChange
from rules.engine.engine import RuleEngine
from tests.chaos.fleet import QUIET_S, Message
from tests.chaos.stream import Sent
from tests.chaos.yard import Yard

_ALWAYS_THERE: Final = {Kind.POSITION: "lat", Kind.FILL: "fill_pct", Kind.WEIGHING: "gross_kg"}
"""The kinds that are published, each with a field that every reading has."""
_RECORDS_PER_READ: Final = 5_000

Stored = dict[Instant, list[dict[str, FieldValue]]]
"""Fields by instant: one entry each, unless something was stored twice."""


@dataclass(frozen=True)
class Account:
    """The result of one round."""

    acknowledged: int
    """Messages that the broker acknowledged; none holds more than one reading that is stored."""
    lost: int
    given_up: int
    """Messages on spoiled pages of the raw log, which Haulwatch has named by offset; not in `lost`."""
    doubled: int
    alerts_equal: bool
    """The journal's alerts equal those of the raw log judged again and, except in `unjudged_s`, those of an undisturbed
    run."""
    unjudged_s: int
    """Device time in which the fault, by design, keeps readings from being judged when they arrive."""
    ledger_balanced: bool
    remarks: tuple[str, ...]
    """Everything that is wrong, in words."""


class Accounts:
    """Counts the messages and alerts of one yard, over all its rounds."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        rules = configured_rules(yard.settings)
        self._replay, self._undisturbed_engine = Rejudging(yard.city, rules), RuleEngine(yard.city, rules)
        self._offset = self._journal_sequence = self._letter_id = self._received = 0
        self._logged: set[tuple[str, bytes]] = set()
        self._journal_steps: Counter[AlertStep] = Counter()
        self._of_culprits: set[str] = set()
        self._replayed_steps: Counter[AlertStep] = Counter()

    def begin(self) -> None:
        """Begin a new round."""
        self._follow_log()
        self._logged = set()

    def wait_processed(self, timeout_s: float) -> str | None:
        """Wait until every acknowledged message is logged, recorded and judged. Returns what is missing, if any."""
        until = time.monotonic() + timeout_s
        while (missing := self._missing()) is not None and time.monotonic() < until:
            time.sleep(0.2)
        return missing

    def account(self, sent: Iterable[Sent], start_ms: int, end_ms: int) -> Account:
        """Count the messages of a round, `start_ms` to `end_ms` in device time."""
        all_acknowledged = [entry.message for entry in sent if entry.acknowledged]
        acknowledged = [message for message in all_acknowledged if message not in self._yard.given_up]
        given_up = len(all_acknowledged) - len(acknowledged)
        remarks: list[str] = []
        stored = self._stored(acknowledged)
        lost = self._lost(acknowledged, stored)
        remarks += [f"lost: {message.topic} {message.payload[:80]!r}" for message in lost[:3]]
        doubled_instants = [instant for instant, contents in stored.items() if len(contents) > 1]
        surplus, balanced = self._ledger(remarks)
        alerts_equal = self._alerts(acknowledged, start_ms, end_ms, remarks)
        doubled, unjudged_s = (
            len(doubled_instants) + surplus,
            _overlap(self._yard.unjudged, range(start_ms, end_ms)) // 1000,
        )
        return Account(
            len(acknowledged), len(lost), given_up, doubled, alerts_equal, unjudged_s, balanced, tuple(remarks)
        )  # fmt: skip

    def _missing(self) -> str | None:
        self._follow_log()
        sent = {(entry.message.topic, entry.message.payload) for entry in self._yard.stream.sent if entry.acknowledged}
        if absent := len(sent - self._logged - {(lost.topic, lost.payload) for lost in self._yard.given_up}):
            return f"{absent} acknowledged messages are not in the raw log"
        recorder = self._yard.recorder()
        if recorder.backlog or recorder.pending:
            return f"the recorder has {recorder.backlog} to read, {recorder.pending} to write ({recorder.trouble})"
        if waiting := read_waiting(alert_outbox_path(self._yard.settings))[0]:
            return f"{waiting} alert changes wait for the database"
        if self._yard.judged_to() < self._offset:
            return f"the judge is at {self._yard.judged_to()} of {self._offset}"
        return None

    def _follow_log(self) -> None:
        """Judge the new records of the raw log, and count their readings. Keeps no file open: segments are deleted."""
        with closing(open_segments(self._yard.settings)) as log:
            while records := self._next_records(log):
                for record in records:
                    self._replayed_steps.update(_steps(self._replay.judge(record)))
                    if (flood := flood_of(record.message)) is not None:
                        self._received += flood.messages
                    elif holds_readings(record.message):
                        self._logged.add((record.message.topic, record.message.payload))
                        self._received += _count(record.message)
                self._offset = records[-1].offset

    def _next_records(self, log: RawLog) -> list[LogRecord]:
        """The next records; those on spoiled pages are left out, as recorder and judge do."""
        while True:
            try:
                return log.read(self._offset, _RECORDS_PER_READ)
            except RawLogCorrupt as exc:
                self._offset = exc.through

    def _stored(self, acknowledged: Iterable[Message]) -> Stored:
        """The rows of the store in the series and time range of these messages.

        Rows of one instant with different tags are separate entries.
        """
        spans: dict[tuple[str, str], list[int]] = {}
        for message in acknowledged:
            for instant, _ in message.readings:
                spans.setdefault((instant.series.kind, instant.series.device_id), []).append(instant.ts)
        found: Stored = {}
        for (kind, device), times in spans.items():
            where = f"device = '{device}' AND time >= {min(times)}ms AND time <= {max(times)}ms"
            for series in self._yard.influxql(f'SELECT * FROM "{kind}" WHERE {where} GROUP BY *'):
                key = SeriesKey(Kind(kind), device, series["tags"].get("compartment", ""))
                for ts, *values in series["values"]:
                    row = dict(zip(series["columns"][1:], values, strict=True))
                    measured = {name: value for name, value in row.items() if value is not None and name != "seq"}
                    found.setdefault(Instant(key, ts), []).append(measured)
        return found

    def _rows(self) -> Counter[str]:
        """Number of rows in the store, by device."""
        rows: Counter[str] = Counter()
        for kind, field in _ALWAYS_THERE.items():
            for series in self._yard.influxql(f'SELECT count("{field}") FROM "{kind}" GROUP BY device'):
                rows[series["tags"]["device"]] += series["values"][0][1]
        return rows

    def _lost(self, acknowledged: Iterable[Message], stored: Stored) -> list[Message]:
        """Messages neither stored, nor duplicates of stored ones, nor quarantined (by bytes or by readings)."""
        letters = self._yard.letters_after(self._letter_id)
        self._letter_id = letters[-1][0] if letters else self._letter_id
        refused = {(topic, payload) for _, topic, payload in letters}
        refused_readings = [reading for topic, payload in refused for reading in Message(topic, payload).readings]

        def kept(message: Message) -> bool:
            if (message.topic, message.payload) in refused:
                return True
            readings = message.readings
            return bool(readings) and all(
                self._as_stored(measured) in stored.get(instant, ()) or (instant, measured) in refused_readings
                for instant, measured in readings
            )

        return [message for message in acknowledged if not kept(message)]

    def _as_stored(self, measured: dict[str, FieldValue]) -> dict[str, FieldValue]:
        """Fields of a reading as they are stored: a place outside the region, of a mutated payload, is no fix."""
        lat, lon = measured.get("lat"), measured.get("lon")
        if isinstance(lat, float) and isinstance(lon, float) and not self._yard.city.region.covers(lat, lon):
            return measured | {"located": False}
        return measured

    def _ledger(self, remarks: list[str]) -> tuple[int, bool]:
        """Readings that the ledger counts as stored and the store does not hold; and whether all its sums are right."""
        ledger = current_ledger(self._yard.settings)
        rows, logged = self._rows(), self._received - self._yard.redriven_letters()
        differences = {
            line.device: line.stored - rows[line.device] for line in ledger.devices if line.stored != rows[line.device]
        }
        if self._yard.ledger_spoiled:
            return 0, ledger.balanced and ledger.total.queued == 0
        problems = {
            "its lines do not add up": not ledger.balanced,
            "not exact": not ledger.exact,
            f"{ledger.total.queued} queued": ledger.total.queued > 0,
            f"{ledger.total.received} received, {logged} in the raw log": ledger.total.received != logged,
            f"stored less what InfluxDB holds: {differences}": bool(differences),
        }
        remarks += [f"ledger: {problem}" for problem, holds in problems.items() if holds]
        return sum(max(surplus, 0) for surplus in differences.values()), not any(problems.values())

    def _alerts(self, acknowledged: Iterable[Message], start_ms: int, end_ms: int, remarks: list[str]) -> bool:
        """Compare the journal with the raw log judged again, and with the same messages judged once, undisturbed."""
        if self._yard.journal_restored:  # its numbers were given again: read from the start
            self._yard.journal_restored, self._journal_sequence = False, 0
            self._journal_steps.clear()
            self._of_culprits.clear()
        while entries := self._yard.journal.changes_after(self._journal_sequence, _RECORDS_PER_READ):
            self._journal_steps.update(_steps(entry.change for entry in entries))
            self._of_culprits.update(
                entry.change.alert_id for entry in entries if entry.change.subject in self._yard.apart
            )
            self._journal_sequence = entries[-1].sequence
        received_at = time.time_ns() // 1_000_000
        undisturbed: Counter[AlertStep] = Counter()
        for number, message in enumerate(acknowledged, 1):
            record = LogRecord(number, RawMessage(message.topic, message.payload, received_at))
            undisturbed.update(_steps(judge_record(self._undisturbed_engine, record)))
        first, last = start_ms + QUIET_S * 1000, end_ms - 2 * QUIET_S * 1000
        compared = _overlap(self._yard.unjudged, range(first, last)) < last - first
        journal, expected = (self._compared(steps, first, last) for steps in (self._journal_steps, undisturbed))
        if compared and not expected:
            remarks.append("alerts: the stream raised none, so the comparison proves nothing")
        for name, other, ours in (
            ("the raw log judged again", self._replayed_steps, self._journal_steps),
            ("an undisturbed run", expected, journal),
        ):
            if other != ours:
                remarks.append(
                    f"alerts: only in the journal {_shown(ours - other)}, only in {name} {_shown(other - ours)}"
                )
        return self._journal_steps == self._replayed_steps and journal == expected and (bool(expected) or not compared)

    def _compared(self, steps: Counter[AlertStep], first: int, last: int) -> Counter[AlertStep]:
        """Steps of device time from `first` to `last`, without those that were, by design, not judged in time."""
        unjudged, culprits = self._yard.unjudged, self._of_culprits
        return Counter(
            {
                step: n
                for step, n in steps.items()
                if first <= step.at < last and step.at not in unjudged and step.alert_id not in culprits
            }
        )


def _overlap(one: range, other: range) -> int:
    return max(0, min(one.stop, other.stop) - max(one.start, other.start))


def _steps(changes: Iterable[AlertChange]) -> Iterable[AlertStep]:
    return (AlertStep(change.alert_id, change.phase, change.at) for change in changes)


def _shown(steps: Counter[AlertStep]) -> str:
    return json.dumps([*steps.elements()][:4])


def _count(message: RawMessage) -> int:
    try:
        return len(decode(message.topic, message.payload))
    except DecodeError:
        return 1
