"""Generator of the demonstration city: `python -m devices.cities.generate_jincheng` rewrites its folder.

The sites and their rough places follow Jincheng's published zero-waste plan. Every outline, route, plate and device is
invented, and the same at each run. Sites and roads are placed by bearing and distance from the centre.
"""

import json
import math
import random
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from devices.cities import JINCHENG
from devices.geo.geometry import XY, LatLon, LocalPlane

CENTRE: Final = LatLon(lat=35.49, lon=112.85)
VALID_FROM: Final = "2020-01-01"
VERTEX_SPACING_M: Final = 80.0

_PLANE: Final = LocalPlane(CENTRE)
_COUNTIES: Final = {
    "gaoping": ("Gaoping", "高平", LatLon(lat=35.798, lon=112.924)),
    "zezhou": ("Zezhou", "泽州", LatLon(lat=35.56, lon=112.96)),
    "yangcheng": ("Yangcheng", "阳城", LatLon(lat=35.486, lon=112.415)),
    "qinshui": ("Qinshui", "沁水", LatLon(lat=35.69, lon=112.187)),
    "lingchuan": ("Lingchuan", "陵川", LatLon(lat=35.776, lon=113.281)),
}
_DISTRICTS: Final = (
    ("urban", "Urban district", "城区"),
    *((county, name, zh) for county, (name, zh, _) in _COUNTIES.items()),
)
_STREETS: Final = (
    ("Fengtai Street", "凤台街"), ("Zezhou Road", "泽州路"), ("Xinshi Street", "新市街"), ("Huanghua Street", "黄华街"),
    ("Wenchang Street", "文昌街"), ("Zhongyuan Street", "中原街"), ("Baishui Street", "白水街"),
    ("Hongxing Street", "红星街"), ("Shuyuan Street", "书院街"), ("Taiyue Street", "太岳街"),
)  # fmt: skip
_SPOIL_GROUNDS: Final = {
    ("nw", "Northwest", "西北"): ((302, 8.2), (318, 9.4), (334, 7.6), (350, 9.0)),
    ("w", "West", "西部"): ((252, 8.6), (272, 9.3), (287, 7.4)),
    ("s", "South", "南部"): ((170, 9.0), (184, 7.4), (198, 9.6), (228, 8.4)),
    ("ne", "Northeast", "东北"): ((28, 7.8), (46, 9.2), (64, 8.6)),
}
_HAULS: Final = (
    # (bearing, km) of the construction site, destination of its waste, number of trucks
    ((302, 2.2), "spoil-nw-1", 3), ((334, 2.2), "spoil-nw-3", 3), ((272, 2.2), "spoil-w-2", 2),
    ((228, 2.2), "spoil-s-4", 2), ((198, 2.2), "spoil-s-3", 2), ((170, 2.2), "spoil-s-1", 2),
    ((28, 2.2), "spoil-ne-1", 3), ((64, 2.2), "spoil-ne-3", 2), ((140, 2.2), "plant-wangjiang", 3),
    ((102, 5.2), "plant-wangjiang", 2),
)  # fmt: skip
_FLEETS: Final = (
    # id, carrier, its short Chinese name, bearing of its depot
    ("taihang", "Taihang Muck Haulage 太行渣土运输", "太行", 12),
    ("danhe", "Danhe Environmental Haulage 丹河环保运输", "丹河", 88),
    ("fengtai", "Fengtai Earthworks 凤台土石方", "凤台", 213),
    ("qinhe", "Qinhe Muck Haulage 沁河渣土运输", "沁河", 252),
)
_AREA_FLEET: Final = "taihang"
"""The fleet whose permits name the area in which it may collect."""
_CENTRAL_PLACES: Final = (
    # id, kind, name, Chinese name, district, (bearing, km), radius in metres
    ("plant-wangjiang", "recycling_plant", "Wangjiang recycling plant", "王江资源化利用厂", "zezhou", (140, 9.6), 180),
    ("mobile-urban", "recycling_plant", "Urban mobile recycling site", "城区移动资源化点", "urban", (46, 3.4), 85),
    ("sorting-dongtianshi", "sorting_centre", "Dongtianshi sorting centre", "东田石分拣中心", "urban", (46, 5.6), 110),
    (
        "sorting-xishangzhuang",
        "sorting_centre",
        "Xishangzhuang metals centre",
        "西上庄金属分拣中心",
        "urban",
        (287, 4.4),
        110,
    ),
    ("sorting-dongshangzhuang", "sorting_centre", "Dongshangzhuang centre", "东上庄分拣中心", "urban", (88, 6.6), 110),
    ("landfill-urban", "landfill", "Urban landfill", "城区填埋场", "urban", (318, 6.2), 160),
    ("incineration-zezhou", "incineration_plant", "Zezhou incineration", "泽州焚烧发电厂", "zezhou", (155, 7.0), 150),
    ("wash-north", "wash_bay", "North wash bay", "北部洗车点", "urban", (350, 5.0), 80),
    ("wash-south", "wash_bay", "South wash bay", "南部洗车点", "urban", (184, 4.6), 80),
)
_DEPOSIT_HOURS: Final = {"gaoping": ["06:30-09:00", "17:30-20:30"]}
"""By district. Points elsewhere are open at any time."""
_WEIGHBRIDGES: Final = ("plant-wangjiang", "spoil-nw-1", "spoil-s-1")
_LINES: Final = ("sorting-dongtianshi", "transfer-lingchuan")


