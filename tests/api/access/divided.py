"""A city of two sides: one that a limited person may see, and one with OTHER in all of its names."""

from hashlib import blake2b
from typing import Any, Final

from shapely import LineString, box

from devices.city.model import Area, City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Route, Site, SiteKind, Zone, ZoneKind
from devices.geo.geometry import LatLon
from devices.people.model import Visibility
from devices.readings.models import Weighing
from rules.suspected_sites.model import Cluster, PlaceKind
from tests.api.fakes import T0, change

OWN, OTHER = "truck-own", "truck-OTHER"
WORKS: Final = SiteKind.CONSTRUCTION_SITE
OF_DISTRICT: Final = Visibility(districts=frozenset({"zezhou"}))
OF_HAULIER: Final = Visibility(hauliers=frozenset({"danhe"}))
OF_BOTH: Final = Visibility(frozenset({"zezhou"}), frozenset({"danhe"}))
BRIDGE: Final = Device("bridge-1", DeviceRole.WEIGHBRIDGE, site_id="landfill", district="elsewhere")
"""Weighs the trucks of everybody. Nobody of the limited sees it; each sees the weighings of his own trucks."""
LIMITS: Final = {"district": OF_DISTRICT, "haulier": OF_HAULIER, "both": OF_BOTH}


def divided_city() -> City:
    """Two trucks, each with vehicle, permit, route, sites of its own, and a common landfill."""
    line = LineString([(112.80, 35.50), (112.90, 35.40)])
    return City(
        id="divided",
        name="Divided",
        name_zh="分城",
        timezone="Asia/Shanghai",
        centre=LatLon(35.45, 112.85),
        devices={
            OWN: Device(OWN, DeviceRole.TRUCK, vehicle_id="v-own", fleet="danhe", district="zezhou"),
            OTHER: Device(OTHER, DeviceRole.TRUCK, vehicle_id="v-OTHER", fleet="f-OTHER", district="d-OTHER"),
            "point-OTHER": Device(
                "point-OTHER", DeviceRole.RECYCLING_POINT, site_id="works-OTHER", fleet="f-OTHER", district="d-OTHER"
            ),
        },
        vehicles={
            "v-own": Vehicle("v-own", "晋E10001", "Danhe"),
            "v-OTHER": Vehicle("v-OTHER", "晋OTHER", "OTHER Ltd"),
        },
        sites={
            "works-own": Site("works-own", WORKS, "Works", "工地", box(112.8, 35.5, 112.81, 35.51), "zezhou"),
            "works-OTHER": Site("works-OTHER", WORKS, "OTHER", "他", box(112.7, 35.5, 112.71, 35.51), "d-OTHER"),
            "landfill": Site("landfill", SiteKind.LANDFILL, "Landfill", "填埋场", box(112.9, 35.4, 112.91, 35.41)),
        },
        routes=(
            Route("r-own", 1, "Own", "自", line, "works-own", "landfill"),
            Route("r-OTHER", 1, "OTHER", "他", line, "works-OTHER", "landfill"),
        ),
        permits=(
            Permit("p-own", "v-own", route_ids=("r-own",), area_ids=("a-own",)),
            Permit("p-OTHER", "v-OTHER", route_ids=("r-OTHER",), area_ids=("a-OTHER",)),
        ),
        zones=tuple(
            Zone(name, 1, kind, name, name, box(112.84, 35.49, 112.86, 35.5))
            for name, kind in (
                ("old-town", ZoneKind.FORBIDDEN),
                ("a-own", ZoneKind.PERMITTED_AREA),
                ("a-OTHER", ZoneKind.PERMITTED_AREA),
            )
        ),
        districts=(Area("zezhou", "Zezhou", "泽州"), Area("d-OTHER", "OTHER", "他")),
        fleets=(Area("danhe", "Danhe", "丹河"), Area("f-OTHER", "OTHER", "他")),
    )  # fmt: skip


def weighed(number: int, plate: str) -> Weighing:
    return Weighing(
        device_id=BRIDGE.id, ts=T0 + 60_000 * number, gross_kg=30_000.0, tare_kg=12_000.0, ticket=f"{number}",
        direction="in", plate=plate,
    )  # fmt: skip


def session_of(number: int) -> str:
    """Id of the weighing session of a truck."""
    return blake2b(f"{BRIDGE.id}|{T0 + 60_000 * number}".encode(), digest_size=8).hexdigest()


def alert_of(subject: str) -> Any:
    return change(subject=subject)


def cluster(*trucks: str, at: int) -> Cluster:
    return Cluster(
        kind=PlaceKind.DUMP,
        place=LatLon(35.3 + at / 10, 112.7),
        radius_m=50.0,
        first_seen=T0,
        last_seen=T0 + at,
        trucks=trucks,
        visits=4,
        days=3,
        hours=(4, *[0] * 23),
        alerts=tuple(alert_of(truck).alert_id for truck in trucks),
    )
