"""What people call a device (the plate of its truck, the name of its site), a district and a fleet."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from devices.city.model import Area, City, Device


class Label(NamedTuple):
    """A name in English and in Chinese."""

    en: str
    zh: str


def labels_of(city: City, at: int) -> dict[str, Label]:
    """The label of each device at a time (ms), by id; no two devices of one role have the same.

    A truck is called by its plate; a device that stands on a site by its own name, or else by the site's. Where that
    would name two devices of one role, or nothing, the id stands with it.
    """
    plain = {device.id: _plain(device, city, at) for device in city.devices.values()}
    named = Counter((city.devices[id_].role, label) for id_, label in plain.items())
    return {
        id_: label if label.en and named[city.devices[id_].role, label] == 1 else _with_id(label, id_)
        for id_, label in plain.items()
    }


def labels_of_areas(areas: Iterable[Area]) -> dict[str, Label]:
    """The labels of the districts, or of the fleets, of a city by id; one without a name is not among them."""
    return {area.id: Label(area.name, area.name_zh) for area in areas}


def _plain(device: Device, city: City, at: int) -> Label:
    vehicle = city.vehicle_of(device, at)
    if vehicle is not None:
        return Label(vehicle.plate, vehicle.plate)
    site = city.site_of(device, at)
    if device.name or site is None:
        return Label(device.name, device.name)
    return Label(site.name, site.name_zh)


def _with_id(label: Label, device_id: str) -> Label:
    return Label(f"{label.en} {device_id}".strip(), f"{label.zh} {device_id}".strip())