_BORDER_M: Final = 8_000.0
"""Metres from the outermost sites to the border of the city."""


class Place(NamedTuple):
    """A site to draw."""

    id: str
    kind: str
    name: str
    name_zh: str
    district: str
    middle: XY
    radius_m: float


def write_city(directory: Path) -> None:
    """Write the city's files; the same bytes at each run."""
    rng = random.Random(20200101)  # noqa: S311 - not a secret
    places = _places(rng)
    by_id = {place.id: place for place in places}
    sites = [_site(place, rng) for place in places]
    routes = [_route(number, by_id, rng) for number in range(1, len(_HAULS) + 1)]
    trucks = [number for number, haul in enumerate(_HAULS, start=1) for _ in range(haul[2])]
    head = {"id": "jincheng", "name": "Jincheng", "name_zh": "晋城", "timezone": "Asia/Shanghai"}
    areas = {
        "districts": [{"id": area, "name": name, "name_zh": zh} for area, name, zh in _DISTRICTS],
        "fleets": [
            {"id": fleet, "name": " ".join(carrier.split()[:-1]), "name_zh": carrier.split()[-1]}
            for fleet, carrier, _, _ in _FLEETS
        ],
    }
    _write_yaml(directory / "city.yaml", head | {"centre": [CENTRE.lon, CENTRE.lat], "datum": "wgs84"} | areas)
    _write_geojson(directory / "sites.geojson", sites)
    _write_geojson(directory / "routes.geojson", routes)
    _write_geojson(directory / "zones.geojson", _zones(places))
    _write_geojson(directory / "gates.geojson", [_gate(by_id[site]) for site in _WEIGHBRIDGES])
    _write_yaml(directory / "hauliers.yaml", _hauliers())
    _write_yaml(directory / "licences.yaml", [_licence()])
    _write_yaml(directory / "drivers.yaml", [_driver(truck) for truck in range(1, len(trucks) + 1)])
    _write_yaml(directory / "vehicles.yaml", [_vehicle(truck, rng) for truck in range(1, len(trucks) + 1)])
    _write_yaml(directory / "permits.yaml", [_permit(truck, route) for truck, route in enumerate(trucks, start=1)])
    _write_yaml(directory / "devices.yaml", _devices(len(trucks), places))


def _places(rng: random.Random) -> list[Place]:
    found = [
        Place(
            f"spoil-{slug}-{n}",
            "disposal_site",
            f"{name} spoil ground {n}",
            f"{zh}{n}号弃土场",
            "zezhou",
            _at(*at),
            165,
        )
        for (slug, name, zh), spots in _SPOIL_GROUNDS.items()
        for n, at in enumerate(spots, start=1)
    ]
    for n, (haul, (street, zh)) in enumerate(zip(_HAULS, _STREETS, strict=True), start=1):
        middle = _at(*haul[0])
        found.append(Place(f"works-{n:02}", "construction_site", f"{street} works", f"{zh}工地", "urban", middle, 95))
    for fleet, carrier, zh, bearing_deg in _FLEETS:
        name = f"{carrier.split()[0]} depot"
        found.append(Place(f"depot-{fleet}", "depot", name, f"{zh}停车场", "urban", _at(bearing_deg, 4.6), 90))
    for place_id, kind, name, zh, district, at, radius_m in _CENTRAL_PLACES:
        found.append(Place(place_id, kind, name, zh, district, _at(*at), radius_m))
    return [*found, *_county_places(), *_recycling_points(rng)]


def _county_places() -> list[Place]:
    found = []
    for slug, (name, zh, seat) in _COUNTIES.items():
        kinds = [
            ("mobile", "recycling_plant", "mobile recycling site", "移动资源化点", (80, 2.4), 85),
            ("sorting", "sorting_centre", "sorting centre", "分拣中心", (170, 2.0), 110),
        ]
        if slug != "zezhou":
            kinds.append(("landfill", "landfill", "landfill", "填埋场", (320, 3.2), 150))
        if slug in {"lingchuan", "qinshui"}:
            kinds.append(("transfer", "transfer_station", "transfer station", "转运站", (240, 1.8), 100))
        for stem, kind, what, what_zh, at, radius_m in kinds:
            middle = _from(_PLANE.xy(seat), *at)
            found.append(Place(f"{stem}-{slug}", kind, f"{name} {what}", f"{zh}{what_zh}", slug, middle, radius_m))
    return found


