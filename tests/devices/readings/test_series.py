from msgspec.structs import replace

from devices.city.model import Device, DeviceRole
from devices.readings.models import Fill, Kind, Load, Position
from devices.readings.series import FIELDS, series_key
from tests.points import content, point_of

TS = 1_767_225_600_000


def test_point_carries_device_time_few_tags_and_measured_fields_only() -> None:
    reading = Position(device_id="truck-001", ts=TS, seq=9, lat=35.49, lon=112.85, load=Load.LOADED)
    device = Device("truck-001", DeviceRole.TRUCK, fleet="taihang", district="urban", site_id="depot")
    point = point_of(reading, device)
    assert (point.measurement, point.ts) == ("position", TS)
    assert point.tags == (("device", "truck-001"), ("district", "urban"), ("fleet", "taihang"))
    assert point.fields == {
        "seq": 9, "lat": 35.49, "lon": 112.85, "located": True, "load": "loaded", "alarm_bits": 0,
    }  # fmt: skip
    assert type(point.fields["load"]) is str


def test_fixed_device_is_tagged_by_site_and_compartment() -> None:
    reading = Fill(device_id="point-001", ts=TS, compartment="paper", fill_pct=50)
    point = point_of(reading, Device("point-001", DeviceRole.RECYCLING_POINT, site_id="recycling-001"))
    assert point.tags == (("compartment", "paper"), ("device", "point-001"), ("site", "recycling-001"))
    assert "compartment" not in point.fields


def test_a_resent_reading_has_the_same_content_under_a_new_number() -> None:
    first = Fill(device_id="point-001", ts=TS, seq=1, fill_pct=50)
    again = replace(first, seq=2)
    other = replace(first, fill_pct=51.0)
    assert content(first) == content(again) != content(other)


def test_compartments_of_one_instant_are_series_of_their_own() -> None:
    paper = Fill(device_id="point-001", ts=TS, compartment="paper", fill_pct=50)
    assert series_key(paper) == (Kind.FILL, "point-001", "paper")
    assert series_key(replace(paper, compartment="glass")) != series_key(paper)


def test_field_names_say_their_units() -> None:
    assert {"speed_kmh", "heading_deg", "accuracy_m", "load_kg"} <= set(FIELDS[Kind.POSITION])
    assert {"gross_kg", "tare_kg", "net_kg"} <= set(FIELDS[Kind.WEIGHING])
    assert all("device_id" not in names and "ts" not in names for names in FIELDS.values())
