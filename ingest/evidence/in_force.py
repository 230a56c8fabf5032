"""What was in force when an alert was raised, and how far its devices can be believed.

Versions of fences, routes and permits are those of the revision of the city by which it was judged, at device time.
Clock and gaps are measured on the messages of the pack, so whoever holds it can measure them again.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import shapely
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from devices.city.columns import unpack_city
from devices.city.model import City, Device
from devices.city.sites import Route, Site, Validity, Zone
from devices.geo.geometry import LatLon
from devices.readings.models import Status
from ingest.evidence.readings import Fix, Heard
from ingest.ledger.device_health import DeviceHealth
from ingest.log.records import CITY_TOPIC, RULES_TOPIC, LogRecord
from rules.alerts.actions import AlertView
from rules.alerts.model import AlertChange

AROUND_M: Final = 500
"""Fences and routes within so far of the place or the track count as touched."""
_DEGREES_M: Final = 111_000
_KEPT_TRACK: Final = 2_000
"""Fixes of a track that are compared with fences."""


def judged_by(records: Sequence[LogRecord], topic: str, until: int | None) -> LogRecord:
    """The revision by which the last change was made: the last up to this offset."""
    found = [record for record in records if record.message.topic == topic]
    held = [record for record in found if until is None or record.offset <= until]
    return (held or found)[-1]


def city_of(records: Sequence[LogRecord], until: int | None = None) -> City:
    return unpack_city(judged_by(records, CITY_TOPIC, until).message.payload)


def rules_of(records: Sequence[LogRecord], until: int | None = None) -> LogRecord:
    return judged_by(records, RULES_TOPIC, until)


def in_force(city: City, change: AlertChange, track: Sequence[Fix], devices: Iterable[str]) -> dict[str, Any]:
    """Versions at the onset of the alert; geometries as GeoJSON in WGS-84."""
    at = change.onset or change.opened_at
    touched = shapely.geometry.MultiPoint([(place.lon, place.lat) for place in _places(change, track)])
    near = touched.buffer(AROUND_M / _DEGREES_M) if not touched.is_empty else touched
    sites = [site for site in (*city.past_sites, *city.sites.values()) if _holds(site.validity, site.area, at, near)]
    subject = city.devices.get(change.subject)
    own = {subject.site_id} if subject is not None else set()
    sites += [site for site in city.sites.values() if site.id in own and site not in sites]
    vehicle = city.vehicle_at(subject.vehicle_id, at) if subject is not None and subject.vehicle_id else None
    permits = city.permits_of(vehicle.id, at) if vehicle is not None else []
    approved = city.routes_of(vehicle.id, at) if vehicle is not None else []
    return {
        "at": at,
        "city": {"id": city.id, "name": city.name, "name_zh": city.name_zh, "revision": city.revision},
        "devices": [
            _device(city, city.devices[id_], at) for id_ in sorted(devices) if id_ in city.devices
        ],
        "vehicle": None if vehicle is None else {
            "id": vehicle.id, "plate": vehicle.plate, "carrier": vehicle.carrier, "kind": str(vehicle.kind),
            "version": vehicle.version, "tare_kg": vehicle.tare_kg, "payload_kg": vehicle.payload_kg,
        },
        "permits": [
            {
                "id": permit.id, "routes": list(permit.route_ids), "sites": list(permit.site_ids),
                "areas": list(permit.area_ids), "hours": [[one.start_min, one.end_min] for one in permit.hours],
                **_interval(permit.validity),
            }
            for permit in permits
        ],
        "routes": [_route(route) for route in approved],
        "fences": [_site(site) for site in sites],
        "zones": [_zone(zone) for zone in city.zones if _holds(zone.validity, zone.area, at, near)],
    }  # fmt: skip


def _places(change: AlertChange, track: Sequence[Fix]) -> list[LatLon]:
    places = [LatLon(change.lat, change.lon)] if change.lat is not None and change.lon is not None else []
    return places or [fix.place for fix in track[-_KEPT_TRACK:]]


def _holds(validity: Validity, area: shapely.Polygon, at: int, near: BaseGeometry) -> bool:
    return validity.covers(at) and not near.is_empty and bool(area.intersects(near))


def _interval(validity: Validity) -> dict[str, int | None]:
    return {"valid_from": validity.start_ms, "valid_until": validity.end_ms}


def _device(city: City, device: Device, at: int) -> dict[str, Any]:
    site = city.site_of(device, at)
    expires = device.verified_until_ms
    return {
        "id": device.id, "role": str(device.role), "name": device.name, "model": device.model,
        "verification": device.verification, "verified_until": expires,
        "verification_expired": None if expires is None else expires <= at,
        "vehicle": device.vehicle_id, "site": device.site_id, "site_name": None if site is None else site.name,
        "datum": str(device.datum), "clock_correction_s": device.clock_correction_s,
        "report_interval_s": device.report_interval_s, "dialect": device.dialect, "profile": device.profile,
        "depth_mm": device.depth_mm, **_interval(device.validity),
    }  # fmt: skip


def _site(site: Site) -> dict[str, Any]:
    return {
        "id": site.id, "version": site.version, "kind": str(site.kind), "name": site.name, "name_zh": site.name_zh,
        **_interval(site.validity), "geometry": mapping(site.area),
    }  # fmt: skip


def _zone(zone: Zone) -> dict[str, Any]:
    return {
        "id": zone.id, "version": zone.version, "kind": str(zone.kind), "name": zone.name, "name_zh": zone.name_zh,
        **_interval(zone.validity), "geometry": mapping(zone.area),
    }  # fmt: skip


def _route(route: Route) -> dict[str, Any]:
    return {
        "id": route.id, "version": route.version, "name": route.name, "name_zh": route.name_zh,
        "corridor_m": route.corridor_m, "limit_kmh": route.limit_kmh, **_interval(route.validity),
        "geometry": mapping(route.line),
    }  # fmt: skip


def health(heard: Sequence[Heard], alerts: Sequence[AlertView]) -> dict[str, Any]:
    """Clock, gaps and firmware of each device, and the alerts about its sensors and clock at that time."""
    by_device: dict[str, list[Heard]] = {}
    for one in heard:
        by_device.setdefault(one.reading.device_id, []).append(one)
    return {
        "devices": [_health(device_id, own) for device_id, own in sorted(by_device.items())],
        "alerts": [
            {
                "alert_id": alert.alert_id, "rule": alert.rule, "subject": alert.subject,
                "opened_at": alert.opened_at, "closed_at": alert.closed_at, "title": alert.title.model_dump(),
            }
            for alert in alerts
        ],
    }  # fmt: skip


def _health(device_id: str, heard: Sequence[Heard]) -> Mapping[str, Any]:
    measured = DeviceHealth()
    measured.update([(one.reading.seq, one.reading.ts, one.received_at) for one in heard])
    firmware = [one.reading.firmware for one in heard if isinstance(one.reading, Status) and one.reading.firmware]
    refused: dict[str, int] = {}
    for one in heard:
        if one.refused:
            refused[one.refused] = refused.get(one.refused, 0) + 1
    return {
        "device_id": device_id, "readings": len(heard), "refused": refused, "missing_numbers": measured.gaps,
        "counter_resets": measured.resets, "clock_behind_ms": measured.clock_offset_ms,
        "clock_drift_ms_per_h": measured.clock_drift_ms_per_h, "firmware": firmware[-1] if firmware else None,
    }  # fmt: skip
