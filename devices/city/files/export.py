"""A city as its files: the inverse of `devices.city.files.folder`.

`haulwatch city export` writes them; the API shows and takes single entries in the same form. Geometries are WGS-84; a
round fence that was drawn as a Point is the Polygon that it became. Fields that have their default are left out.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml
from shapely import LineString, Polygon

from devices.city.files.fields import DeviceRow, ProfileRow, Row
from devices.city.files.haulage_fields import DriverRow, HaulierRow, LicenceRow, PermitRow, VehicleRow
from devices.city.files.sources import CSV, DATUM_MEMBER, GEOJSON, YAML
from devices.city.files.tables import write_csv
from devices.city.haulage import Driver, Haulier, Licence, LoadUnit, Permit, Vehicle
from devices.city.hours import Hours
from devices.city.model import Area, City, Device, Profile
from devices.city.sites import Gate, GateUse, Route, Site, Validity, Zone
from devices.geo.geometry import Datum
from devices.readings.decoding import NATIVE_DIALECT
from devices.readings.models import MAX_TS_MS, MIN_TS_MS

Fields = dict[str, Any]
"""An entry by the names of its fields, as YAML or JSON hold it."""

Versioned = Driver | Gate | Haulier | Licence | Permit | Route | Site | Vehicle | Zone

_MODELS: Final[Mapping[str, type[Row]]] = {
    "hauliers": HaulierRow,
    "drivers": DriverRow,
    "vehicles": VehicleRow,
    "profiles": ProfileRow,
    "devices": DeviceRow,
    "permits": PermitRow,
    "licences": LicenceRow,
}
_YAML_ONLY: Final = frozenset({"profiles"})
"""Lists whose entries do not fit into cells."""
_LINE_BREAKS: Final = "\n\r\x85\u2028\u2029"
_NEEDED: Final = frozenset({"sites", "routes", "vehicles", "devices", "permits"})
"""Files that every city has."""


def entries_of(city: City) -> dict[str, list[Fields]]:
    """The entries by the stem of their file, every version of each; those with a shape have it as `geometry`."""
    zone = ZoneInfo(city.timezone)
    vehicles = _in_order((*city.past_vehicles, *city.vehicles.values()))
    sites = _in_order((*city.past_sites, *city.sites.values()))
    return {
        "sites": [site_fields(site, zone) for site in sites],
        "routes": [route_fields(route, zone) for route in city.routes],
        "zones": [zone_fields(area, zone) for area in city.zones],
        "gates": [gate_fields(gate, zone) for gate in city.gates],
        "hauliers": [haulier_fields(haulier, zone) for haulier in city.hauliers],
        "drivers": [driver_fields(driver, zone) for driver in city.drivers],
        "vehicles": [vehicle_fields(vehicle, zone) for vehicle in vehicles],
        "profiles": [profile_fields(profile) for profile in city.profiles.values()],
        "devices": [device_fields(device, zone) for device in city.devices.values()],
        "permits": [permit_fields(permit, zone) for permit in city.permits],
        "licences": [licence_fields(licence, zone) for licence in city.licences],
    }


def contents_of(head: Fields, entries: Mapping[str, Sequence[Fields]]) -> dict[str, Any]:
    """The contents of the files by name, as `devices.city.files.sources` has them; of the lists, as YAML."""
    contents: dict[str, Any] = {"city.yaml": head}
    for stem, found in entries.items():
        if stem in _MODELS:
            if found or stem in _NEEDED:
                contents[stem + YAML] = list(found)
        elif found or stem in _NEEDED:
            contents[stem + GEOJSON] = _collection(found)
    return contents


def head_of(city: City) -> Fields:
    """The content of city.yaml."""
    return {
        "id": city.id,
        "name": city.name,
        "name_zh": city.name_zh,
        "timezone": city.timezone,
        "centre": [city.centre.lon, city.centre.lat],
        "datum": str(Datum.WGS84),
        "region_margin_km": city.region_margin_km,
    } | _given({"districts": _areas(city.districts), "fleets": _areas(city.fleets)})


def write_files(city: City, directory: Path, *, lists_as_csv: bool) -> list[Path]:
    """Write the files of a city into an empty folder, and return their paths. Raises OSError."""
    written = []
    for name, content in contents_of(head_of(city), entries_of(city)).items():
        stem, suffix = Path(name).stem, Path(name).suffix
        if suffix == GEOJSON:
            payload = _geojson(content)
        elif lists_as_csv and stem in _MODELS.keys() - _YAML_ONLY:
            name, payload = stem + CSV, write_csv(list(_MODELS[stem].model_fields), content)  # noqa: PLW2901
        else:
            payload = yaml.dump(content, Dumper=_Quoting, allow_unicode=True, sort_keys=False, width=120).encode()
        path = directory / name
        path.write_bytes(payload)
        written.append(path)
    return written


def site_fields(site: Site, zone: ZoneInfo) -> Fields:
    given = {"district": site.district, "deposit_hours": _hours(site.deposit_hours), "streams": list(site.streams)}
    return _drawn(site, zone) | {"kind": str(site.kind)} | _given(given) | {"geometry": _polygon(site.area)}


def route_fields(route: Route, zone: ZoneInfo) -> Fields:
    ends = {"origin": route.origin_site_id, "destination": route.destination_site_id}
    given = {
        "corridor_m": route.corridor_m,
        "limit_kmh": route.limit_kmh,
        "hours": _hours(route.hours),
        "standing_for": list(map(str, route.standing_for)),
    }
    return _drawn(route, zone) | ends | _given(given) | {"geometry": _line(route.line)}


def zone_fields(area: Zone, zone: ZoneInfo) -> Fields:
    return _drawn(area, zone) | {"kind": str(area.kind), "geometry": _polygon(area.area)}


def gate_fields(gate: Gate, zone: ZoneInfo) -> Fields:
    point = {"type": "Point", "coordinates": [gate.place.lon, gate.place.lat]}
    used = {} if gate.use is GateUse.BOTH else {"use": str(gate.use)}
    return _drawn(gate, zone) | {"site": gate.site_id} | used | {"geometry": point}


def haulier_fields(haulier: Haulier, zone: ZoneInfo) -> Fields:
    return _drawn(haulier, zone) | _given({"fleet": haulier.fleet})


def driver_fields(driver: Driver, zone: ZoneInfo) -> Fields:
    return _versioned(driver, zone) | {"name": driver.name} | _given({"haulier": driver.haulier_id})


def vehicle_fields(vehicle: Vehicle, zone: ZoneInfo) -> Fields:
    given = {
        "haulier": vehicle.haulier_id,
        "carrier": vehicle.carrier or None,
        "kind": str(vehicle.kind),
        "tare_kg": vehicle.tare_kg,
        "payload_kg": vehicle.payload_kg,
        "compartments": None if vehicle.compartments == 1 else vehicle.compartments,
        "lift_inverted": vehicle.lift_inverted or None,
        "cover_inverted": vehicle.cover_inverted or None,
        "load_unit": None if vehicle.load_unit is LoadUnit.KILOGRAM else str(vehicle.load_unit),
        "tags": list(vehicle.tags) or None,
    }
    return _versioned(vehicle, zone) | {"plate": vehicle.plate} | _given(given)


def device_fields(device: Device, zone: ZoneInfo) -> Fields:
    given = {
        "name": device.name or None,
        "vehicle": device.vehicle_id,
        "site": device.site_id,
        "fleet": device.fleet,
        "district": device.district,
        "datum": None if device.datum is Datum.WGS84 else str(device.datum),
        "clock_correction_s": device.clock_correction_s or None,
        "overflow_at_pct": device.overflow_at_pct,
        "model": device.model or None,
        "verification": device.verification or None,
        "verified_until": moment_text(device.verified_until_ms, zone),
        "dialect": None if device.dialect == NATIVE_DIALECT else device.dialect,
        "profile": device.profile or None,
        "depth_mm": device.depth_mm,
    }
    own = {"id": device.id, "role": str(device.role), "report_interval_s": device.report_interval_s}
    return own | _interval(device.validity, zone) | _given(given)


def profile_fields(profile: Profile) -> Fields:
    return {"id": profile.id, "dialect": profile.dialect, "settings": dict(profile.settings)}


def permit_fields(permit: Permit, zone: ZoneInfo) -> Fields:
    given = {
        "haulier": permit.haulier_id,
        "sources": list(permit.source_ids),
        "sites": list(permit.site_ids),
        "hours": _hours(permit.hours),
        "areas": list(permit.area_ids),
        "streams": list(permit.streams),
        "quantity_t": permit.quantity_t,
    }
    own = {"vehicle": permit.vehicle_id, "routes": list(permit.route_ids)}
    return _versioned(permit, zone) | own | _given(given)


def licence_fields(licence: Licence, zone: ZoneInfo) -> Fields:
    own = {"haulier": licence.haulier_id, "areas": list(licence.area_ids)}
    return _versioned(licence, zone) | own | _given({"streams": list(licence.streams)})


def moment_text(ms: int | None, zone: ZoneInfo) -> str | None:
    """A date-time with its offset, as files hold it; of an instant that no calendar has, the last or first moment of
    those that files take.
    """
    if ms is None:
        return None
    seconds, rest = divmod(min(max(ms, MIN_TS_MS), MAX_TS_MS), 1000)
    text = datetime.fromtimestamp(seconds, zone).replace(microsecond=rest * 1000)
    return text.isoformat(timespec="milliseconds" if rest else "seconds")


def _versioned(entity: Versioned, zone: ZoneInfo) -> Fields:
    version = {} if entity.version == 1 else {"version": entity.version}
    return {"id": entity.id} | version | _interval(entity.validity, zone)


def _drawn(entity: Gate | Haulier | Route | Site | Zone, zone: ZoneInfo) -> Fields:
    return _versioned(entity, zone) | {"name": entity.name, "name_zh": entity.name_zh}


def _interval(validity: Validity, zone: ZoneInfo) -> Fields:
    ends = {"valid_from": moment_text(validity.start_ms, zone), "valid_until": moment_text(validity.end_ms, zone)}
    return _given(ends)


def _given(fields: Fields) -> Fields:
    """Those that have a value."""
    return {name: value for name, value in fields.items() if value is not None and value != []}


def _hours(hours: Iterable[Hours]) -> list[str]:
    return list(map(str, hours))


def _areas(areas: Iterable[Area]) -> list[Fields]:
    return [{"id": area.id, "name": area.name, "name_zh": area.name_zh} for area in areas]


class _Quoting(yaml.SafeDumper):
    """Escapes in text what YAML takes for a line break: PyYAML reads it as a space elsewhere."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if any(char in _LINE_BREAKS for char in data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Quoting.add_representer(str, _Quoting.represent_str)


def _polygon(area: Polygon) -> Fields:
    rings = [[list(corner[:2]) for corner in ring.coords] for ring in (area.exterior, *area.interiors)]
    return {"type": "Polygon", "coordinates": rings}


def _line(line: LineString) -> Fields:
    return {"type": "LineString", "coordinates": [list(vertex[:2]) for vertex in line.coords]}


def _collection(entries: Iterable[Fields]) -> Fields:
    return {
        "type": "FeatureCollection",
        DATUM_MEMBER: str(Datum.WGS84),
        "features": [
            {
                "type": "Feature",
                "properties": {name: value for name, value in entry.items() if name != "geometry"},
                "geometry": entry["geometry"],
            }
            for entry in entries
        ],
    }


def _geojson(collection: Mapping[str, Any]) -> bytes:
    """One feature a line, so that two exports can be compared by lines."""
    members = {name: value for name, value in collection.items() if name != "features"}
    features = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in collection["features"])
    head = json.dumps(members, ensure_ascii=False)[:-1]
    return f'{head}, "features": [\n{features}\n]}}\n'.encode()


def _in_order(versions: Iterable[Any]) -> list[Any]:
    return sorted(versions, key=lambda one: (one.id, one.version))
