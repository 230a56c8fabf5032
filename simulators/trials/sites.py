"""Points and lines of a trial, with their incidents. `deposits` has those of the hours of a point."""

import math
from collections.abc import Sequence
from itertools import takewhile
from random import Random
from typing import Final

from msgspec.structs import replace

from devices.city.model import City, Device, DeviceRole
from devices.readings.models import Fill, Reading, Status, Throughput
from simulators.sites import recycling_point
from simulators.sites.recycling_point import Surge
from simulators.sites.station import throughput
from simulators.trials.behaviours.terminals import silence
from simulators.trials.deposits import Opening
from simulators.trials.incidents import Incident
from simulators.trials.truck_day import Interval

_HEARTBEAT_MS: Final = 300_000
_WARNED_PCT: Final = 80.0
_WARM_C: Final = 45.0
_FIRE_C: Final = 70.0
_HOT_S: Final = 120.0
"""Warmer than `_WARM_C`, or with smoke, for so long."""
_HOPPER_S: Final = 600.0
_QUEUE_S: Final = 300.0
_INCIDENT_SHARE: Final = 0.5
"""Of points and lines have an incident in a shift."""


def site_reports(
    city: City, start_ms: int, end_ms: int, rng: Random
) -> tuple[dict[str, list[Reading]], list[Incident]]:
    """Readings of points and lines, by device id, and what is wrong with them."""
    readings: dict[str, list[Reading]] = {}
    incidents: list[Incident] = []
    for device in city.devices.values():
        if device.role is DeviceRole.RECYCLING_POINT:
            made, found = _point(device, city, start_ms, end_ms, rng)
        elif device.role is DeviceRole.STATION_LINE:
            made, found = _line(device, start_ms, end_ms, rng)
        else:
            continue
        readings[device.id] = made
        incidents += found
    return readings, incidents


def _point(device: Device, city: City, start_ms: int, end_ms: int, rng: Random) -> tuple[list[Reading], list[Incident]]:
    hours = city.deposit_hours_of(device, start_ms)
    kinds = ("fire", "silence") if hours else ("overflow", "fire", "silence")  # a surge knows no hours
    incident = rng.choice(kinds) if rng.random() < _INCIDENT_SHARE else ""
    opening = Opening(city, hours, start_ms, end_ms, rng)
    begins_ms = rng.randint(start_ms + 1_800_000, end_ms - 5_400_000)
    surge = None
    if incident == "overflow":
        surge = Surge(begins_ms, begins_ms + rng.randint(2_400_000, 5_000_000), 62.0, rng.uniform(0.8, 5.0))
    made = recycling_point.fills(
        device.id,
        start_ms=start_ms + rng.randint(0, device.report_interval_s * 1000),
        every_s=lambda: device.report_interval_s,
        lon=city.centre.lon,
        rng=rng,
        is_open=opening.is_open,
        surge=surge,
    )
    fills = list(takewhile(lambda fill: fill.ts < end_ms, made))
    incidents = opening.incidents(device.id, fills)
    fills = opening.emptied_by_the_crew(fills)
    if surge is not None:
        full = next((fill for fill in fills if fill.fill_pct >= _WARNED_PCT), None)
        if full is not None:
            seen_s = 2.0 * device.report_interval_s  # three readings
            incidents.append(
                Incident("bin_overflow", device.id, "fill_up", full.ts, surge.end_ms, full.ts, hold_s=seen_s)
            )
    if incident == "fire":
        fills, found = _burning(device, fills, begins_ms, rng)
        incidents += found
    readings: list[Reading] = [*fills, *heartbeats(device.id, start_ms, end_ms)]
    if incident == "silence":
        lost = begins_ms, begins_ms + rng.randint(900_000, 3_600_000)
        readings = _without(readings, lost)
        hold_s = max(3.5 * device.report_interval_s, 180.0)
        incidents.append(silence(device.id, "point_silent", *lost, device.report_interval_s, hold_s=hold_s))
    return readings, incidents


