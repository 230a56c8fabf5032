"""Recorder and judge over one raw log in a folder, without a broker: what becomes of messages, end to end.

The oracle is the case's own words and labels, never a second run of the same engine.
"""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.model import City, Device, DeviceRole, Vehicle
from devices.db.database import open_database
from devices.readings.models import Kind
from ingest.collector.collector import TICK_EVERY_MS
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import BATCH, Judge
from ingest.ledger.report import Ledger, read_ledger
from ingest.log.raw_log import RawLog
from ingest.log.records import TICK_TOPIC, RawMessage
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store import Row
from ingest.store.sqlite import SqliteStore
from rules.alerts.actions import AlertFilter, AlertView
from rules.alerts.journal import AlertJournal
from rules.alerts.model import TAKEN_BACK, AlertChange
from rules.alerts.tables import metadata
from rules.catalogue import build_rules
from tests import ROOT

CASES: Final = ROOT.parent / "shared" / "data" / "field_cases"
BASE_MS: Final = 1_795_930_000_000
"""Device time at which most cases begin."""
DELAY_MS: Final = 1_000
"""From measuring to receiving, where a case says nothing else."""


@dataclass(frozen=True)
class Message:
    """One message of a case."""

    topic: str
    payload: Any
    """JSON value, or bytes as they are sent."""
    received_at: int
    """Collector's clock, ms."""
    retain: bool = False
    """The broker replays it from its retained messages: it may be old."""

    def raw(self) -> RawMessage:
        body = self.payload if isinstance(self.payload, bytes) else json.dumps(self.payload).encode()
        return RawMessage(self.topic, body, self.received_at, retained=self.retain)


def case(name: str) -> list[Message]:
    """The messages of a handed case, in the order of publishing; received `DELAY_MS` after device time. Skips."""
    folder = CASES / name
    if not folder.is_dir():
        pytest.skip(f"no field case {name}: {CASES} is absent")
    sequence = folder / "sequence.ndjson"
    if sequence.exists():
        lines = [json.loads(line) for line in sequence.read_text(encoding="utf-8").splitlines() if line]
    else:
        payload = folder / "payload.json"
        body = json.loads(payload.read_text(encoding="utf-8"))
        lines = [{"topic": (folder / "topic.txt").read_text(encoding="utf-8").strip(), "payload": body}]
    return [
        Message(line["topic"], line["payload"], newest_ts(line["payload"]) + DELAY_MS, bool(line.get("retain")))
        for line in lines
    ]


def newest_ts(payload: Any) -> int:
    elements = payload if isinstance(payload, list) else [payload]
    return max(int(element.get("ts", 0)) for element in elements)


def live(messages: Sequence[Message], start_ms: int = BASE_MS, step_ms: int = 10_000) -> list[Message]:
    """The same messages received one after the other at a steady pace, whatever their device clocks say."""
    return [replace(message, received_at=start_ms + n * step_ms + DELAY_MS) for n, message in enumerate(messages)]


def others(start_ms: int, end_ms: int, *, trucks: Sequence[str] = (), step_ms: int | None = None) -> list[Message]:
    """Honest trucks that stand in the depot and report all the time, so that fleet time goes on.

    All of them each `step_ms`. Default: named ones each 10 s; of the fleet a third each 10 s, so that each truck
    reports every 30 s.
    """
    in_turn = 1 if trucks or step_ms is not None else 3
    trucks = trucks or [f"truck-{n:03}" for n in range(12, 25)]
    body = {"lat": 35.4836, "lon": 112.8362, "speed_kmh": 0.0, "satellites": 10, "hdop": 0.9, "load": "empty"}
    return [
        Message(f"haulwatch/v1/{truck}/position", {"ts": ts, **body}, ts + DELAY_MS)
        for step, ts in enumerate(range(start_ms, end_ms, step_ms or 10_000))
        for truck in trucks[step % in_turn :: in_turn]
    ]


def in_order_of_arrival(*streams: Iterable[Message]) -> list[Message]:
    """Several streams as one, by receive time; each keeps its own order."""
    return sorted((message for stream in streams for message in stream), key=lambda message: message.received_at)


@cache
def shipped() -> City:
    """The shipped city, which is read once."""
    return read_city(JINCHENG)


def jincheng(*, more: Mapping[str, Device] | None = None, vehicles: Mapping[str, Vehicle] | None = None) -> City:
    """The shipped city, with further devices and vehicles."""
    city = shipped()
    return replace(city, devices={**city.devices, **(more or {})}, vehicles={**city.vehicles, **(vehicles or {})})


