"""What findings on tickets share: the ticket they cite, where they are, and that they wait for a person."""

from collections.abc import Iterator
from typing import Final

from devices.city.model import City
from devices.geo.geometry import LatLon
from devices.readings.models import Weighing
from rules.alerts.model import ReadingRef, Text
from rules.contract.verdicts import Level, Verdict
from rules.contract.wording import ref, who

_FIELDS: Final = ("ticket", "plate", "gross_kg", "tare_kg", "net_kg", "direction")


def cite(ticket: Weighing) -> ReadingRef:
    return ref(ticket, *_FIELDS)


def bridge_name(bridge_id: str, city: City, ts: int) -> Text:
    bridge = city.devices.get(bridge_id)
    return who(bridge, city, ts) if bridge is not None else Text(en=bridge_id, zh=bridge_id)


def bridge_place(bridge_id: str, city: City, ts: int) -> LatLon | None:
    bridge = city.devices.get(bridge_id)
    return city.site_centre(bridge, ts) if bridge is not None else None


def for_people(finding: Verdict) -> Iterator[Verdict]:
    """A finding on one ticket never ends by itself."""
    yield finding
    yield Verdict(finding.subject, Level.LEFT_OPEN, finding.at, finding.onset, part=finding.part, shared=finding.shared)
