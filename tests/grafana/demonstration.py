"""The labelled scenario as points of the store: readings, alerts and their states, places, ingestion health."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import product, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.model import City, Device
from devices.db.database import open_database
from devices.readings.models import Position, Reading, Status, Weighing
from devices.readings.refusals import Reason
from devices.readings.series import FieldValue, Point, area_tags
from devices.readings.tickets import TicketState, net_kg, state_alone
from ingest.alerts.rate import Call, alert_rate
from ingest.alerts.store_sink import alert_points
from ingest.alerts.subjects import SubjectFields
from ingest.boards.city_points import indicator_points, load_points, manifest_point
from ingest.boards.emptyings import emptying_points
from ingest.boards.points import (
    DAY_MS,
    IngestionStatus,
    alert_state_points,
    health_points,
    over_limit_points,
    place_points,
    suspected_site_points,
)
from ingest.collector.collector import CollectorStatus
from ingest.judge.checkpoint import Checkpoint, JudgeState
from ingest.judge.emptyings import read_emptyings
from ingest.ledger.report import DeviceLedgerLine, Ledger, LedgerLine, RecorderStatus
from rules.alerts.actions import Acknowledge, Close, JournalEntry, JournalPosition, Outcome
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange, Text
from rules.alerts.shelves import Shelf, as_called
from rules.alerts.tables import metadata
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from rules.engine.rows.unwritten import Row
from rules.indicators.board_rows import LoadHeading, LoadSums, ManifestRow
from rules.indicators.definitions import DEFINITIONS, IndicatorId
from rules.indicators.model import Indicator, IndicatorReport
from rules.indicators.reasons import no_loads
from rules.manifests.model import ManifestState
from rules.suspected_sites.model import Decision, PlaceKind, Proposal, ProposalState
from rules.tracking.emptyings import Emptying
from rules.weighing.session import Flow
from simulators.firmware.events import DeviceEvent, Heartbeat, NetworkDown, NetworkUp, PowerCut, Sensed
from simulators.staging.scenario import Label, Scenario
from tests.ingest.judge.saving import save
from tests.points import point_of

START = 1_790_000_000_000
HANDLED = {
    "silent_device": (55, Outcome.FALSE_ALARM, 660),
    "illegal_dumping": (85, Outcome.CONFIRMED_VIOLATION, 780),
}
"""What people did with the alerts of a rule: seconds until they acknowledged it, the outcome, seconds until then. They
left the others alone."""
SHELF = Shelf(
    no=1,
    rule="bin_overflow",
    subject=None,
    reason="festival",
    shelved_by="Wang",
    shelved_at=START,
    until=START + 9_000_000,
)
DAYS = ("2026-09-20", "2026-09-21")
"""Of the loads; the second is the day of the scenario."""
LOADS = tuple(
    LoadSums(LoadHeading(day, site, district, stream, flow), net_kg, estimated_kg, loads, estimated, unknown, waiting)
    for day, (site, district, stream, flow, net_kg, estimated_kg, loads, estimated, unknown, waiting) in product(
        DAYS,
        (
            ("plant-wangjiang", "zezhou", "demolition", Flow.IN, 45_000.0, 0.0, 3, 0, 0, 0),
            ("plant-wangjiang", "zezhou", "other", Flow.OUT, 20_000.0, 0.0, 2, 0, 0, 0),
            ("spoil-nw-1", "zezhou", "spoil", Flow.IN, 150_000.0, 15_000.0, 10, 1, 1, 2),
            ("landfill-urban", "urban", "unknown", Flow.IN, 8_000.0, 0.0, 1, 0, 0, 0),
        ),
    )
)
"""Loads by hand: 203 t that were weighed and 15 t estimated come in each day, by 16 loads."""
MANIFESTS = tuple(
    ManifestRow(
        number, device, ManifestState(state), "spoil", "works-01", "spoil-nw-1", START + 60_000 * n,
        START + 60_000 * n + 3_600_000, 15_000.0, net_kg, START,
    )
    for n, (number, device, state, net_kg) in enumerate(
        (
            ("M1", "truck-001", "closed", 14_900.0),
            ("M2", "truck-001", "closed", 15_000.0),
            ("M3", "truck-002", "overdue", None),
            ("M4", "truck-003", "discrepancy", 12_000.0),
            ("M5", "truck-004", "in_transit", None),
            ("M6", "truck-005", "void", None),
        )
    )
)  # fmt: skip
"""Manifests by hand, and one of the day before the span that is still overdue."""
OLD_MANIFEST = MANIFESTS[2]._replace(number="M0", device_id="truck-007", issued_at=START - 30 * DAY_MS)
HEALTH_EVERY_MS = 15_000
REPORT = IndicatorReport(
    first_day=date(2026, 8, 23),
    last_day=date(2026, 9, 21),
    at=START,
    city=Text(en="Jincheng", zh="晋城"),
    timezone="Asia/Shanghai",
    is_over=False,
    is_part=False,
    indicators=tuple(
        Indicator(
            id=id_,
            name=definition.name,
            unit=definition.unit,
            formula=definition.formula,
            scope=definition.scope,
            aim=definition.aim,
            value=21.43 if id_ is IndicatorId.CONSTRUCTION_RECYCLING else None,
            withheld=() if id_ is IndicatorId.CONSTRUCTION_RECYCLING else (no_loads(),),
            baseline=14.34,
            target=60.0,
            progress_pct=15.5,
        )
        for id_, definition in DEFINITIONS.items()
    ),
    late=(),
)
"""One indicator with a value, all others without."""
DECISIONS = {
    ProposalState.PROPOSED: (),
    ProposalState.ACCEPTED: (Decision(state=ProposalState.ACCEPTED, actor="Wang", reason="seen", at=START),),
    ProposalState.DISMISSED: (Decision(state=ProposalState.DISMISSED, actor="Wang", reason="a shop", at=START),),
}
SUSPECTED = [
    Proposal(
        id=f"{number:016x}",
        kind=kind,
        state=state,
        lat=35.5 + number / 100,
        lon=112.8,
        radius_m=60.0,
        first_seen=START - 9 * DAY_MS,
        last_seen=START - DAY_MS,
        trucks=("truck-001", "truck-002"),
        visits=5,
        days=3,
        hours=(2, 3, *[0] * 22),
        alerts=(),
        proposed_at=START - DAY_MS,
        updated_at=START,
        decisions=decisions,
    )
    for number, (kind, (state, decisions)) in enumerate(product(PlaceKind, DECISIONS.items()))
]


@dataclass(frozen=True)
class Demonstration:
    city: City
    start: int
    end: int
    labels: tuple[Label, ...]
    """The incidents that truly happened."""
    readings: tuple[Reading, ...]
    changes: tuple[AlertChange, ...]
    points: tuple[Point, ...]

    @property
    def positions(self) -> list[Position]:
        return [reading for reading in self.readings if isinstance(reading, Position)]

    @property
    def weighings(self) -> list[Weighing]:
        return [reading for reading in self.readings if isinstance(reading, Weighing)]


@cache
def demonstration() -> Demonstration:
    """Forty minutes of Jincheng with every labelled incident, judged."""
    city = read_city(JINCHENG)
    script = Scenario(seed=1).cast(city, START)
    readings = [
        reading
        for device_id, life in script.timelines.items()
        for reading in _readings(device_id, takewhile(lambda moment: moment.at_ms <= script.end_ms, life()))
    ]
    engine = RuleEngine(city, build_rules())
    changes = [change for reading in sorted(readings, key=lambda r: r.ts) for change in engine.judge(reading)]
    points = [
        *(_point(reading, city.devices[reading.device_id]) for reading in readings),
        *alert_points([_entry(change) for change in changes], city, SubjectFields()),
        *_alert_states(changes, city),
        *_emptyings(engine, city),
        *place_points(city, script.start_ms),
        *suspected_site_points(SUSPECTED),
        *load_points(LOADS, city),
        *(manifest_point(row, city, area_tags(city.devices[row.device_id])) for row in (*MANIFESTS, OLD_MANIFEST)),
        *indicator_points(REPORT),
        *_health(script.start_ms, script.end_ms, city),
    ]
    return Demonstration(
        city, script.start_ms, script.end_ms, script.labels, tuple(readings), tuple(changes), tuple(points)
    )


def _readings(device_id: str, moments: Iterator[DeviceEvent]) -> Iterator[Reading]:
    """The readings that arrive sooner or later; a reading sent twice is stored once."""
    for moment in moments:
        match moment:
            case PowerCut():
                return
            case Heartbeat(at_ms=at_ms):
                yield Status(device_id=device_id, ts=at_ms, online=True, session=1, buffered=0, rssi_dbm=-71.0)
            case Sensed(reading=reading):
                yield reading
            case NetworkDown() | NetworkUp():
                pass


def _point(reading: Reading, device: Device) -> Point:
    """As the recorder stores it. Each simulated ticket is sent once."""
    point = point_of(reading, device)
    if not isinstance(reading, Weighing):
        return point
    state = state_alone(reading)
    counts = state is TicketState.COUNTED
    kg = (net_kg(reading) or 0.0) if counts else 0.0
    derived: dict[str, FieldValue] = {"counted": int(counts), "counted_kg": kg, "ticket_state": str(state)}
    return replace(point, fields={**point.fields, **derived})


def _emptyings(engine: RuleEngine, city: City) -> Iterator[Point]:
    """Emptyings from a judge's file, and one that was withdrawn."""
    with TemporaryDirectory() as folder, closing(JudgeState(Path(folder) / "judge.db")) as state:
        spans = engine.changed_emptyings()
        device_id, (span, *_) = min(spans.items())
        refuted = Emptying(span.compartment, span.start + 1, span.start, 90.0, 9.0)
        save(state, Checkpoint(1, b""), [Row(device_id, b"", {}, [span._replace(emptyings=(refuted,))])])
        save(state, Checkpoint(2, b""), [Row(id_, b"", {}, of_device) for id_, of_device in spans.items()])
        first = read_emptyings(Path(folder) / "judge.db", "", 0, 1)
        rows = read_emptyings(Path(folder) / "judge.db", first.file_id, 0, 10_000).rows
        assert [row.emptying for row in rows if row.withdrawn] == [refuted]
        yield from emptying_points(rows, city)


