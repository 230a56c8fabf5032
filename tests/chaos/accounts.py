"""What became of everything after a round: counted by InfluxQL, by the dead letters, by two judges of our own."""

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
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.rules import configured_rules
from haulwatch.wiring.stores import current_ledger
from ingest.judge.judge import judge_record
from ingest.judge.replay import AlertStep
from ingest.log.flood_record import flood_of
from ingest.log.records import TICK_TOPIC, LogRecord, RawMessage
from ingest.store import Instant
from rules.alerts.model import AlertChange
from rules.engine.engine import RuleEngine
from tests.chaos.fleet import QUIET_S, Message
from tests.chaos.stream import Sent
from tests.chaos.yard import Yard

_ALWAYS_THERE: Final = {Kind.POSITION: "lat", Kind.FILL: "fill_pct", Kind.WEIGHING: "gross_kg"}
"""The kinds that are published, each with a field no reading lacks."""
_PAGE: Final = 5_000

Stored = dict[Instant, list[dict[str, FieldValue]]]
"""Contents by instant: one each, if nothing was stored twice."""


@dataclass(frozen=True)
class Account:
    """Of one round."""

    acknowledged: int
    """Messages the broker took; none holds more than one reading that is stored."""
    lost: int
    doubled: int
    alerts_equal: bool
    """The journal's to those of the raw log judged again and, but for `unjudged_s`, to those of an undisturbed run."""
    unjudged_s: int
    """Device time in which the fault, by design, keeps readings from being judged when they come."""
    ledger_balanced: bool
    remarks: tuple[str, ...]
    """What is not as it should be, in words."""


