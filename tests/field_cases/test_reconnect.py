"""Terminals that were offline send what they buffered after a birth or a live fix: it is judged in its place.

The oracle is the labels of the simulators' scenario, or the handed case's own words.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

import pytest

from devices.readings.models import Kind, Reading, Status
from rules.alerts.model import TAKEN_BACK, AlertChange, Amendment, Phase
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from simulators.firmware.events import DeviceEvent, Heartbeat, NetworkDown, NetworkUp, PowerCut, Sensed
from simulators.staging.scenario import Label, Scenario, Script
from tests.field_cases.path import (
    BASE_MS,
    Message,
    PathUnderTest,
    case,
    in_order_of_arrival,
    live,
    newest_ts,
    others,
    shipped,
)

START: Final = 1_790_000_000_000
AFTERWARDS_MS: Final = 20 * 60_000
"""Played on after the broker is back and every label has begun."""


def test_a_dump_in_a_dead_zone_is_judged_when_a_live_fix_comes_first(tmp_path: Path) -> None:
    """Handed case: the truck tips at 700 s, out of reach; at 1,120 s a live fix, then the buffer."""
    sent, clock = [], 0
    for message in case("15-dead-zone-live-fix-first"):
        clock = max(clock, newest_ts(message.payload) + 1_000)
        sent += live([message], clock - 1_000)
    outcome = PathUnderTest(tmp_path).send(in_order_of_arrival(sent, others(BASE_MS, clock + 60_000)))
    (dump,) = outcome.of("illegal_dumping", "truck-002")
    assert (dump.severity, dump.phase, dump.amendment) == ("P1", Phase.CONFIRMED, Amendment.NEW_LATE)
    assert 670_000 <= dump.opened_at - BASE_MS <= 750_000
    assert outcome.judge.engine.not_judged == {}
    line = next(line for line in outcome.ledger.devices if line.device == "truck-002")
    assert outcome.judge.engine.judged["truck-002"] == line.stored


def elements(message: Message) -> list[dict[str, Any]]:
    return message.payload if isinstance(message.payload, list) else [message.payload]


@dataclass
class Terminal:
    """What one device sends, and when, while the broker is away for a time."""

    away_from: int
    away_until: int
    blind: list[Reading] | None = None
    """Readings of a blind zone; None outside one."""
    buffer: list[Reading] = field(default_factory=list)

    def send(self, at_ms: int, *readings: Reading) -> Iterator[tuple[int, int, Reading]]:
        if self.blind is not None:
            self.blind += readings
        elif self.away_from <= at_ms < self.away_until:
            self.buffer += readings
        else:
            yield from ((at_ms, 0, reading) for reading in readings)

    def take(self, event: DeviceEvent, device_id: str) -> Iterator[tuple[int, int, Reading]]:
        match event:
            case NetworkDown():
                self.blind = []
            case NetworkUp(at_ms=at_ms):
                readings, self.blind = self.blind or [], None
                yield from self.send(at_ms, *readings)
            case Heartbeat(at_ms=at_ms) if self.blind is None and not self.away_from <= at_ms < self.away_until:
                yield at_ms, 0, Status(device_id=device_id, ts=at_ms, online=True, session=1)
            case Sensed(at_ms=at_ms, reading=reading, copies=copies):
                yield from self.send(at_ms, *[reading] * (copies if self.blind is None else 1))

    def come_back(self, device_id: str, *, live_first: bool, newest_first: bool) -> Iterator[tuple[int, int, Reading]]:
        """A birth, then the buffer, before or after what is measured in the next ten seconds."""
        yield self.away_until, 0, Status(device_id=device_id, ts=self.away_until, online=True, session=2, cause="birth")
        sent_at = self.away_until + (11_000 if live_first else 0)
        for n, reading in enumerate(reversed(self.buffer) if newest_first else self.buffer):
            yield sent_at, (1 + n if live_first else n - len(self.buffer)), reading


def sent_while_the_broker_is_away(
    script: Script, away_from: int, away_until: int, *, live_first: bool, newest_first: bool
) -> Iterator[tuple[int, int, Reading]]:
    """(time at the broker, order at that time, reading) of every device; what was measured meanwhile is buffered."""
    until = max(away_until, script.end_ms) + AFTERWARDS_MS
    for device_id, life in script.timelines.items():
        terminal = Terminal(away_from, away_until)
        cut_at = until
        for event in takewhile(lambda event: event.at_ms <= until, life()):
            if isinstance(event, PowerCut):
                cut_at = event.at_ms
                break
            yield from terminal.take(event, device_id)
        if cut_at > away_until:
            yield from terminal.come_back(device_id, live_first=live_first, newest_first=newest_first)


def alerts_of(changes: list[AlertChange]) -> dict[str, list[AlertChange]]:
    found: dict[str, list[AlertChange]] = {}
    for change in changes:
        found.setdefault(change.alert_id, []).append(change)
    return found


def away_since(label: Label, away_s: int) -> int:
    return label.start_ms - min(away_s * 1000 // 2, 5 * 60_000)


def play(script: Script, label: Label, away_s: int, *, live_first: bool, newest_first: bool) -> list[AlertChange]:
    """The broker goes away shortly before the incident; for longer outages, around the middle of the outage."""
    away_from = away_since(label, away_s)
    arrivals = sent_while_the_broker_is_away(
        script, away_from, away_from + away_s * 1000, live_first=live_first, newest_first=newest_first
    )
    engine = RuleEngine(shipped(), build_rules())
    changes = []
    for at_ms, _, reading in sorted(arrivals, key=lambda arrival: arrival[:2]):
        engine.receive(at_ms)
        changes += engine.judge(reading)
    for _ in range(10):
        changes += engine.advance(10_000)
    assert not engine.failures
    assert engine.not_judged == {}
    return changes


def raised(changes: list[AlertChange]) -> dict[tuple[str, str], list[AlertChange]]:
    """Alerts that stand, by rule and subject: not those that were retracted, nor silences that are over.

    The absence of the broker is a silence of all devices, and is said while it lasts.
    """
    return {
        (steps[-1].rule, steps[-1].subject): steps
        for steps in alerts_of(changes).values()
        if steps[-1].amendment not in TAKEN_BACK
        and not (steps[-1].rule == "silent_device" and steps[-1].phase is Phase.CLOSED)
    }


RULES: Final = ("illegal_dumping", "route_deviation", "bin_overflow", "silent_device")
AWAY_S: Final = (30, 120, 600, 3 * 3600)
ORDERS: Final = ((True, True), (True, False), (False, True), (False, False))
"""Live readings before the buffer; newest of the buffer first."""
EVERYTHING: Final = [(rule, away_s, *order) for rule in RULES for away_s in AWAY_S for order in ORDERS]
SOME: Final = [
    (rule, away_s, *ORDERS[(n + m) % 4]) for n, rule in enumerate(RULES) for m, away_s in enumerate(AWAY_S)
]  # each rule and each length with every order; all 64 of them take three minutes


@pytest.mark.parametrize(
    ("rule", "away_s", "live_first", "newest_first"), EVERYTHING if os.environ.get("EVERY_RECONNECT") else SOME
)
def test_every_label_is_found_whenever_the_broker_was_away(
    rule: str, away_s: int, live_first: bool, newest_first: bool
) -> None:
    script = Scenario(seed=1).cast(shipped(), START)
    labelled = {(label.rule, label.device_id): label for label in script.labels}
    (label,) = (label for label in script.labels if label.rule == rule)
    changes = play(script, label, away_s, live_first=live_first, newest_first=newest_first)
    found, since = raised(changes), away_since(label, away_s)
    assert set(found) == set(labelled)
    for key, steps in found.items():
        assert any(step.phase is Phase.CONFIRMED for step in steps), key
        start_ms = labelled[key].start_ms
        if key[0] == "silent_device" and since <= start_ms < since + away_s * 1000:
            start_ms = since  # its power was cut while the broker was away: what it had buffered is lost
        assert start_ms - 60_000 <= steps[-1].opened_at <= labelled[key].end_ms + 600_000


@pytest.mark.parametrize("late", [False, True])
def test_an_alert_cites_the_readings_that_the_store_has(tmp_path: Path, late: bool) -> None:
    """Each reading comes twice with other content, as after a reboot; the first that arrived counts for both."""
    readings = [
        (message.topic, element) for message in case("15-dead-zone-live-fix-first") for element in elements(message)
    ]
    if not late:
        readings.sort(key=lambda reading: int(reading[1]["ts"]))
    sent, clock = [], 0
    for topic, body in readings:
        clock = max(clock + 1, body["ts"] + 1_000)
        other = {**body, "altitude_m": 0.5, "load": "empty", "load_kg": 5, "speed_kmh": 1.5}
        sent += [Message(topic, body, clock), Message(topic, other, clock)]
    outcome = PathUnderTest(tmp_path).send(in_order_of_arrival(sent, others(BASE_MS, clock + 60_000)))
    (dump,) = outcome.of("illegal_dumping", "truck-002")
    stored = {row.ts: row.fields for row in outcome.rows["truck-002", Kind.POSITION]}
    assert dump.evidence.readings
    for cited in dump.evidence.readings:
        fields = stored[cited.ts]
        assert {name: fields[name] for name in cited.values} == cited.values
    ledger = next(line for line in outcome.ledger.devices if line.device == "truck-002")
    assert ledger.stored == outcome.judge.engine.judged["truck-002"] == len({body["ts"] for _, body in readings})
