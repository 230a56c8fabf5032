"""Adoption as the API does it: the registry and the raw log have the device, or nothing has changed."""

from contextlib import closing
from pathlib import Path

import pytest

from devices.access.new_device import UnfitDevice
from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.city.model import Device, DeviceRole
from haulwatch import migrations
from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.desk.adoption import register_described
from haulwatch.wiring.log import open_raw_log
from ingest.log.records import CITY_TOPIC
from ingest.log.revisions import city_of_record


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})
    migrations.upgrade(found.database_url.get_secret_value())
    with open_registry(found) as registry:
        registry.import_city(read_city(JINCHENG))
    return found


def in_the_raw_log(settings: Settings) -> list[set[str]]:
    """Ids of the devices in each revision of the city."""
    with closing(open_raw_log(settings)) as log:
        cities = [city_of_record(r.message.payload) for r in log.read(0, 99) if r.message.topic == CITY_TOPIC]
    return [set(city.devices) for city in cities if city is not None]


def test_a_described_device_is_registered_and_readings_after_it_are_judged_by_a_city_that_has_it(
    settings: Settings,
) -> None:
    device = Device("point-900", DeviceRole.RECYCLING_POINT, site_id="recycling-001")
    assert register_described(settings, device)
    with open_registry(settings) as registry:
        assert registry.load_city().devices["point-900"] == device
    [devices] = in_the_raw_log(settings)
    assert "point-900" in devices
    assert not register_described(settings, device)
    assert len(in_the_raw_log(settings)) == 1


def test_a_device_that_does_not_fit_the_city_changes_nothing(settings: Settings) -> None:
    with pytest.raises(UnfitDevice, match="did you mean") as raised:
        register_described(settings, Device("point-900", DeviceRole.RECYCLING_POINT, site_id="recycling-0001"))
    assert raised.value.field == "site_id"
    with open_registry(settings) as registry:
        assert "point-900" not in registry.load_city().devices
    assert in_the_raw_log(settings) == []