def _entry(change: AlertChange) -> JournalEntry:
    return JournalEntry(sequence=1, recorded_at=change.at + 2_000, change=change)


def _alert_states(changes: list[AlertChange], city: City) -> Iterator[Point]:
    """Alert states from a journal, in which each change is recorded 2 s later, while `SHELF` stands."""
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'journal.db'}")
        metadata.create_all(engine)
        journal = AlertJournal(engine)
        for change in changes:
            journal.record([change], change.at + 2_000)
        first = {change.alert_id: change for change in reversed(changes)}
        for alert_id, change in first.items():
            if change.rule in HANDLED:
                acknowledged_s, outcome, closed_s = HANDLED[change.rule]
                at = change.at + 2_000
                journal.act(alert_id, Acknowledge(actor="Wang", at=at + 1_000 * acknowledged_s))
                journal.act(alert_id, Close(actor="Wang", at=at + 1_000 * closed_s, outcome=outcome))
        alerts, _ = journal.touched_after(JournalPosition(), 10_000)
        yield from alert_state_points(
            as_called(alerts, [SHELF], call_within_ms=0),
            lambda alert: area_tags(city.devices[alert.subject]),
            lambda subject: SubjectFields().of(subject, city, 0),
        )
        engine.dispose()


def _health(start: int, end: int, city: City) -> Iterator[Point]:
    """Health points of an ingestion that grows steadily and has no faults."""
    for step, at in enumerate(range(start, end, HEALTH_EVERY_MS), start=1):
        state = _status(step, at)
        yield from health_points(state)
        yield from over_limit_points(state, lambda subject: SubjectFields().of(subject, city, 0))


def _status(step: int, at: int) -> IngestionStatus:
    total = LedgerLine(
        received=110 * step, stored=100 * step, duplicate=2 * step, quarantined=dict.fromkeys(Reason, step), gaps=3
    )
    collector = CollectorStatus(
        at=at, connected=True, protocol="5.0", received=110 * step, reconnects=1, disk_full=False, last_error=None
    )
    recorder = RecorderStatus(
        offset=step, backlog=0, pending=4, trouble=None, trouble_since=None, write_ms=9.0, slowest_write_ms=30.0
    )
    return IngestionStatus(
        at=at,
        ledger=Ledger(
            total=total, devices=(DeviceLedgerLine(device="truck-001", clock_offset_ms=-120 - step),), exact=True
        ),
        behind={"recorder": (step, 0.2), "judge": (2 * step, 0.4)},
        collector=collector,
        recorder=recorder,
        broker={"connected_clients": 30.0, "dropped_messages": 0.0, "queued_messages": 5.0},
        disk=(50_000_000_000 - step, 1_000_000 * step),
        alert_rate=alert_rate([Call(at, f"{n:016x}") for n in range(step % 14)], at, operators=2),
        over_limit={"truck-007": {"rate": 9_000 * step, "alerts": step}},
    )
