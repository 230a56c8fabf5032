"""Logins and single devices in the registry's database, on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from devices.access.credentials import HashedSecret
from devices.access.logins import Login, Logins
from devices.city.files import read_city
from devices.city.model import Device, DeviceRole
from devices.city.sites import Validity
from devices.db.database import DatabaseError, open_database
from devices.db.registry import CityMissing, Registry
from devices.db.tables import metadata
from tests import ROOT

SMALL_CITY = ROOT / "tests" / "devices" / "small_city"
NEW = Device("point-900", DeviceRole.RECYCLING_POINT, site_id="anywhere", validity=Validity(5, None))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    sqlite = request.param == "sqlite"
    found: str = f"sqlite:///{tmp_path / 'registry.db'}" if sqlite else request.getfixturevalue("postgres_url")
    engine = open_database(found)
    metadata.create_all(engine)
    engine.dispose()
    return found


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    with closing(Registry(url)) as opened:
        yield opened


@pytest.fixture
def logins(url: str) -> Iterator[Logins]:
    with closing(Logins(url)) as opened:
        yield opened


def test_one_device_is_added_once_and_others_stay_as_they_are(registry: Registry) -> None:
    with pytest.raises(CityMissing):
        registry.add_device(NEW)
    registry.import_city(read_city(SMALL_CITY))
    before = registry.load_city()
    assert registry.add_device(NEW)
    assert not registry.add_device(replace(NEW, name="another")), "the first one stays"
    after = registry.load_city()
    assert after.devices == {**before.devices, NEW.id: NEW}
    assert after.revision == before.revision + 1, "running processes notice"
    registry.import_city(read_city(SMALL_CITY))
    assert NEW.id in registry.load_city().devices, "an import removes nothing"


def test_a_device_on_a_vehicle_that_does_not_exist_is_refused(registry: Registry) -> None:
    registry.import_city(read_city(SMALL_CITY))
    with pytest.raises(DatabaseError):
        registry.add_device(Device("truck-900", DeviceRole.TRUCK, vehicle_id="nobody"))
    assert registry.revision() == 1


def test_secret_and_state_change_independently(registry: Registry, logins: Logins) -> None:
    registry.import_city(read_city(SMALL_CITY))
    registry.add_device(NEW)
    first, second = HashedSecret.of("first"), HashedSecret.of("second")
    logins.set_secret(NEW.id, first, 1)
    assert logins.all() == {NEW.id: Login(NEW.id, first, enabled=True, changed_ms=1)}
    logins.set_enabled(NEW.id, False, 2)
    logins.set_secret(NEW.id, second, 3)
    assert logins.all() == {NEW.id: Login(NEW.id, second, enabled=False, changed_ms=3)}
    logins.set_enabled(NEW.id, True, 4)
    assert logins.all() == {NEW.id: Login(NEW.id, second, enabled=True, changed_ms=4)}


def test_an_unregistered_device_gets_no_login(registry: Registry, logins: Logins) -> None:
    registry.import_city(read_city(SMALL_CITY))
    with pytest.raises(DatabaseError):
        logins.set_secret("unregistered", HashedSecret.of("x"), 1)
    assert logins.all() == {}
