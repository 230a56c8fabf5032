"""What people call a device."""

from dataclasses import replace

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.labels import Label, labels_of, labels_of_areas

CITY = read_city(JINCHENG)


def test_a_truck_is_called_by_its_plate_and_a_bridge_by_its_site() -> None:
    labels = labels_of(CITY, 0)
    assert labels["truck-001"] == Label("晋E·D0101", "晋E·D0101")
    assert labels["weighbridge-01"] == Label("Wangjiang recycling plant", "王江资源化利用厂")
    assert labels.keys() == CITY.devices.keys()


def test_two_bridges_of_one_site_can_be_told_apart_and_a_line_beside_them_keeps_its_name() -> None:
    first = CITY.devices["weighbridge-01"]
    second = replace(first, id="weighbridge-09")
    gate = replace(first, id="weighbridge-10", name="Gate 3")
    labels = labels_of(replace(CITY, devices={device.id: device for device in (first, second, gate)}), 0)
    assert labels == {
        "weighbridge-01": Label("Wangjiang recycling plant weighbridge-01", "王江资源化利用厂 weighbridge-01"),
        "weighbridge-09": Label("Wangjiang recycling plant weighbridge-09", "王江资源化利用厂 weighbridge-09"),
        "weighbridge-10": Label("Gate 3", "Gate 3"),
    }


def test_districts_and_fleets_have_names_in_both_languages() -> None:
    assert labels_of_areas(CITY.districts)["urban"] == Label("Urban district", "城区")
    assert labels_of_areas(CITY.fleets)["danhe"] == Label("Danhe Environmental Haulage", "丹河环保运输")
    assert labels_of_areas(CITY.districts).keys() == {device.district for device in CITY.devices.values()}


def test_a_terminal_without_a_truck_or_a_site_is_called_by_its_id() -> None:
    spare = replace(CITY.devices["truck-001"], id="spare-1", vehicle_id=None)
    assert labels_of(replace(CITY, devices={"spare-1": spare}), 0) == {"spare-1": Label("spare-1", "spare-1")}
