"""Stages one trial: a fleet for one shift in one noise tier, by seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from random import Random
from typing import Final

from msgspec import structs

from devices.city.model import City, DeviceRole
from devices.readings.models import Reading
from simulators.staging.terrain import Terrain
from simulators.trials.behaviours.behaviour import Behaviour
from simulators.trials.behaviours.registry import ADVERSARY, HONEST, OPEN
from simulators.trials.behaviours.terminals import blind_zones
from simulators.trials.behaviours.together import stage_together
from simulators.trials.incidents import Incident
from simulators.trials.network import Arrival, arrivals
from simulators.trials.sensors import FAULTS, NO_SENSOR, Faulty
from simulators.trials.sites import site_reports
from simulators.trials.sources import with_sources
from simulators.trials.terminals import reports
from simulators.trials.tiers import Tier
from simulators.trials.town import TRUCKS, town, with_zones
from simulators.trials.trace import Scene, trace
from simulators.trials.truck_day import TruckDay
from simulators.trials.truths.registry import TRUTHS
from simulators.trials.weighings.loads import source_tickets
from simulators.trials.weighings.tickets import tickets
from simulators.vehicles.haul import Haul
from simulators.vehicles.work import Driving

SHIFT_H: Final = 8
"""A truck-day is one shift of one truck."""
FIRST_DAY_MS: Final = 1_790_031_600_000
"""2026-09-21T23:00:00Z: 07:00 in the city, when permitted hours begin."""
_DAY_MS: Final = 86_400_000
_LISTENS_ON_MS: Final = 1_800_000
"""After the last shift: what is late comes then at the latest, and what waits is judged."""
_BEFORE_HOURS_MS: Final = 3_900_000
_HONEST_TRUCKS: Final = 1 / 3
"""Of so many trucks nothing is wrong all day."""
_INCIDENT_SHARE: Final = 0.14
"""Of the rounds of the others are an incident."""
_HONEST_SHARE: Final = 0.2
"""Of the rest are easily taken for one."""
_APART: Final = 1
"""Rounds without an incident between two: an alert about one must not be taken for one about the other."""
_WRONG_TERMINALS: Final = 1 / 3
"""Of the trucks of a tier with wrong terminals; half of them send the other datum, half have a wrong clock."""
_DATUM_FIXES: Final = 30
"""Fixes on the way by which a datum shows."""
_CLOCK_S: Final = 180.0
"""A clock is wrong that is so for this long."""
_WRONG_CLOCKS_S: Final = (-28_800, -3_600, -600, -1_024 * 7 * 86_400)
"""The time of another zone, an hour, ten minutes, the week rollover of GPS."""


@dataclass(frozen=True)
class Trial:
    """What was staged. Judgement gets `city` and `arrivals`; `incidents` and `clocks_ms` are for whoever counts."""

    city: City
    arrivals: Sequence[Arrival]
    """In order of receive time."""
    incidents: Sequence[Incident]
    clocks_ms: Mapping[str, int]
    """By how much the clock of a device is ahead of true time; a device that is not named has the right time."""
    days: Mapping[DeviceRole, int]
    """Device-days, by role: one shift of one device each."""


def stage(tier: Tier, seed: str, number: int, rules: frozenset[str] = frozenset()) -> Trial:
    """Stage trial `number` of a seed. `rules`: stage only incidents that concern these; default: of all kinds."""
    rng = Random(f"{seed}|{tier.name}|{number}")  # noqa: S311 - repeatable on purpose
    start_ms = FIRST_DAY_MS + number % 28 * _DAY_MS
    city = town(rng, tier.interval_s or 10)
    terrain = Terrain(city, start_ms)
    hauls = [haul_of(terrain, city, device_id) for device_id in _trucks(city)]
    city = with_sources(with_zones(city, hauls), hauls, start_ms, rng)
    terrain = Terrain(city, start_ms)
    days = {haul.device_id: _day(haul, terrain, city, start_ms, tier, rules, rng) for haul in hauls}
    together = stage_together(days, rng, rules)
    for day in days.values():
        _work(day, tier, rules, rng)
        if tier.link.blind_zones:
            blind_zones(day, rng)
    shared = [found for plan in together for found in plan.incidents()]
    return _reported(tier, city, days, shared, rng)


def _reported(
    tier: Tier,
    city: City,
    days: Mapping[str, TruckDay],
    together: Iterable[Incident],
    rng: Random,
) -> Trial:
    begin_ms = min(day.start_ms for day in days.values())
    end_ms = max(day.now_ms for day in days.values())
    listens_until_ms = end_ms + _LISTENS_ON_MS
    incidents = [*together]
    received: list[Iterable[Arrival]] = []
    clocks_ms: dict[str, int] = {}
    for device_id, day in days.items():
        incidents += [*_read_off(day, city), *day.incidents]
        fault = rng.choice(list(FAULTS)) if tier.sensor_faults else None
        gcj02, clock_ms, found = _terminal(day, tier, fault, rng)
        incidents += found
        clocks_ms[device_id] = clock_ms
        positions = _numbered(reports(day, city.plane, tier, fault, rng, gcj02=gcj02), tier)
        received.append(list(arrivals(positions, tier.link, day.upsets.blind, clock_ms, rng)))
    at_sites, found_there = site_reports(city, begin_ms, listens_until_ms, rng)
    at_bridges, found_at_bridges = tickets(city, days, begin_ms, listens_until_ms, rng)
    own = Random(f"{begin_ms}|{len(incidents)}|loads")  # noqa: S311 - repeatable, and takes no number from the others
    city, at_sources, found_at_sources = source_tickets(city, days, at_bridges, (begin_ms, listens_until_ms), own)
    for readings, found, dice in (
        (at_sites, found_there, rng),
        (at_bridges, found_at_bridges, rng),
        (at_sources, found_at_sources, own),
    ):
        incidents += found
        for device_id, made in readings.items():
            clocks_ms[device_id] = tier.link.clock_ms(dice)
            measured = _numbered(sorted(made, key=lambda reading: reading.ts), tier)
            received.append(arrivals(measured, replace(tier.link, blind_zones=False), (), clocks_ms[device_id], dice))
    by_role = {role: sum(device.role is role for device in city.devices.values()) for role in DeviceRole}
    last_ms = listens_until_ms
    in_order = sorted(
        (Arrival(min(one.received_ms, last_ms), one.reading) for one in chain.from_iterable(received)),
        key=lambda one: one.received_ms,
    )
    return Trial(city, in_order, sorted(incidents, key=lambda one: one.start_ms), clocks_ms, by_role)


def _numbered(readings: Iterable[Reading], tier: Tier) -> Iterable[Reading]:
    """The readings of one device, which measured them in this order, with its numbers where the tier has them."""
    if not tier.numbers:
        return readings
    return (structs.replace(reading, seq=number) for number, reading in enumerate(readings))


def _terminal(day: TruckDay, tier: Tier, fault: Faulty | None, rng: Random) -> tuple[bool, int, list[Incident]]:
    """What is wrong with a terminal all day: (sends GCJ-02, clock ahead by ms, incidents of that)."""
    device_id, drives_ms = day.haul.device_id, next(began for began, step in day.steps if isinstance(step, Driving))
    all_day = day.start_ms, day.now_ms, drives_ms
    if fault is not None:
        required = fault not in NO_SENSOR
        return False, 0, [Incident("sensor_fault", device_id, fault.__name__, *all_day, required, FAULTS[fault])]
    if tier.link.clock_s:
        return False, tier.link.clock_ms(rng), []
    if not tier.wrong_terminals or rng.random() > _WRONG_TERMINALS:
        return False, 0, []
    if rng.random() < 0.5:
        hold_s = float(_DATUM_FIXES * (tier.interval_s or 10))
        return True, 0, [Incident("device_datum", device_id, "send_gcj02", *all_day, hold_s=hold_s)]
    clock_ms = rng.choice(_WRONG_CLOCKS_S) * 1000
    wrong = Incident("device_clock", device_id, "wrong_clock", day.start_ms, day.now_ms, day.start_ms, hold_s=_CLOCK_S)
    return False, clock_ms, [wrong]


def _trucks(city: City) -> list[str]:
    return [device.id for device in city.devices.values() if device.role is DeviceRole.TRUCK][:TRUCKS]


def haul_of(terrain: Terrain, city: City, device_id: str) -> Haul:
    haul = terrain.haul_of(city.devices[device_id])
    if haul is None:
        raise LookupError(f"{device_id} has no route")
    return haul


def _day(
    haul: Haul, terrain: Terrain, city: City, start_ms: int, tier: Tier, rules: frozenset[str], rng: Random
) -> TruckDay:
    own = Random(rng.random())  # noqa: S311 - repeatable on purpose
    begins_ms = start_ms + own.randint(0, 1_800_000)
    day = TruckDay(haul, terrain, city, begins_ms, own)
    day.is_honest = own.random() < _HONEST_TRUCKS
    early = [one for one in _incidents_of(tier, rules) if one.before_hours]
    if early and not day.is_honest and own.random() < (0.5 if rules else 0.12):
        day = TruckDay(haul, terrain, city, start_ms - _BEFORE_HOURS_MS + own.randint(0, 900_000), own)
        early[0].act(day)
        day.stand(max(60.0, (start_ms - day.now_ms) / 1000 + own.uniform(30.0, 600.0)), ignition_on=False)
    else:
        day.stand(own.uniform(300.0, 1_800.0), ignition_on=False)
    return day


def _work(day: TruckDay, tier: Tier, rules: frozenset[str], rng: Random) -> None:
    """Fill the rest of the shift with rounds."""
    end_ms, own = day.start_ms + SHIFT_H * 3_600_000, day.rng
    kinds = [one for one in _incidents_of(tier, rules) if not one.before_hours]
    since_incident = _APART
    while day.now_ms < end_ms:
        if day.appointments and day.now_ms >= day.appointments[0][0]:
            day.appointments.pop(0)[1](day)
            since_incident = 0
            continue
        soon = bool(day.appointments) and day.now_ms > day.appointments[0][0] - 3_600_000
        dice = own.random()
        may = kinds and not day.is_honest and not soon and since_incident >= _APART
        if may and dice < _INCIDENT_SHARE and _chosen(kinds, own).act(day):
            since_incident = 0
            continue
        if dice > 1 - _HONEST_SHARE and _chosen(HONEST, own).act(day):
            since_incident += 1
            continue
        day.plain_round()
        since_incident += 1
    day.stand(own.uniform(200.0, 600.0), ignition_on=False)


def _chosen(kinds: Sequence[Behaviour], rng: Random) -> Behaviour:
    return rng.choices(kinds, [one.share for one in kinds])[0]


def _incidents_of(tier: Tier, rules: frozenset[str]) -> list[Behaviour]:
    dumps = {"illegal_dumping"}
    kinds = [*ADVERSARY, *(one for one in OPEN if not one.rules & dumps)] if tier.adversary else list(OPEN)
    return [one for one in kinds if not rules or one.rules & rules]


def _read_off(day: TruckDay, city: City) -> Iterable[Incident]:
    """The incidents of the truck's spans, as the truths have them."""
    device = city.devices[day.haul.device_id]
    vehicle_id = device.vehicle_id or ""
    ends = frozenset(
        site_id
        for route in city.routes_of(vehicle_id, day.start_ms)
        for site_id in (route.origin_site_id, route.destination_site_id)
        if site_id is not None
    )
    for span in day.spans:
        scene = Scene(city, device, vehicle_id, day.haul.payload_kg, ends, span.excused)
        moments = trace(day, span, scene)
        for truth in TRUTHS if moments else ():
            for found in truth(moments, scene):
                yield Incident(
                    found.rule,
                    device.id,
                    span.behaviour,
                    _last_seen_ms(day, found.start_ms),
                    found.end_ms,
                    found.begins_ms,
                    found.required,
                    found.hold_s,
                    found.needs,
                )


def _last_seen_ms(day: TruckDay, ts: int) -> int:
    """When the truck was last seen before `ts`: what began in the dark can only be dated from there."""
    dark = [*day.upsets.unpowered, *day.upsets.no_fix, *day.upsets.frozen, *day.upsets.blind]
    return min((start for start, end in dark if start <= ts < end), default=ts)