def registered_truck(device_id: str = "tk-new") -> City:
    """The shipped city with one more truck, registered without a start of validity, as `haulwatch device add` does."""
    city = shipped()
    vehicle = replace(next(iter(city.vehicles.values())), id=f"vehicle-{device_id}", plate="晋E·D9999")
    device = Device(device_id, DeviceRole.TRUCK, vehicle_id=vehicle.id, report_interval_s=10)
    return jincheng(more={device_id: device}, vehicles={vehicle.id: vehicle})


def _with_ticks(messages: Sequence[RawMessage], quiet_ms: int) -> Iterator[RawMessage]:
    """Messages with the ticks that a collector which is always connected writes between and after them."""
    heard_at = messages[0].received_at if messages else 0
    for message in messages:
        yield from _ticks(heard_at, message.received_at)
        yield message
        heard_at = max(heard_at, message.received_at)
    yield from _ticks(heard_at, heard_at + quiet_ms + 1)


def _ticks(heard_at: int, until: int) -> Iterator[RawMessage]:
    for at in range(heard_at + TICK_EVERY_MS, until, TICK_EVERY_MS):
        yield RawMessage(TICK_TOPIC, str(TICK_EVERY_MS).encode(), at)


@dataclass
class Outcome:
    """What became of the messages."""

    ledger: Ledger
    alerts: list[AlertView]
    """As the journal has them, oldest first."""
    changes: list[AlertChange]
    rows: dict[tuple[str, Kind], list[Row]] = field(repr=False)
    """Stored readings by device and kind."""
    judge: Judge = field(repr=False)

    def standing(self) -> list[AlertView]:
        """Alerts that were not taken back."""
        return [alert for alert in self.alerts if alert.amendment not in TAKEN_BACK]

    def of(self, rule: str, subject: str | None = None) -> list[AlertView]:
        return [alert for alert in self.alerts if alert.rule == rule and subject in {None, alert.subject}]


class PathUnderTest:
    """A raw log, a recorder, a judge and a journal in one folder; goes on where it was when opened again."""

    def __init__(self, folder: Path, city: City | None = None) -> None:
        self.folder, self.city = folder, city or shipped()
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def journal(self) -> Iterator[AlertJournal]:
        """The alert journal, for instance to act as a person does."""
        engine = open_database(f"sqlite:///{self.folder / 'haulwatch.db'}")
        try:
            metadata.create_all(engine)
            yield AlertJournal(engine)
        finally:
            engine.dispose()

    def send(self, messages: Iterable[Message], *, quiet_ms: int = 120_000) -> Outcome:
        """Append the messages as the collector does, with a tick for each 10 s of silence; record and judge all of it.

        `quiet_ms`: silence after the last message.
        """
        raw = list(_with_ticks([message.raw() for message in messages], quiet_ms))
        with closing(RawLog(self.folder / "raw")) as log:
            for start in range(0, len(raw), 1_000):
                log.append(raw[start : start + 1_000])
        return self.drain()

    def send_as_received(self, messages: Sequence[Message]) -> Outcome:
        """As `send`, in this order and without ticks: receive times leap."""
        with closing(RawLog(self.folder / "raw")) as log:
            for start in range(0, len(messages), 1_000):
                log.append([message.raw() for message in messages[start : start + 1_000]])
        return self.drain()

    def drain(self) -> Outcome:
        """Record and judge what is in the log, as processes that are started now do."""
        asyncio.run(self._record())
        with (
            closing(RawLog(self.folder / "raw")) as log,
            closing(JudgeState(self.folder / "judge.db")) as state,
            self.journal() as journal,
        ):
            judge = Judge(log, journal, state, build_rules(), lambda: self.city)
            while judge.step(BATCH):
                pass
            judge.checkpoint()
            ledger = read_ledger(self.folder / "recorder.db", log)
            alerts = sorted(journal.alerts(AlertFilter(), limit=10_000).items, key=lambda alert: alert.opened_at)
            changes = [entry.change for entry in journal.changes_after(0, 1_000_000)]
        rows = asyncio.run(self._rows(ledger))
        return Outcome(ledger, alerts, changes, rows, judge)

    async def _record(self) -> None:
        store = SqliteStore(self.folder / "readings.db")
        try:
            with (
                closing(RawLog(self.folder / "raw")) as log,
                closing(RecorderState(self.folder / "recorder.db")) as state,
            ):
                recorder = Recorder(log, store, state, lambda: self.city)
                while await recorder.step():
                    pass
                await recorder.finish()
        finally:
            await store.close()

    async def _rows(self, ledger: Ledger) -> dict[tuple[str, Kind], list[Row]]:
        store = SqliteStore(self.folder / "readings.db")
        try:
            rows: dict[tuple[str, Kind], list[Row]] = {}
            for line in ledger.devices:
                for kind in Kind:
                    found = await store.rows(kind, line.device, 0, 1 << 60, limit=100_000)
                    if found:
                        rows[line.device, kind] = list(found)
            return rows
        finally:
            await store.close()