class Accounts:
    """The auditor of one yard, over all its rounds."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        rules = configured_rules(yard.settings)
        self._again, self._undisturbed = RuleEngine(yard.city, rules), RuleEngine(yard.city, rules)
        self._offset = self._journal_no = self._letter_id = self._received = 0
        self._logged: set[tuple[str, bytes]] = set()
        self._told: Counter[AlertStep] = Counter()
        self._told_again: Counter[AlertStep] = Counter()

    def begin(self) -> None:
        """A new round."""
        self._follow_log()
        self._logged = set()

    def settled(self, timeout_s: float) -> str | None:
        """Wait until every acknowledged message is logged, recorded and judged; what is missing if that never comes."""
        until = time.monotonic() + timeout_s
        while (missing := self._missing()) is not None and time.monotonic() < until:
            time.sleep(0.2)
        return missing

    def account(self, sent: Iterable[Sent], start_ms: int, end_ms: int) -> Account:
        """Of the messages of a round, `start_ms` to `end_ms` in device time."""
        acknowledged = [entry.message for entry in sent if entry.acknowledged]
        remarks: list[str] = []
        stored = self._stored(acknowledged)
        lost = self._lost(acknowledged, stored)
        remarks += [f"lost: {message.topic} {message.payload[:80]!r}" for message in lost[:3]]
        doubles = [instant for instant, contents in stored.items() if len(contents) > 1]
        surplus, balanced = self._ledger(remarks)
        alerts_equal = self._alerts(acknowledged, start_ms, end_ms, remarks)
        doubled, unjudged_s = len(doubles) + surplus, _overlap(self._yard.unjudged, range(start_ms, end_ms)) // 1000
        return Account(
            len(acknowledged), len(lost), doubled, alerts_equal, unjudged_s, balanced, tuple(remarks)
        )  # fmt: skip

    def _missing(self) -> str | None:
        self._follow_log()
        sent = {(entry.message.topic, entry.message.payload) for entry in self._yard.stream.sent if entry.acknowledged}
        if absent := len(sent - self._logged):
            return f"{absent} acknowledged messages are not in the raw log"
        recorder = self._yard.recorder()
        if recorder.backlog or recorder.pending:
            return f"the recorder has {recorder.backlog} to read, {recorder.pending} to write ({recorder.trouble})"
        if self._yard.judged_to() < self._offset:
            return f"the judge is at {self._yard.judged_to()} of {self._offset}"
        return None

    def _follow_log(self) -> None:
        """Judge what is new in the raw log, and count its readings. Keeps no file open: segments come and go."""
        with closing(open_raw_log(self._yard.settings)) as log:
            while records := log.read(self._offset, _PAGE):
                for record in records:
                    self._told_again.update(_steps(judge_record(self._again, record)))
                    if (flood := flood_of(record.message)) is not None:
                        self._received += flood.messages
                    elif record.message.topic != TICK_TOPIC:
                        self._logged.add((record.message.topic, record.message.payload))
                        self._received += _count(record.message)
                self._offset = records[-1].offset

    def _stored(self, acknowledged: Iterable[Message]) -> Stored:
        """What the store holds of the series and times these messages speak of.

        Rows of one instant under different tags stand beside each other.
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
        """How many rows the store holds of each device in all."""
        rows: Counter[str] = Counter()
        for kind, field in _ALWAYS_THERE.items():
            for series in self._yard.influxql(f'SELECT count("{field}") FROM "{kind}" GROUP BY device'):
                rows[series["tags"]["device"]] += series["values"][0][1]
        return rows

    def _lost(self, acknowledged: Iterable[Message], stored: Stored) -> list[Message]:
        """Neither stored, nor a duplicate of what is, nor quarantined (by its bytes, or by what they say)."""
        letters = self._yard.letters_after(self._letter_id)
        self._letter_id = letters[-1][0] if letters else self._letter_id
        refused = {(topic, payload) for _, topic, payload in letters}
        said = [reading for topic, payload in refused for reading in Message(topic, payload).readings]

        def kept(message: Message) -> bool:
            if (message.topic, message.payload) in refused:
                return True
            readings = message.readings
            return bool(readings) and all(
                measured in stored.get(instant, ()) or (instant, measured) in said for instant, measured in readings
            )

        return [message for message in acknowledged if not kept(message)]

    def _ledger(self, remarks: list[str]) -> tuple[int, bool]:
        """How many readings it counts as stored beyond those that are, and whether it adds up in every way."""
        book = current_ledger(self._yard.settings)
        rows, logged = self._rows(), self._received - self._yard.driven_again()
        differences = {
            line.device: line.stored - rows[line.device] for line in book.devices if line.stored != rows[line.device]
        }
        problems = {
            "its lines do not add up": not book.balanced,
            "not exact": not book.exact,
            f"{book.total.queued} queued": book.total.queued > 0,
            f"{book.total.received} received, {logged} in the raw log": book.total.received != logged,
            f"stored less what InfluxDB holds: {differences}": bool(differences),
        }
        remarks += [f"ledger: {problem}" for problem, holds in problems.items() if holds]
        return sum(max(surplus, 0) for surplus in differences.values()), not any(problems.values())

    def _alerts(self, acknowledged: Iterable[Message], start_ms: int, end_ms: int, remarks: list[str]) -> bool:
        """The journal, the raw log judged again, and the same messages judged undisturbed, each only once."""
        while entries := self._yard.journal.changes_after(self._journal_no, _PAGE):
            self._told.update(_steps(entry.change for entry in entries))
            self._journal_no = entries[-1].no
        received_at = time.time_ns() // 1_000_000
        undisturbed: Counter[AlertStep] = Counter()
        for number, message in enumerate(acknowledged, 1):
            record = LogRecord(number, RawMessage(message.topic, message.payload, received_at))
            undisturbed.update(_steps(judge_record(self._undisturbed, record)))
        first, last = start_ms + QUIET_S * 1000, end_ms - 2 * QUIET_S * 1000
        compared = _overlap(self._yard.unjudged, range(first, last)) < last - first
        journal, expected = (self._compared(steps, first, last) for steps in (self._told, undisturbed))
        if compared and not expected:
            remarks.append("alerts: the stream raised none, so comparing them shows nothing")
        for what, other, ours in (
            ("the raw log judged again", self._told_again, self._told),
            ("an undisturbed run", expected, journal),
        ):
            if other != ours:
                remarks.append(
                    f"alerts: only in the journal {_shown(ours - other)}, only in {what} {_shown(other - ours)}"
                )
        return self._told == self._told_again and journal == expected and (bool(expected) or not compared)

    def _compared(self, steps: Counter[AlertStep], first: int, last: int) -> Counter[AlertStep]:
        """Of device time from `first` to `last` without what was, by design, not judged when it came."""
        unjudged = self._yard.unjudged
        return Counter({step: n for step, n in steps.items() if first <= step.at < last and step.at not in unjudged})


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