def _recycling_points(rng: random.Random) -> list[Place]:
    """Return 18 points on two rings in the town, and three in each county town except Zezhou's."""
    spots = [("urban", _at(step * 40 + rng.uniform(-8, 8), km)) for km in (0.6, 1.4) for step in range(9)]
    for slug, (_, _, seat) in _COUNTIES.items():
        if slug != "zezhou":
            spots += [(slug, _from(_PLANE.xy(seat), step * 120 + rng.uniform(-30, 30), 0.6)) for step in range(3)]
    return [
        Place(f"recycling-{n:03}", "recycling_point", f"Smart recycling point {n}", f"{n}号智能回收点", slug, spot, 12)
        for n, (slug, spot) in enumerate(spots, start=1)
    ]


def _site(place: Place, rng: random.Random) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "id": place.id, "kind": place.kind, "name": place.name, "name_zh": place.name_zh, "district": place.district,
    }  # fmt: skip
    if streams := _streams(place):
        properties["streams"] = streams
    if place.kind == "recycling_point":
        hours = _DEPOSIT_HOURS.get(place.district)
        properties |= {"radius_m": place.radius_m} | ({"deposit_hours": hours} if hours else {})
        return _feature(properties, "Point", _lon_lat(place.middle))
    corners = [
        _lon_lat(_from(place.middle, step * 45 + rng.uniform(-14, 14), place.radius_m * rng.uniform(0.85, 1.1) / 1000))
        for step in range(8)
    ]
    return _feature(properties, "Polygon", [[*reversed(corners), corners[-1]]])


def _streams(place: Place) -> list[str]:
    """What trucks collect there: of works that of their destination, of points paper and plastic."""
    if place.kind == "recycling_point":
        return ["paper", "plastic"]
    if place.kind == "construction_site":
        destination = _HAULS[int(place.id.removeprefix("works-")) - 1][1]
        return ["site_waste", "demolition"] if destination == "plant-wangjiang" else ["spoil"]
    return []


def _route(number: int, places: dict[str, Place], rng: random.Random) -> dict[str, Any]:
    """Draw a winding road from the middle of the construction site to the middle of the destination."""
    origin, destination = places[f"works-{number:02}"], places[_HAULS[number - 1][1]]
    start, end = origin.middle, destination.middle
    bends = [
        (sway_m * rng.choice((-1, 1)) * rng.uniform(0.6, 1), waves)
        for sway_m, waves in ((350, 1), (220, 2), (110, 4), (45, 9))
    ]
    length_m = start.distance_m(end)
    east, north = (end.x - start.x) / length_m, (end.y - start.y) / length_m
    steps = round(length_m / VERTEX_SPACING_M)
    line = []
    for step in range(steps + 1):
        share = step / steps
        sway_m = sum(amplitude_m * math.sin(waves * math.pi * share) for amplitude_m, waves in bends)
        along_m = share * length_m
        line.append(_lon_lat(XY(start.x + along_m * east - sway_m * north, start.y + along_m * north + sway_m * east)))
    properties = {
        "id": f"route-{number:02}",
        "name": f"{origin.name} to {destination.name}",
        "name_zh": f"{origin.name_zh}—{destination.name_zh}",
        "origin": origin.id,
        "destination": destination.id,
        "limit_kmh": 50,
    }
    return _feature(properties, "LineString", line)


def _zones(places: list[Place]) -> list[dict[str, Any]]:
    """The old town, where no route leads, an area around everything, and one in which a fleet may collect."""
    east, north = [place.middle.x for place in places], [place.middle.y for place in places]
    low = XY(min(east) - _BORDER_M, min(north) - _BORDER_M)
    high = XY(max(east) + _BORDER_M, max(north) + _BORDER_M)
    corners = [_lon_lat(XY(*corner)) for corner in ((low.x, low.y), (high.x, low.y), (high.x, high.y), (low.x, high.y))]
    old_town = {"id": "old-town", "kind": "forbidden", "name": "Old town", "name_zh": "老城区", "radius_m": 1100}
    city = {"id": "jincheng", "kind": "jurisdiction", "name": "Jincheng", "name_zh": "晋城市"}
    works = {"id": "urban-works", "kind": "permitted_area", "name": "Urban works", "name_zh": "城区工地片区"}
    return [
        _feature(old_town, "Point", _lon_lat(XY(0, 0))),
        _feature(city, "Polygon", [[*corners, corners[0]]]),
        _feature(works | {"radius_m": 7000}, "Point", _lon_lat(XY(0, 0))),
    ]


