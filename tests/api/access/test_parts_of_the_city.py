"""What belongs to the part of a city that somebody may see."""

from devices.city.model import Device, DeviceRole
from devices.city.part import part_of
from devices.people.model import Visibility
from tests.api.access.divided import OF_DISTRICT, OF_HAULIER, OTHER, OWN, divided_city


def test_a_part_of_a_city_keeps_its_region() -> None:
    """A fix is a fix wherever in the city it lies: fewer sites must not make the region smaller."""
    city = divided_city()
    part = part_of(city, OF_HAULIER.sees, OF_HAULIER.districts)
    for lat, lon in ((35.5, 112.7), (35.4, 112.9), (36.2, 112.8), (30.0, 110.0)):
        assert part.region.covers(lat, lon) == city.region.covers(lat, lon)
    assert set(part.devices) == {OWN}
    assert [zone.id for zone in part.zones] == ["old-town", "a-own"]
    assert [area.id for area in (*part.districts, *part.fleets)] == ["zezhou", "danhe"]
    assert city.devices.keys() == {OWN, OTHER, "point-OTHER"}


def test_a_device_without_a_district_is_seen_by_those_without_limits_only() -> None:
    nowhere = Device("bin-1", DeviceRole.RECYCLING_POINT)
    assert not OF_DISTRICT.sees(nowhere)
    assert not OF_HAULIER.sees(nowhere)
    assert Visibility().sees(nowhere)
