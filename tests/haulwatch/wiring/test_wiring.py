"""The city as the registry has it now, and as it was when the registry is away."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.city.model import City
from devices.db.database import DatabaseUnavailable
from devices.geo.geometry import LatLon
from haulwatch import wiring
from haulwatch.settings.load import load_settings
from haulwatch.wiring.current_city import LOOK_AFTER_FAILURE_S, LOOK_EVERY_S, CurrentCity
from rules.catalogue import BadRuleParameters


def city(revision: int) -> City:
    return City("test", "Test", "试", "UTC", LatLon(35.5, 112.8), revision=revision)


@dataclass
class Registry:
    """Holds one city; away when told."""

    held: City
    away: bool = False
    looks: int = 0

    def revision(self) -> int:
        self.looks += 1
        if self.away:
            raise DatabaseUnavailable("connection refused")
        return self.held.revision

    def load_city(self) -> City:
        self.revision()
        return self.held


def test_a_registry_that_is_away_leaves_the_city_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    registry = Registry(city(1))
    current = CurrentCity(registry, lambda: now)
    registry.held, registry.away = city(2), True
    for _ in range(5):
        now += LOOK_AFTER_FAILURE_S
        assert current().revision == 1
    looks = registry.looks
    now += LOOK_EVERY_S
    assert current().revision == 1
    assert registry.looks == looks, "a host that answers nothing would hold up its caller each time"
    assert [record.levelname for record in caplog.records] == ["WARNING"], "said once"
    registry.away = False
    assert current().revision == 1, "it looks seldom"
    now += LOOK_AFTER_FAILURE_S
    assert current().revision == 2


def test_without_a_city_there_is_no_start() -> None:
    with pytest.raises(DatabaseUnavailable):
        CurrentCity(Registry(city(1), away=True))


def test_a_rules_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes("# 偏航\n".encode("gb18030"))
    with pytest.raises(BadRuleParameters, match=r"rules\.yaml"):
        wiring.rules(load_settings({"HAULWATCH_RULES_FILE": str(file)}))
