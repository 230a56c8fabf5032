"""Hand-written fakes of the parts behind the API, and a small city."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from shapely import LineString, box

from api.ports import Adopted
from devices.access.new_device import UnfitDevice
from devices.city.hours import Hours
from devices.city.model import City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Route, Site, SiteKind, Validity, Zone, ZoneKind
from devices.db.database import DatabaseUnavailable
from devices.geo.geometry import LatLon
from devices.readings.refusals import Reason
from ingest.collector.collector import CollectorStatus
from ingest.judge.what_if_job import JobRuns, JobState, WhatIfJob, WhatIfRequest
from ingest.ledger.dead_letters import AlreadyRedriven, DeadLetter, NoSuchLetter, NotKept, NotRedrivable, Redriven
from ingest.ledger.report import DeviceLedgerLine, Ledger, LedgerLine, RecorderStatus
from ingest.ledger.state_file import StateUnavailable
from ingest.ledger.unregistered import UnregisteredDevice
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.store import Bounds, Row, StoreUnavailable, page
from rules.alerts.model import AlertChange, Evidence, Phase, ReadingRef, Severity, Text, alert_id
from rules.public_reports.sealing import NO_KEYS, InformantKeys

T0 = 1_772_352_000_000
"""2026-03-01T08:00:00Z, the start of every story; tests count seconds from it."""
NOW = T0 + 3_600_000
COLLECTOR = CollectorStatus(NOW, True, "5.0", 115, 2, False, None, flooded=11)
BROKER = BrokerCounters(connected=True, values={"dropped": 3.0, "clients_connected": 40.0})
RECORDER = RecorderStatus(
    offset=103, backlog=12, pending=0, trouble=None, trouble_since=None, write_ms=8.0, slowest_write_ms=250.0
)


class Ring:
    """The keys of informants, which a test may change."""

    def __init__(self) -> None:
        self.keys = NO_KEYS.with_new()

    def __call__(self) -> InformantKeys:
        return self.keys


@dataclass
class FakeHistory:
    """Rows in memory, in pages like those of the stores. With `unavailable` set, every query raises it."""

    stored: dict[str, list[Row]] = field(default_factory=dict)
    unavailable: StoreUnavailable | None = None
    queries: int = 0
    """Number of queries for many devices."""

    def add(self, kind: str, device_id: str, second: float, part: str = "", **fields: float | str | bool) -> None:
        self.stored.setdefault(kind, []).append(Row(T0 + round(second * 1000), device_id, part, fields))

    def _of(self, kind: str, device_id: str) -> list[Row]:
        if self.unavailable is not None:
            raise self.unavailable
        return sorted(row for row in self.stored.get(kind, []) if row.device_id == device_id)

    async def latest(self, kind: str, device_id: str) -> list[Row]:
        return list({row.part: row for row in self._of(kind, device_id)}.values())

    async def latest_of(self, kind: str, device_ids: Collection[str]) -> list[Row]:
        self.queries += 1
        return [row for device_id in sorted(device_ids) for row in await self.latest(kind, device_id)]

    async def latest_located(self, device_ids: Collection[str]) -> list[Row]:
        found = {
            row.device_id: row
            for device_id in sorted(device_ids)
            for row in self._of("position", device_id)
            if row.fields.get("located") is not False
        }
        return list(found.values())

    async def positions_within(
        self, device_ids: Collection[str], start: int, end: int, box: Bounds, *, limit: int
    ) -> list[Row]:
        found = [
            row
            for device_id in sorted(device_ids)
            for row in self._of("position", device_id)
            if start <= row.ts < end
            and box.south <= float(row.fields["lat"]) <= box.north
            and box.west <= float(row.fields["lon"]) <= box.east
        ]
        return found[: limit + 1]

    async def rows(
        self, kind: str, device_id: str, start: int, end: int, *, limit: int, part: str | None = None
    ) -> list[Row]:
        of_device = [row for row in self._of(kind, device_id) if part is None or row.part == part]
        return page([row for row in of_device if start <= row.ts < end], limit)

    async def downsampled(
        self, kind: str, device_id: str, start: int, end: int, *, every_ms: int, limit: int
    ) -> list[Row]:
        windows: dict[tuple[int, str], list[Row]] = {}
        for row in await self.rows(kind, device_id, start, end, limit=10**9):
            windows.setdefault((row.ts - row.ts % every_ms, row.part), []).append(row)
        return page([_mean(ts, part, rows) for (ts, part), rows in sorted(windows.items())], limit)

    async def count(self, kind: str) -> int:
        return len(self.stored.get(kind, []))


def _mean(ts: int, part: str, rows: Sequence[Row]) -> Row:
    names = {name for row in rows for name, value in row.fields.items() if not isinstance(value, str | bool)}
    means = {name: sum(float(row.fields[name]) for row in rows) / len(rows) for name in sorted(names)}
    return Row(ts, rows[0].device_id, part, means)


def small_city(trucks: int = 3) -> City:
    devices = [
        Device(
            f"truck-{n}",
            DeviceRole.TRUCK,
            vehicle_id=f"v-{n}",
            fleet="north",
            report_interval_s=10,
            clock_correction_s=60 * n,
        )
        for n in range(1, trucks + 1)
    ]
    devices.append(Device("bin-1", DeviceRole.RECYCLING_POINT, site_id="point-1", district="zezhou"))
    vehicles = [Vehicle(f"v-{n}", f"晋E1000{n}", tare_kg=12_500.0) for n in range(1, trucks + 1)]
    sites = [
        Site("works-1", SiteKind.CONSTRUCTION_SITE, "Works", "工地", box(112.80, 35.50, 112.81, 35.51)),
        Site("spoil-1", SiteKind.DISPOSAL_SITE, "Spoil ground", "弃土场", box(112.90, 35.40, 112.91, 35.41), "zezhou"),
        Site(
            "old-1", SiteKind.DEPOT, "Old depot", "旧车场", box(112.7, 35.4, 112.8, 35.5), validity=Validity(None, T0)
        ),
        Site(
            "old-point",
            SiteKind.RECYCLING_POINT,
            "Old point",
            "旧回收点",
            box(112.86, 35.46, 112.87, 35.47),
            validity=Validity(None, T0),
            deposit_hours=(Hours(390, 540), Hours(1320, 60)),
            streams=("kitchen",),
        ),
    ]
    line = LineString([(112.80, 35.50), (112.85, 35.45), (112.90, 35.40)])
    routes = [
        Route("r-1", version, f"To spoil {version}", f"至弃土场 {version}", line, "works-1", "spoil-1", validity)
        for version, validity in ((1, Validity(None, T0)), (2, Validity(T0, None)))
    ]
    old_town, county = box(112.84, 35.44, 112.86, 35.46), box(112.70, 35.30, 113.00, 35.60)
    zones = [
        Zone("old-town", 1, ZoneKind.FORBIDDEN, "Old town", "老城区", old_town, Validity(None, T0)),
        Zone("old-town", 2, ZoneKind.FORBIDDEN, "Old town", "老城区", old_town, Validity(T0, None)),
        Zone("county", 1, ZoneKind.JURISDICTION, "County", "县域", county),
        Zone("north", 1, ZoneKind.PERMITTED_AREA, "North", "北片区", box(112.80, 35.45, 112.90, 35.55)),
        Zone("south", 1, ZoneKind.PERMITTED_AREA, "South", "南片区", box(112.80, 35.35, 112.90, 35.45)),
    ]
    return City(
        id="small",
        name="Small",
        name_zh="小城",
        timezone="Asia/Shanghai",
        centre=LatLon(35.45, 112.85),
        devices={device.id: device for device in devices},
        vehicles={vehicle.id: vehicle for vehicle in vehicles},
        sites={site.id: site for site in sites},
        routes=tuple(routes),
        permits=(Permit("p-1", "v-1", route_ids=("r-1",), area_ids=("north",)),),
        zones=tuple(zones),
    )


def change(
    second: float = 0,
    *,
    rule: str = "illegal_dumping",
    subject: str = "truck-1",
    phase: Phase = Phase.CONFIRMED,
    revision: int = 1,
    severity: Severity = Severity.P1,
    closed: float | None = None,
) -> AlertChange:
    """A change of the alert that opened at `second`."""
    opened_at = T0 + round(second * 1000)
    says = {"lift_up": True}
    return AlertChange(
        alert_id=alert_id(rule, subject, opened_at),
        revision=revision,
        rule=rule,
        rule_version=1,
        subject=subject,
        phase=phase,
        severity=severity,
        at=opened_at + 60_000,
        opened_at=opened_at,
        closed_at=None if closed is None else T0 + round(closed * 1000),
        title=Text(en=f"{rule} by {subject}", zh=f"{subject} 告警"),
        lat=35.46,
        lon=112.86,
        evidence=Evidence(
            parameters={"confirmed_score": 1.5},
            findings=(Text(en="Bed raised for 42 s", zh="举升 42 秒"),),
            ruled_out=(Text(en="No permitted site within 50 m", zh="50 米内无核准场所"),),
            readings=(ReadingRef(device_id=subject, kind="position", ts=opened_at, values=says),),
            measures={"score": 2.5},
        ),
    )


class UnavailableJournal:
    """A journal whose database does not respond."""

    def _unavailable(self, *_: object, **__: object) -> NoReturn:
        raise DatabaseUnavailable("postgresql://db.internal refused")

    last_position = changes_after = actions_after = alerts = open_alerts = alert = act = _unavailable


@dataclass
class FakeLedger:
    """The counts of a recorder."""

    lines: list[DeviceLedgerLine] = field(default_factory=list)
    unavailable: bool = False

    def read(self) -> Ledger:
        if self.unavailable:
            raise StateUnavailable("/srv/secret/recorder.db: disk I/O error")
        quarantined: Counter[str] = Counter()
        for line in self.lines:
            quarantined.update(line.quarantined)
        total = LedgerLine(
            received=sum(line.received for line in self.lines),
            stored=sum(line.stored for line in self.lines),
            duplicate=sum(line.duplicate for line in self.lines),
            quarantined=quarantined,
            queued=sum(line.queued for line in self.lines),
            gaps=sum(line.gaps for line in self.lines),
        )
        return Ledger(total=total, devices=tuple(self.lines), exact=True)


@dataclass
class FakeAdoption:
    """Unregistered devices in memory, and what was adopted of them."""

    waiting: list[UnregisteredDevice] = field(default_factory=list)
    adopted: list[Device] = field(default_factory=list)
    refuses: UnfitDevice | None = None

    def add(self, device: str, readings: int = 1, dialect: str = "native", **place: float) -> None:
        found = UnregisteredDevice(
            device=device, waiting=readings, first_seen=T0, last_seen=NOW, kinds=("position",), dialect=dialect, **place
        )
        self.waiting.append(found)

    def unregistered(self) -> list[UnregisteredDevice]:
        return list(self.waiting)

    def adopt(self, device: Device) -> Adopted:
        if self.refuses is not None:
            raise self.refuses
        self.adopted.append(device)
        [found] = [one for one in self.waiting if one.device == device.id]
        self.waiting.remove(found)
        return Adopted(registered=True, redriven=found.waiting)


@dataclass
class FakeWhatIfs:
    """A job that runs until it is cancelled."""

    asked: list[WhatIfRequest] = field(default_factory=list)
    job: WhatIfJob | None = None

    def start(self, request: WhatIfRequest, started_by: str) -> WhatIfJob:
        if self.job is not None and self.job.state is JobState.RUNNING:
            raise JobRuns("another what-if is judged: wait for it, or cancel it")
        self.asked.append(request)
        self.job = WhatIfJob(
            no=len(self.asked), state=JobState.RUNNING, start=request.start, end=request.end, started_by=started_by,
            started_at=NOW,
        )  # fmt: skip
        return self.job

    def current(self) -> WhatIfJob | None:
        return self.job

    def cancel(self) -> WhatIfJob | None:
        if self.job is not None:
            self.job = self.job.model_copy(update={"state": JobState.CANCELLED, "ended_at": NOW})
        return self.job


@dataclass
class FakeDeadLetters:
    """Dead letters in memory, each with its bytes."""

    letters: dict[int, tuple[DeadLetter, bytes]] = field(default_factory=dict)

    def add(
        self, payload: bytes, reason: Reason = Reason.BROKEN_JSON, device: str = "truck-1", stands_for: int = 1
    ) -> None:
        letter = DeadLetter(
            id=len(self.letters) + 1,
            device=device,
            reason=reason,
            detail="payload is not JSON",
            field="payload",
            topic=f"haulwatch/v1/{device}/position",
            shown=payload.decode("ascii", "backslashreplace"),
            size_bytes=len(payload),
            received_at=T0,
            redriven_at=None,
            redriven_offset=None,
            stands_for=stands_for,
            kept=reason is not Reason.FLOOD,
        )
        self.letters[letter.id] = (letter, payload)

    def list(self, *, after_id: int = 0, limit: int = 100, **filters: Any) -> "list[DeadLetter]":
        wanted = {name: value for name, value in filters.items() if name in {"device", "reason"} and value is not None}
        devices = filters.get("devices")
        candidates = (
            letter
            for letter, _ in self.letters.values()
            if (letter.redriven_at is not None) == filters.get("redriven", False)
            and (devices is None or letter.device in devices)
            and (filters.get("until") is None or letter.received_at < filters["until"])
        )
        matching = [
            letter
            for letter in candidates
            if letter.id > after_id and all(getattr(letter, name) == value for name, value in wanted.items())
        ]
        return matching[:limit]

    def show(self, letter_id: int) -> DeadLetter:
        return self._of(letter_id)[0]

    def payload(self, letter_id: int) -> bytes:
        return self._of(letter_id)[1]

    def redrive(self, letter_id: int) -> int:
        letter, payload = self._of(letter_id)
        if letter.redriven_at is not None:
            raise AlreadyRedriven(f"dead letter {letter_id} was redriven before")
        if not letter.kept:
            raise NotKept(f"dead letter {letter_id} stands for {letter.stands_for} messages")
        self.letters[letter_id] = (letter.model_copy(update={"redriven_at": NOW}), payload)
        return 100 + letter_id

    def redrive_all(self, letter_ids: Sequence[int]) -> dict[int, Redriven]:
        outcomes: dict[int, Redriven] = {}
        for letter_id in letter_ids:
            try:
                outcomes[letter_id] = self.redrive(letter_id)
            except (NoSuchLetter, NotRedrivable) as exc:
                outcomes[letter_id] = exc
        return outcomes

    def _of(self, letter_id: int) -> tuple[DeadLetter, bytes]:
        if letter_id not in self.letters:
            raise NoSuchLetter(f"there is no dead letter {letter_id}")
        return self.letters[letter_id]
