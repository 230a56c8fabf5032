"""Where trucks were located: of stored positions, those with a fix a truck can have, in WGS-84."""

from collections.abc import Sequence

from api.ports import ApiParts
from devices.city.model import City, Device
from devices.geo.gcj02 import place_in_wgs84
from devices.geo.geometry import LatLon
from ingest.store import Row


def place_of(row: Row, device: Device, city: City) -> LatLon | None:
    """The place of a stored position; None without one, or outside the city's region. Converted if sent in GCJ-02."""
    sent = _place_sent(row, city)
    return None if sent is None else place_in_wgs84(sent, device.datum)


def has_fix(row: Row, city: City) -> bool:
    """Return whether a position has a fix, as the terminal says and the city's region allows."""
    return row.fields.get("located") is not False and _place_sent(row, city) is not None


def _place_sent(row: Row, city: City) -> LatLon | None:
    lat, lon = row.fields.get("lat"), row.fields.get("lon")
    if not isinstance(lat, float | int) or not isinstance(lon, float | int) or not city.region.covers(lat, lon):
        return None
    return LatLon(lat=float(lat), lon=float(lon))


async def last_located(parts: ApiParts, newest: Sequence[Row]) -> dict[str, Row]:
    """By device, the row that says where it was last located, given its newest position.

    A device that was never located has its newest row, whose place is that of its last fix as the terminal repeats it.
    """
    city = parts.city()
    lost = [row.device_id for row in newest if not has_fix(row, city)]
    located = {row.device_id: row for row in newest}
    if lost:
        located |= {row.device_id: row for row in await parts.history.latest_located(lost) if has_fix(row, city)}
    return located