def _burning(device: Device, fills: list[Fill], begins_ms: int, rng: Random) -> tuple[list[Fill], list[Incident]]:
    """The first compartment burns: it smoulders, or flares up; some terminals report at once, some see smoke."""
    lasts_ms, per_min = rng.randint(900_000, 2_400_000), rng.choice((rng.uniform(2.0, 6.0), rng.uniform(10.0, 60.0)))
    sees_smoke, is_quick = rng.random() < 0.6, rng.random() < 0.5
    hottest_c, ends_ms = rng.uniform(120.0, 500.0), begins_ms + lasts_ms
    name = fills[0].compartment if fills else ""
    smoke_from_ms = begins_ms + rng.randint(30_000, 180_000)

    def heated(fill: Fill, ts: int) -> Fill:
        if fill.compartment != name or ts < begins_ms:
            return fill
        base_c = fill.temperature_c or 20.0
        if ts < ends_ms:
            over_c = min(per_min * (ts - begins_ms) / 60_000, hottest_c)
        else:  # put out: it cools down within minutes
            over_c = min(per_min * lasts_ms / 60_000, hottest_c) * math.exp((ends_ms - ts) / 240_000)
        smoke = sees_smoke and smoke_from_ms <= ts < ends_ms
        return replace(fill, ts=ts, temperature_c=round(base_c + over_c, 1), smoke=smoke)

    burning: list[Fill] = []
    for fill in fills:
        burning.append(heated(fill, fill.ts))
        if is_quick and fill.compartment == name and begins_ms + 60_000 <= fill.ts < ends_ms:
            extra = range(fill.ts + 15_000, fill.ts + device.report_interval_s * 1000, 15_000)
            burning += [replace(heated(fill, ts), deposits=0) for ts in extra if ts < ends_ms]
    hot = [fill for fill in burning if fill.compartment == name and fill.ts >= begins_ms and _is_hot(fill)]
    first_ms = hot[0].ts if hot else begins_ms
    required = any(fill.smoke or (fill.temperature_c or 0.0) >= _FIRE_C for fill in hot)
    incident = Incident("bin_fire", device.id, "burn", begins_ms, ends_ms, first_ms, required, _HOT_S)
    return sorted(burning, key=lambda fill: fill.ts), [incident]


def _is_hot(fill: Fill) -> bool:
    return bool(fill.smoke) or (fill.temperature_c or 0.0) >= _WARM_C


def _line(device: Device, start_ms: int, end_ms: int, rng: Random) -> tuple[list[Reading], list[Incident]]:
    made = throughput(
        device.id,
        start_ms=start_ms + rng.randint(0, device.report_interval_s * 1000),
        every_s=lambda: device.report_interval_s,
        rng=rng,
    )
    lines = list(takewhile(lambda one: one.ts < end_ms, made))
    incidents: list[Incident] = []
    if rng.random() < _INCIDENT_SHARE:
        begins_ms = rng.randint(start_ms + 1_800_000, end_ms - 5_400_000)
        if rng.random() < 0.5:
            ends_ms = begins_ms + rng.randint(900_000, 3_600_000)
            lines = [_hopper_full(one, rng) if begins_ms <= one.ts < ends_ms else one for one in lines]
            name, hold_s = "hopper_full", _HOPPER_S
        else:
            ends_ms = begins_ms + rng.randint(600_000, 2_700_000)
            lines = [_stopped(one, rng) if begins_ms <= one.ts < ends_ms else one for one in lines]
            name, hold_s = "line_stopped", _QUEUE_S
        incidents.append(Incident("station_backlog", device.id, name, begins_ms, ends_ms, begins_ms, hold_s=hold_s))
    return [*lines, *heartbeats(device.id, start_ms, end_ms)], incidents


def _hopper_full(one: Throughput, rng: Random) -> Throughput:
    return replace(one, hopper_pct=round(rng.uniform(92.0, 99.0), 1))


def _stopped(one: Throughput, rng: Random) -> Throughput:
    return replace(one, running=False, rate_t_per_h=0.0, queue_trucks=rng.randint(2, 7))


def heartbeats(device_id: str, start_ms: int, end_ms: int, every_ms: int = _HEARTBEAT_MS) -> list[Reading]:
    return [
        Status(
            device_id=device_id, ts=ts, online=True, session=start_ms, cause="birth" if ts == start_ms else "heartbeat"
        )
        for ts in range(start_ms, end_ms, every_ms)
    ]


def _without(readings: Sequence[Reading], lost: Interval) -> list[Reading]:
    return [reading for reading in readings if not lost[0] <= reading.ts < lost[1]]
