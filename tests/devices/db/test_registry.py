"""The registry on SQLite and PostgreSQL: the same stories on both."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from shapely import LineString, Polygon

from devices.city.files import read_city
from devices.city.hours import Hours
from devices.city.model import Area, City, Device, DeviceRole
from devices.city.sites import Validity, Zone, ZoneKind
from devices.city.succession import VersionsRefused, from_instant
from devices.db.database import DatabaseMisconfigured, DatabaseUnavailable, open_database, transaction
from devices.db.registry import AnotherCity, Changes, CityMissing, Registry
from devices.db.registry_changes import Author
from devices.db.tables import metadata
from devices.geo.geometry import Datum
from tests import ROOT

SMALL_CITY = ROOT / "tests" / "devices" / "small_city"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    engine_url: str = (
        f"sqlite:///{tmp_path / 'registry.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    engine = open_database(engine_url)
    metadata.create_all(engine)
    engine.dispose()
    return engine_url


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    opened = Registry(url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def city() -> City:
    return read_city(SMALL_CITY)


def test_empty_registry_names_the_import_command(registry: Registry) -> None:
    assert registry.revision() == 0
    with pytest.raises(CityMissing, match="haulwatch city import"):
        registry.load_city()


def test_names_of_districts_and_fleets_come_back(registry: Registry, city: City) -> None:
    registry.import_city(city)
    named = replace(city, districts=(Area("centre", "Centre", "城区"),), fleets=(Area("danhe", "Danhe", "丹河"),))
    assert registry.import_city(named).tables["city"].changed == 1
    loaded = registry.load_city()
    assert (loaded.districts, loaded.fleets) == (named.districts, named.fleets)
    assert not registry.import_city(named).changed_anything


def test_the_correction_of_a_clock_comes_back(registry: Registry, city: City) -> None:
    devices = {name: replace(device, clock_correction_s=-619_315_200) for name, device in city.devices.items()}
    registry.import_city(replace(city, devices=devices))
    assert {device.clock_correction_s for device in registry.load_city().devices.values()} == {-619_315_200}


def test_the_width_of_a_route_comes_back(registry: Registry, city: City) -> None:
    routes = tuple(replace(route, corridor_m=45.5) for route in city.routes)
    registry.import_city(replace(city, routes=routes))
    assert {route.corridor_m for route in registry.load_city().routes} == {45.5}


def test_the_level_at_which_a_bin_is_full_comes_back(registry: Registry, city: City) -> None:
    own = {id_: replace(device, overflow_at_pct=72.5) for id_, device in city.devices.items()}
    registry.import_city(replace(city, devices=own))
    assert {device.overflow_at_pct for device in registry.load_city().devices.values()} == {72.5}


def test_model_and_verification_of_a_device_come_back(registry: Registry, city: City) -> None:
    own = {
        id_: replace(device, model="SCS-100", verification="检-7", verified_until_ms=1_790_000_000_000)
        for id_, device in city.devices.items()
    }
    registry.import_city(replace(city, devices=own))
    assert {
        (device.model, device.verification, device.verified_until_ms)
        for device in registry.load_city().devices.values()
    } == {("SCS-100", "检-7", 1_790_000_000_000)}


def test_the_limit_of_a_route_comes_back(registry: Registry, city: City) -> None:
    routes = tuple(replace(route, limit_kmh=62.5) for route in city.routes)
    registry.import_city(replace(city, routes=routes))
    assert {route.limit_kmh for route in registry.load_city().routes} == {62.5}


def test_margin_of_the_region_and_datum_of_a_device_come_back(registry: Registry, city: City) -> None:
    devices = {name: replace(device, datum=Datum.GCJ02) for name, device in city.devices.items()}
    registry.import_city(replace(city, region_margin_km=12.5, devices=devices))
    loaded = registry.load_city()
    assert loaded.region_margin_km == 12.5
    assert {device.datum for device in loaded.devices.values()} == {Datum.GCJ02}
    assert registry.import_city(city).tables["device"].changed == len(city.devices)


def test_city_comes_back_as_it_went_in(registry: Registry, city: City) -> None:
    report = registry.import_city(city)
    assert report.revision == registry.revision() == 1
    loaded = registry.load_city()
    assert loaded == replace(
        city, revision=1, devices=dict(sorted(city.devices.items())), sites=dict(sorted(city.sites.items()))
    )


def test_same_city_twice_changes_nothing(registry: Registry, city: City) -> None:
    registry.import_city(city)
    again = registry.import_city(city)
    assert not again.changed_anything
    assert again.revision == registry.revision() == 1
    assert again.tables["site"] == Changes(added=0, changed=0, unchanged=4)


def test_a_change_is_one_revision_and_is_counted(registry: Registry, city: City) -> None:
    registry.import_city(city)
    slower = replace(city.devices["truck"], report_interval_s=30)
    new = Device("truck-2", DeviceRole.TRUCK, validity=Validity(None, 5))
    report = registry.import_city(replace(city, devices={**city.devices, "truck": slower, "truck-2": new}))
    assert report.tables["device"] == Changes(added=1, changed=1, unchanged=1)
    assert report.revision == 2
    loaded = registry.load_city()
    assert (loaded.devices["truck"], loaded.devices["truck-2"]) == (slower, new)
    validity = loaded.devices["truck-2"].validity
    assert (validity.covers(4), validity.covers(5)) == (True, False)


def test_rows_that_an_import_leaves_out_are_kept(registry: Registry, city: City) -> None:
    registry.import_city(city)
    report = registry.import_city(replace(city, devices={}, permits=()))
    assert not report.changed_anything
    assert set(registry.load_city().devices) == {"truck", "bin-terminal"}


def test_new_version_of_a_route_is_stored_beside_the_old_one(registry: Registry, city: City) -> None:
    old = replace(city.routes[0], validity=Validity(None, 1_000))
    new = replace(old, version=2, line=LineString([(112.841, 35.481), (112.801, 35.501)]), validity=Validity(1_000))
    registry.import_city(replace(city, routes=(old,)))
    registry.import_city(replace(city, routes=(new,)))
    assert registry.load_city().routes == (old, new)


def test_one_database_is_one_city(registry: Registry, city: City) -> None:
    registry.import_city(city)
    with pytest.raises(AnotherCity, match="smallville"):
        registry.import_city(replace(city, id="elsewhere"))
    assert registry.load_city().id == "smallville"


def test_failed_import_leaves_everything_as_it_was(registry: Registry, city: City) -> None:
    dangling = Device("truck-2", DeviceRole.TRUCK, vehicle_id="nowhere")
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        registry.import_city(replace(city, devices={"truck-2": dangling}))
    assert registry.revision() == 0
    with pytest.raises(CityMissing):
        registry.load_city()


def test_another_process_sees_the_new_revision(url: str, registry: Registry, city: City) -> None:
    watcher = Registry(url)
    assert watcher.revision() == 0
    registry.import_city(city)
    assert watcher.revision() == 1
    assert watcher.load_city().name == "Smallville"
    watcher.close()


def test_loading_and_importing_at_once_do_not_wait_for_each_other(url: str, registry: Registry, city: City) -> None:
    registry.import_city(city)
    reader = open_database(url)
    with transaction(reader) as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM device").scalar()
        registry.import_city(replace(city, name="Smallville II"))
        assert connection.exec_driver_sql("SELECT count(*) FROM device").scalar() == before
    assert registry.load_city().name == "Smallville II"
    reader.dispose()


def test_sqlite_is_durable_checks_foreign_keys_and_reads_one_state(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'new' / 'registry.db'}")
    with transaction(engine) as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        }
        assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}
        assert connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]
    engine.dispose()


def test_missing_tables_name_the_upgrade_command(tmp_path: Path) -> None:
    registry = Registry(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(DatabaseMisconfigured, match="haulwatch db upgrade"):
        registry.revision()
    registry.close()


def test_unreachable_database_is_unavailable_not_misconfigured() -> None:
    registry = Registry("postgresql://haulwatch@127.0.0.1:1/haulwatch")
    with pytest.raises(DatabaseUnavailable):
        registry.revision()
    registry.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "no url", ""])
def test_other_urls_are_refused_before_anything_is_opened(url: str) -> None:
    with pytest.raises(DatabaseMisconfigured, match="use sqlite"):
        Registry(url)


def test_zones_come_back(registry: Registry, city: City) -> None:
    registry.import_city(city)
    area = Polygon([(112.84, 35.48), (112.85, 35.48), (112.85, 35.49)])
    zone = Zone("old-town", 1, ZoneKind.FORBIDDEN, "Old town", "老城", area, Validity(1_000, 2_000))
    assert registry.import_city(replace(city, zones=(zone,))).tables["zone"].added == 1
    assert registry.load_city().zones == (zone,)


def test_the_hours_of_a_permit_come_back(registry: Registry, city: City) -> None:
    permits = tuple(replace(permit, hours=(Hours(1320, 360),)) for permit in city.permits)
    registry.import_city(replace(city, permits=permits))
    assert registry.load_city().permits == permits
    assert not registry.import_city(replace(city, permits=permits)).changed_anything


def test_the_deposit_hours_of_a_site_come_back(registry: Registry, city: City) -> None:
    sites = {id_: replace(site, deposit_hours=(Hours(390, 540), Hours(1320, 60))) for id_, site in city.sites.items()}
    registry.import_city(replace(city, sites=sites))
    assert {site.deposit_hours for site in registry.load_city().sites.values()} == {(Hours(390, 540), Hours(1320, 60))}
    assert not registry.import_city(replace(city, sites=sites)).changed_anything


def test_the_areas_of_a_permit_come_back(registry: Registry, city: City) -> None:
    permits = tuple(replace(permit, area_ids=("north", "south")) for permit in city.permits)
    registry.import_city(replace(city, permits=permits))
    assert registry.load_city().permits == permits
    assert not registry.import_city(replace(city, permits=permits)).changed_anything


def test_streams_and_compartments_come_back(registry: Registry, city: City) -> None:
    changed = replace(
        city,
        sites={id_: replace(site, streams=("kitchen", "residual")) for id_, site in city.sites.items()},
        vehicles={id_: replace(vehicle, compartments=2) for id_, vehicle in city.vehicles.items()},
    )
    registry.import_city(changed)
    loaded = registry.load_city()
    assert (loaded.sites, loaded.vehicles) == (changed.sites, changed.vehicles)
    assert not registry.import_city(changed).changed_anything


def test_the_files_without_versions_do_not_overwrite_what_a_version_ended(registry: Registry, city: City) -> None:
    """After `--from`, the same files without it would bring the first version back beside the second."""
    registry.import_city(city)
    lorry = city.vehicles["lorry"]
    wanted = replace(city, vehicles={"lorry": replace(lorry, tare_kg=12_000.0)})
    registry.change_city(lambda stored: from_instant(stored, wanted, 1_790_000_000_000), Author("li", 1))
    before = registry.load_city()
    with pytest.raises(VersionsRefused, match="--from"):
        registry.import_city(wanted, Author("li", 2))
    assert registry.load_city() == before
    newer = replace(lorry, plate="晋E·D0009", version=3, validity=Validity(1_795_000_000_000))
    with pytest.raises(VersionsRefused, match="versions 2 and 3"):
        registry.import_city(replace(city, vehicles={"lorry": newer}), Author("li", 2))
