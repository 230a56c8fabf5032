"""What recorder, judge and API may do with single entries of the registry, in a real PostgreSQL."""

import pytest

from devices.city.files.single import row_of
from devices.db.registry import Registry
from devices.db.registry_changes import Author
from tests.closing import closed_later
from tests.haulwatch.wiring.roles.as_process import of_role, refused

pytestmark = pytest.mark.real


def test_the_api_changes_entries_and_notes_who_did_and_deletes_nothing(url: str) -> None:
    registry = closed_later(Registry(of_role(url, "serve")))
    city = registry.load_city()
    li = Author("li", 1_796_054_400_000, "new driver")
    added = registry.change_entry(
        "drivers", "d1", lambda *_: [row_of("drivers", {"id": "d1", "name": "Zhao"}, city)], li
    )
    assert [row["name"] for row in added] == ["Zhao"]
    heavier = {"id": "vehicle-001", "version": 2, "plate": "晋E·D1001", "valid_from": "2026-12-01", "tare_kg": 14_000.0}
    registry.change_entry(
        "vehicles", "vehicle-001", lambda stored, _: [*map(dict, stored), row_of("vehicles", heavier, city)], li
    )
    assert [row["version"] for row in registry.versions("vehicles", "vehicle-001")] == [1, 2]
    assert registry.revision() == city.revision + 2
    assert {(one.actor, one.kind) for one in registry.changes(None, None, limit=9)} == {
        ("li", "drivers"),
        ("li", "vehicles"),
    }
    for statement in (
        "DELETE FROM vehicle", "DELETE FROM past_vehicle", "DELETE FROM driver", "DELETE FROM registry_change",
        "UPDATE registry_change SET actor = 'wang'", "UPDATE device SET vehicle_id = NULL",
        "UPDATE city SET name = 'x'",
    ):  # fmt: skip
        assert refused(url, "serve", statement)


@pytest.mark.parametrize("process", ["record", "judge"])
def test_recorder_and_judge_read_the_city_and_no_driver(url: str, process: str) -> None:
    assert closed_later(Registry(of_role(url, process))).load_city().drivers == ()
    for statement in (
        "SELECT * FROM driver", "SELECT * FROM registry_change", "UPDATE vehicle SET tare_kg = 1", "DELETE FROM permit",
        "INSERT INTO haulier (id, version, name, name_zh) VALUES ('h', 1, 'h', 'h')",
    ):  # fmt: skip
        assert refused(url, process, statement)
