"""What a truck's terminal reports of its day: sampled, measured with an error, without what failed or is missing."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from random import Random
from typing import Any

from msgspec.structs import replace

from devices.geo.gcj02 import gcj02_of
from devices.geo.geometry import XY, LatLon, LocalPlane
from devices.readings.models import Position, Reading, Status
from simulators.firmware.orders import Controls
from simulators.trials.sensors import Faulty
from simulators.trials.tiers import Tier
from simulators.trials.truck_day import Interval, TruckDay
from simulators.vehicles.truck import Terminal

_HEARTBEAT_MS = 300_000
_UNLOCATED: dict[str, Any] = {"located": False, "satellites": 0, "hdop": None, "accuracy_m": None, "speed_kmh": None}


def reports(
    day: TruckDay, plane: LocalPlane, tier: Tier, fault: Faulty | None, rng: Random, *, gcj02: bool = False
) -> Iterator[Reading]:
    """Positions and statuses of a shift in order of true time, which is also their `ts`."""
    terminal = Terminal(
        day.haul.device_id,
        day.work_day(),
        plane=plane,
        payload_kg=day.haul.payload_kg,
        rng=rng,
        controls=Controls(interval_s=tier.interval_s),
        receiver=tier.receiver(rng),
    )
    start_ms = day.start_ms + rng.randint(0, 9_999)
    positions: Iterable[Position] = takewhile(lambda one: one.ts < day.now_ms, terminal.positions(start_ms))
    if tier.interval_s is not None and not tier.has_switches:
        positions = _at_intervals(positions, tier.interval_s * 1000)
    if fault is not None:
        positions = fault(positions, rng)
    upsets, lacking = day.upsets, dict.fromkeys(tier.lacks)
    positions = _spoofed(_frozen(_unlocated(positions, upsets.no_fix), upsets.frozen), upsets.spoofed, plane)
    session, status_ms = day.start_ms, day.start_ms
    for position in positions:
        if _within(upsets.unpowered, position.ts):
            continue
        while status_ms <= position.ts:
            cause: Any = "birth" if status_ms == day.start_ms else "heartbeat"
            if not _within(upsets.unpowered, status_ms):
                yield _status(position.device_id, status_ms, session, cause)
            status_ms += _HEARTBEAT_MS
        changes: dict[str, Any] = dict(lacking)
        if _within(upsets.manifests, position.ts):
            changes["manifest"] = f"M-{position.device_id}"
        alarm = next((bit for start, end, bit in upsets.receiver_alarms if start <= position.ts < end), None)
        if alarm is not None:
            changes["alarm_bits"] = int(alarm)
        if gcj02:
            shifted = gcj02_of(LatLon(position.lat, position.lon))
            changes |= {"lat": round(shifted.lat, 7), "lon": round(shifted.lon, 7)}
        yield replace(position, **changes) if changes else position
    yield _status(day.haul.device_id, day.now_ms, session, "shutdown")


def _status(device_id: str, ts: int, session: int, cause: Any) -> Status:
    return Status(device_id=device_id, ts=ts, online=cause != "shutdown", session=session, cause=cause)


def _at_intervals(positions: Iterable[Position], interval_ms: int) -> Iterator[Position]:
    """Without those that a switch triggered: the terminal has none."""
    due_ms = 0
    for position in positions:
        if position.ts >= due_ms:
            due_ms = position.ts + interval_ms
            yield position


def _unlocated(positions: Iterable[Position], when: Sequence[Interval]) -> Iterator[Position]:
    """Without a fix at these times: the last place is repeated."""
    last: Position | None = None
    for position in positions:
        if last is not None and _within(when, position.ts):
            yield replace(position, lat=last.lat, lon=last.lon, **_UNLOCATED)
        else:
            last = position
            yield position


def _frozen(positions: Iterable[Position], when: Sequence[Interval]) -> Iterator[Position]:
    """The last place, as if it were a fix, at these times; speed and odometer go on."""
    last: Position | None = None
    for position in positions:
        if last is not None and _within(when, position.ts):
            yield replace(position, lat=last.lat, lon=last.lon)
        else:
            last = position
            yield position


def _spoofed(
    positions: Iterable[Position], when: Sequence[tuple[int, int, XY]], plane: LocalPlane
) -> Iterator[Position]:
    """With another place at these times."""
    for position in positions:
        off = next((off for start, end, off in when if start <= position.ts < end), None)
        if off is None:
            yield position
            continue
        true = plane.xy(position)
        shown = plane.latlon(XY(true.x + off.x, true.y + off.y))
        yield replace(position, lat=round(shown.lat, 7), lon=round(shown.lon, 7))


def _within(intervals: Sequence[Interval], ts: int) -> bool:
    return any(start <= ts < end for start, end in intervals)