def _gate(place: Place) -> dict[str, Any]:
    """The gate towards the town, where the weighbridge is."""
    away_m = math.hypot(place.middle.x, place.middle.y)
    share = 1 - place.radius_m / away_m
    properties = {
        "id": f"gate-{place.id}", "name": f"{place.name}, gate", "name_zh": f"{place.name_zh}大门", "site": place.id,
    }  # fmt: skip
    return _feature(properties, "Point", _lon_lat(XY(place.middle.x * share, place.middle.y * share)))


def _hauliers() -> list[dict[str, Any]]:
    return [
        {
            "id": f"haulier-{fleet}",
            "name": " ".join(carrier.split()[:-1]),
            "name_zh": carrier.split()[-1],
            "fleet": fleet,
            "valid_from": VALID_FROM,
        }
        for fleet, carrier, _, _ in _FLEETS
    ]


def _licence() -> dict[str, Any]:
    """The right of one haulier to collect in the area that the permits of its trucks name."""
    return {
        "id": "licence-1",
        "haulier": f"haulier-{_AREA_FLEET}",
        "areas": ["urban-works"],
        "streams": ["site_waste", "spoil"],
        "valid_from": VALID_FROM,
    }


def _driver(truck: int) -> dict[str, Any]:
    """Numbers in place of names: nobody is meant."""
    return {
        "id": f"driver-{truck:03}",
        "name": f"驾驶员{truck:03}",
        "haulier": f"haulier-{_FLEETS[truck % 4][0]}",
        "valid_from": VALID_FROM,
    }


def _vehicle(truck: int, rng: random.Random) -> dict[str, Any]:
    return {
        "id": f"vehicle-{truck:03}",
        "plate": f"晋E·D{100 + truck:04}",
        "haulier": f"haulier-{_FLEETS[truck % 4][0]}",
        "carrier": _FLEETS[truck % 4][1],
        "tare_kg": float(rng.randrange(12_400, 14_800, 20)),
        "payload_kg": 16_000.0,
        "valid_from": VALID_FROM,
    }


def _permit(truck: int, route: int) -> dict[str, Any]:
    return {
        "id": f"permit-{truck:03}",
        "vehicle": f"vehicle-{truck:03}",
        "routes": [f"route-{route:02}"],
        "sites": [_HAULS[route - 1][1]],
        **({"areas": ["urban-works"]} if _FLEETS[truck % 4][0] == _AREA_FLEET else {}),
        "valid_from": VALID_FROM,
    }


def _devices(trucks: int, places: list[Place]) -> list[dict[str, Any]]:
    district_of = {place.id: place.district for place in places}
    points = [place.id for place in places if place.kind == "recycling_point"]

    def fixed(
        role: str, stem: str, width: int, sites: tuple[str, ...] | list[str], interval_s: int
    ) -> list[dict[str, Any]]:
        return [
            {
                "id": f"{stem}-{n:0{width}}",
                "role": role,
                "site": site,
                "district": district_of[site],
                "report_interval_s": interval_s,
                "valid_from": VALID_FROM,
            }
            for n, site in enumerate(sites, start=1)
        ]

    moving = [
        {
            "id": f"truck-{truck:03}",
            "role": "truck",
            "vehicle": f"vehicle-{truck:03}",
            "fleet": _FLEETS[truck % 4][0],
            "district": "urban",
            "report_interval_s": 10,
            "valid_from": VALID_FROM,
        }
        for truck in range(1, trucks + 1)
    ]
    return [
        *moving,
        *fixed("weighbridge", "weighbridge", 2, _WEIGHBRIDGES, 60),
        *fixed("recycling_point", "point", 3, points, 120),
        *fixed("station_line", "line", 2, _LINES, 30),
    ]


def _at(bearing_deg: float, km: float) -> XY:
    return _from(XY(0, 0), bearing_deg, km)


def _from(place: XY, bearing_deg: float, km: float) -> XY:
    bearing = math.radians(bearing_deg)
    return XY(place.x + km * 1000 * math.sin(bearing), place.y + km * 1000 * math.cos(bearing))


def _lon_lat(place: XY) -> list[float]:
    """Round to six decimals: a tenth of a metre."""
    found = _PLANE.latlon(place)
    return [round(found.lon, 6), round(found.lat, 6)]


def _feature(properties: dict[str, Any], shape: str, coordinates: list[Any]) -> dict[str, Any]:
    properties = properties | {"valid_from": VALID_FROM, "illustrative": True}
    return {"type": "Feature", "properties": properties, "geometry": {"type": shape, "coordinates": coordinates}}


def _write_geojson(path: Path, features: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
    head = '{"type": "FeatureCollection", "haulwatch:datum": "wgs84", "features": ['
    path.write_text(f"{head}\n{lines}\n]}}\n", encoding="utf-8")


def _write_yaml(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=110), encoding="utf-8")


if __name__ == "__main__":
    write_city(JINCHENG)
