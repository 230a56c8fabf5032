"""Whose manifests are seen after a terminal moved to another vehicle."""

from dataclasses import replace
from pathlib import Path

from api.access.narrowed_manifests import NarrowedManifests
from devices.city.model import City
from devices.db.database import open_database
from rules.manifests import tables
from rules.manifests.document import ManifestFilter
from rules.manifests.store import ManifestStore
from tests.rules.manifests.test_store import NOW, document
from tests.rules.town import town


def part(device: str, vehicle: str) -> City:
    """The part of the town with one truck."""
    whole = town()
    return replace(
        whole,
        devices={device: replace(whole.devices[device], vehicle_id=vehicle)},
        vehicles={vehicle: whole.vehicles[vehicle]},
    )


def test_a_manifest_is_of_the_vehicle_for_which_it_was_issued(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'db'}")
    tables.metadata.create_all(engine)
    store = ManifestStore(engine, town, lambda terms, device_id: terms.arrive_by)
    number = store.issue(document(), "li", NOW).manifest.number
    has_its_terminal_now = NarrowedManifests(store, lambda: part("T1", "VT2"))
    has_the_vehicle = NarrowedManifests(store, lambda: part("T3", "VT1"))
    assert has_its_terminal_now.manifest(number) is None
    assert has_its_terminal_now.manifests(ManifestFilter(), limit=5).items == ()
    assert has_the_vehicle.manifest(number) is not None
    assert [one.number for one in has_the_vehicle.manifests(ManifestFilter(), limit=5).items] == [number]
    engine.dispose()
