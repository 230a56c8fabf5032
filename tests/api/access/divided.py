"""A city of two sides: one that a limited person may see, and one with OTHER in all of its names."""

from typing import Any, Final

from shapely import LineString, box

from api.ports import ApiParts
from devices.city.model import Area, City, Device, DeviceRole, Permit, Vehicle
from devices.city.sites import Route, Site, SiteKind, Zone, ZoneKind
from devices.geo.geometry import LatLon
from devices.people.model import Visibility
from rules.attachments.model import Owner, OwnerKind
from rules.attachments.store import AttachmentStore
from rules.cases.model import CaseKind, NewCase
from rules.public_reports.model import Category, Channel, NewReport
from rules.suspected_sites.model import Cluster, PlaceKind
from tests.api.access.test_roles import TABLE
from tests.api.fakes import NOW, T0, change
from tests.rules.attachments.pictures import photo

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


def filled(path: str, truck: str, number: int) -> str:
    """The path with the parameters of one truck."""
    in_path = {
        "{device_id}": truck,
        "{vehicle_id}": truck.replace("truck", "v"),
        "{kind}": "position",
        "{alert_id}": alert_of(truck).alert_id,
        "{command_id}": f"{number:016x}",
        "{letter_id}": str(number + 1),
        "{version}": "1",
        "{number}": str(number + 1),
        "{case_number}": f"2026-{number + 1:06}",
    }
    for name, value in in_path.items():
        path = path.replace(name, value)
    return path


GETS: Final = [line.split()[1] for line in TABLE if line.startswith(("GET /api", "GET /geo"))]
TIMED: Final = ("track", "tracks", "{kind}", "weighings")
WITHOUT_TRUCKS: Final = {
    "/api/v1/rule-sets/{version}",
    "/api/v1/rule-sets/{version}/differences",
    "/api/v1/alerts/stream",
    "/api/v1/alerts/{alert_id}/evidence-pack",
    *(line.split()[1] for line in TABLE if line.startswith("GET /api/v1/base-map") or "{attachment_id}" in line),
    *(line.split()[1] for line in TABLE if line.startswith("GET /api/v1/report") and "{" in line),
}
"""Rule sets, the base map and QR codes have no object of a truck; stream, pack and files have tests of their own below,
and reports, which go by district, in `tests/api/public_reports`."""


def open_case_of(truck: str, parts: ApiParts, attachments: AttachmentStore) -> None:
    """The alert of a truck is taken up; alert and case have a photo each."""
    owner = Owner(OwnerKind.ALERT, alert_of(truck).alert_id)
    attachments.put(owner, f"{truck}.jpg", [photo(exif=False)], "li", NOW)
    opened = parts.cases.open_case(
        NewCase(kind=CaseKind.ALERT, title=f"of {truck}", alerts=(alert_of(truck).alert_id,)), "li", NOW
    )
    attachments.put(Owner(OwnerKind.CASE, opened.case.number), f"{truck}.jpg", [photo(exif=False)], "li", NOW)


def report_to_the_others(parts: ApiParts) -> None:
    """Somebody of the public reports something in the others' district."""
    parts.public_reports.reports.add(
        NewReport(
            channel=Channel.WEB, category=Category.DUMPING, text="OTHER", seen_at=NOW, lat=35.5, lon=112.8,
            district="d-OTHER", address="OTHER", received_at=NOW,
        )
    )  # fmt: skip
