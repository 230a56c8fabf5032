"""Shared by the recorder's tests: a log in memory, a small city, and a bench that can lose power and start again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from weakref import finalize, proxy

from devices.city.model import City, Device, DeviceRole
from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from devices.geo.geometry import LatLon
from devices.readings.models import Fill, Position, Reading
from ingest.ledger.report import DeviceLedgerLine, Ledger, RecorderStatus, read_ledger, read_status
from ingest.log.ports import OnePartition
from ingest.log.records import ONLY_PARTITION, LogRecord, RawMessage
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store import LineStore
from ingest.store.sqlite import SqliteStore

T0 = 1_700_000_000_000
NOW = T0 + 3_600_000
CITY = City(
    "test",
    "Test",
    "试",
    "UTC",
    LatLon(35.5, 112.8),
    devices={
        "truck-1": Device("truck-1", DeviceRole.TRUCK, fleet="north"),
        "truck-2": Device("truck-2", DeviceRole.TRUCK, fleet="north"),
        "point-1": Device("point-1", DeviceRole.RECYCLING_POINT, site_id="site-1"),
    },
)


@dataclass
class MemoryLog(OnePartition):
    """A raw log in memory."""

    messages: list[RawMessage] = field(default_factory=list)
    committed: dict[str, int] = field(default_factory=dict)
    partition: int = ONLY_PARTITION

    def append(self, messages: Sequence[RawMessage]) -> int:
        self.messages += messages
        return len(self.messages)

    def read(self, after: int, limit: int) -> list[LogRecord]:
        return [
            LogRecord(offset, message) for offset, message in enumerate(self.messages[after : after + limit], after + 1)
        ]

    def last_offset(self) -> int:
        return len(self.messages)

    def commit(self, consumer: str, offset: int) -> None:
        self.committed[consumer] = offset


@dataclass
class Bench:
    """A recorder over real files, closed when the bench is gone. `start` starts one as after a power cut."""

    folder: Path
    city: City = CITY
    log: MemoryLog = field(default_factory=MemoryLog)
    batch_records: int = 2_000
    monotonic_s: float = 0.0
    store: SqliteStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = SqliteStore(self.folder / "points.db")
        finalize(self, _close, self.store)

    @property
    def state_path(self) -> Path:
        return self.folder / "recorder.db"

    def start(self, *, store: LineStore | None = None, state: RecorderState | None = None) -> Recorder:
        bench = proxy(self)  # what lives as long as a file must not keep the bench alive
        state = state or RecorderState(self.state_path, clock=lambda: bench.monotonic_s)
        finalize(self, state.close)
        return Recorder(
            self.log,
            store or self.store,
            state,
            lambda: bench.city,
            batch_records=self.batch_records,
        )

    async def drain(self, recorder: Recorder | None = None) -> Ledger:
        recorder = recorder or self.start()
        while await recorder.step():
            pass
        return self.ledger()

    def ledger(self) -> Ledger:
        return read_ledger(self.state_path, self.log)

    def status(self) -> RecorderStatus:
        return read_status(self.state_path, self.log)

    def line(self, device: str) -> DeviceLedgerLine:
        [line] = [line for line in self.ledger().devices if line.device == device]
        return line

    def receive(self, *readings: Reading) -> None:
        self.log.append([RawMessage(topic_of(reading), encode(reading), NOW) for reading in readings])

    def receive_raw(self, topic: str, payload: bytes, received_at: int = NOW) -> None:
        self.log.append([RawMessage(topic, payload, received_at)])


def topic_of(reading: Reading) -> str:
    return reading_topic(reading.device_id, reading.kind)


def position(second: int, lat: float = 35.5, device: str = "truck-1", seq: int | None = None) -> Position:
    return Position(device_id=device, ts=T0 + second * 1000, seq=seq, lat=lat, lon=112.8)


def fill(second: int, compartment: str, pct: float) -> Fill:
    return Fill(device_id="point-1", ts=T0 + second * 1000, compartment=compartment, fill_pct=pct)


def counts(line: DeviceLedgerLine | Ledger) -> Mapping[str, object]:
    total = line.total if isinstance(line, Ledger) else line
    figures = total.model_dump(include={"received", "stored", "duplicate", "quarantined", "queued"})
    return {name: figure for name, figure in figures.items() if figure}


def _close(store: SqliteStore) -> None:
    """As `store.close`, also inside an event loop."""
    if store._writer is not None:
        store._writer.close()
