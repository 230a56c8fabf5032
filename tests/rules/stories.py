"""A story for each rule of the catalogue, in one town: what its devices report, in order, until they shut down.

Whoever adds a rule adds its story: `engine/test_every_rule_in_any_order` asks for it, and holds it to its properties.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from devices.city.model import City, Device, DeviceRole
from devices.city.sites import Route
from devices.geo.gcj02 import gcj02_of
from devices.geo.geometry import LatLon
from devices.readings.ids import MANIFESTS
from devices.readings.models import Position, Reading, Status
from tests.rules.detectors.sites.test_station_backlog import Line
from tests.rules.manifests.trips import action, terms
from tests.rules.test_evidence_agrees import CITY, told
from tests.rules.town import Trip, fills, road, ticket

Story = dict[str, list[Reading]]
"""By device, each in order."""

_EMPTY: Final[dict[str, Any]] = {"load": "empty", "load_kg": 0.0}
LOADED: Final[dict[str, Any]] = {"load": "loaded", "load_kg": 12_000.0, "lift_up": False, "cover_open": False}
PLAIN: Final[City] = replace(CITY, zones=(), permits=tuple(replace(one, hours=(), area_ids=()) for one in CITY.permits))
"""The same town without hours and areas, where a story is about nothing of this."""
NORTHWARD: Final[City] = replace(
    PLAIN, routes=(Route("R1", 1, "North road", "北路", road((0, 0), (0, 10_000)), "source", "tip"),)
)
"""Its road leads north, so that the shift between the datums leads off it."""


WITH_FOUR_BRIDGES: Final[City] = replace(
    PLAIN,
    devices={
        **PLAIN.devices,
        **{
            device_id: Device(device_id, DeviceRole.WEIGHBRIDGE, site_id=site_id, report_interval_s=300)
            for device_id, site_id in (("W0", "source"), ("W2", "source"), ("W3", "tip"))
        },
    },
)
"""Two bridges at the source and two at the tip."""


def _dump() -> list[Trip]:
    trip = Trip("T2", 0, 0, at_s=3, **LOADED).drive(3_000, 0).now(cover_open=True).stand(40).stand(80, lift_up=True)
    return [
        trip.now(load_kg=300.0, load="empty").stand(60, lift_up=True).stand(60).now(cover_open=False).drive(9_800, 0)
    ]


def _raised_bed() -> list[Trip]:
    trip = Trip("T4", 4_900, 0, at_s=1, load="empty", load_kg=200.0, lift_up=False).drive(3_000, 0).stand(30)
    return [trip.stand(60, lift_up=True).stand(200).drive(500, 0)]


def _deviation() -> list[Trip]:
    trip = Trip("T1", 0, 0, load="loaded").stand(60).drive(4_000, 0).drive(4_000, 1_500).drive(4_000, 0)
    return [trip.drive(9_990, 0).stand(200)]


def _hidden_site() -> list[Trip]:
    trips = [Trip(f"T{n}", 500, 0, at_s=n * 2_400, load="loaded").drive(3_000, 0) for n in (1, 2, 3, 4)]
    return [trip.drive(3_000, -1_500).stand(160).drive(3_000, 0).drive(9_990, 0).stand(200) for trip in trips]


def _zones(aside: int) -> list[Trip]:
    return [told([("aside", aside), ("drive", 1_500), ("stand", 30), ("aside", 0), ("drive", 900)], 10)]


def _areas() -> list[Trip]:
    steps: list[tuple[str, Any]] = [("load_kg", 390.0), ("drive", 3_000), ("stand", 20), ("load_kg", 8_700.0)]
    return [told([*steps, ("stand", 20), ("drive", 1_000), ("stand", 20), ("drive", -3_000)], 10)]


def _hauls() -> list[Trip]:
    steps: list[tuple[str, Any]] = [("load_kg", 390.0), ("drive", 3_000), ("stand", 20), ("load_kg", 6_000.0)]
    return [told([*steps, ("stand", 20), ("drive", 1_000), ("stand", 20), ("load_kg", 8_700.0), ("stand", 20)], 10)]


def _leap() -> list[Trip]:
    trip = Trip("T1", 0, 0).drive(3_000, 0)
    trip.y += 5_000
    trip.drive(4_000, 5_000)
    trip.y -= 5_000
    return [trip.drive(8_000, 0)]


def _chatter() -> list[Trip]:
    trip = Trip("T1", 3_000, 0, every_s=5, **LOADED).stand(60)
    for n in range(10):
        trip.stand(5, lift_up=n % 2 == 0)
    return [trip.stand(900)]


def _gcj02() -> list[Trip]:
    trip = Trip("T1", 0, 300).drive(0, 6_000)
    trip.readings = [_in_gcj02(reading) for reading in trip.readings]
    return [trip]


def _in_gcj02(reading: Reading) -> Reading:
    assert isinstance(reading, Position)
    shifted = gcj02_of(LatLon(reading.lat, reading.lon))
    return msgspec.structs.replace(reading, lat=shifted.lat, lon=shifted.lon)


def _tickets(*readings: Reading) -> Story:
    trip = Trip("T1", 8_000, 0).drive(9_990, 0).stand(900).now(**_EMPTY).stand(60)
    return {"T1": trip.readings, "W1": list(readings)}


def _overdue() -> Story:
    """Its load comes to the tip an hour late; the clock says so before."""
    trip = Trip("T1", 0, 0, load="loaded").stand(120).drive(3_000, 0).stand(5_000).drive(9_990, 0).stand(120)
    papers: list[Reading] = [
        action("issue", 20, 1, terms=terms(0, 1_800)),
        action("confirm_source", 100, 2),
        action("check", 4_500, 3),
    ]
    return {"T1": trip.now(**_EMPTY).stand(60).readings, MANIFESTS: papers}


def _of(trips: Callable[[], Iterable[Trip]]) -> Callable[[], Story]:
    """At the end each truck is empty: a loaded one that shuts down is missed."""
    return lambda: {trip.truck: trip.now(**_EMPTY).stand(60).readings for trip in trips()}


def _shortfall() -> Story:
    """Loaded with 15 t, weighed in with 13.4 t; then a second trip that lost nothing, and the first is told alone."""
    trip = Trip("T1", 0, 0, **LOADED).stand(120).drive(9_990, 0).stand(300).now(**_EMPTY).stand(120).drive(0, 0)
    trip.stand(300).now(**LOADED).stand(60).drive(9_990, 0).stand(300).now(**_EMPTY).stand(120)
    weighed = (
        ticket("T1", 100, net_kg=15_000, direction="out", ticket="A1", device="W0"),
        ticket("T1", 1_100, net_kg=13_400, ticket="B1", device="W1"),
        ticket("T1", 2_450, net_kg=15_000, direction="out", ticket="A2", device="W2"),
        ticket("T1", 3_400, net_kg=14_900, ticket="B2", device="W3"),
    )
    # One ticket a bridge: between two it would be silent, and for how long depends on when they arrive.
    return {"T1": trip.readings, **{one.device_id: [one] for one in weighed}}


def _points(*rows: list[Reading]) -> Story:
    return {row[0].device_id: row for row in rows}


STORIES: Final[Mapping[str, tuple[City, Callable[[], Story]]]] = {
    "illegal_dumping": (PLAIN, _of(_dump)),
    "bed_raised_outside": (PLAIN, _of(_raised_bed)),
    "route_deviation": (PLAIN, _of(_deviation)),
    "suspected_site": (PLAIN, _of(_hidden_site)),
    "forbidden_zone": (CITY, _of(lambda: _zones(700))),
    "left_jurisdiction": (CITY, _of(lambda: _zones(-900))),
    "outside_permitted_area": (CITY, _of(_areas)),
    "mixed_haulage": (PLAIN, _of(_hauls)),
    "stopped_loaded": (PLAIN, _of(lambda: [Trip("T1", 500, 0, load="loaded").drive(4_000, 0).stand(900)])),
    "uncovered_load": (
        PLAIN,
        _of(lambda: [Trip("T1", 500, 0, **LOADED).drive(2_000, 0).now(cover_open=True).drive(5_000, 0)]),
    ),
    "restricted_hours": (CITY, _of(lambda: [told([("stand", 30), *[("drive", 1_500)] * 5, ("stand", 40)], 10)])),
    "speeding": (PLAIN, _of(lambda: [Trip("T1", 500, 0).drive(2_000, 0).drive(6_000, 0, kmh=130).stand(60)])),
    "manifest_overdue": (PLAIN, _overdue),
    "silent_device": (
        PLAIN,
        _of(lambda: [Trip("T3", 100, 0, at_s=7, load="loaded").stand(300).quiet(1_200).stand(300)]),
    ),
    "bin_fire": (
        PLAIN,
        lambda: _points(
            [
                fills([30.0], point="P02", every_s=60, start_s=60 * n, temperature_c=temperature_c)[0]
                for n, temperature_c in enumerate([20.0] * 5 + [75.0] * 8 + [20.0] * 30)
            ]
        ),
    ),
    "bin_overflow": (
        PLAIN,
        lambda: _points(fills([50, 70, 85, 88, 91, 93, 96, 97, 20, 15], point="P24", every_s=300, deposits=4)),
    ),
    "deposit_outside_hours": (CITY, lambda: _points(fills([33.0] * 30, point="P03", every_s=120, deposits=1))),
    "station_backlog": (PLAIN, lambda: {"L1": Line().works(5).works(20, 95).works(5, 80).works(5, 60).readings}),
    "weighbridge_integrity": (
        PLAIN,
        lambda: _tickets(ticket("T1", 300, ticket="A1"), ticket("T1", 400, ticket="A2")),
    ),
    "mass_shortfall": (WITH_FOUR_BRIDGES, _shortfall),
    "unknown_plate": (PLAIN, lambda: _tickets(ticket("T1", 300), ticket("T1", 700, ticket="B", plate="晋E99999"))),
    "gnss_anomaly": (PLAIN, _of(_leap)),
    "sensor_fault": (PLAIN, _of(_chatter)),
    "cannot_be_judged": (
        PLAIN,
        _of(lambda: [Trip("T1", 500, 0, load="loaded").drive(2_000, 0).stand(1_500, located=False).stand(200)]),
    ),
    "device_datum": (NORTHWARD, _of(_gcj02)),
    "device_clock": (PLAIN, _of(lambda: [Trip("T1", 500, 0, at_s=-7_200).stand(900)])),
}
"""By rule: the town, and what its devices report."""
TWO_HOURS_BEHIND: Final = {"device_clock": 7_200_000}
"""Stories of a wrong clock, ms: their readings arrive so long after their device time."""


def story_of(rule: str) -> Story:
    """What each device of the story measures. At the end it says that it shuts down."""
    story = {device_id: list(readings) for device_id, readings in STORIES[rule][1]().items()}
    for device_id, readings in story.items():
        end_ms = readings[-1].ts + 5_000
        if device_id == MANIFESTS:
            continue
        readings.append(Status(device_id=device_id, ts=end_ms, online=False, session=1, cause="shutdown"))
    return story
