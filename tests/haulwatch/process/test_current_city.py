"""The registered city of a running process, also while the registry does not answer."""

from dataclasses import dataclass

import pytest

from devices.city.model import City
from devices.db.database import DatabaseUnavailable
from devices.geo.geometry import LatLon
from haulwatch.process.current_city import REFRESH_AFTER_FAILURE_S, REFRESH_EVERY_S, CurrentCity


def city(revision: int) -> City:
    return City("test", "Test", "试", "UTC", LatLon(35.5, 112.8), revision=revision)


@dataclass
class Registry:
    """Holds one city, and can be switched off."""

    held: City
    away: bool = False
    reads: int = 0

    def revision(self) -> int:
        self.reads += 1
        if self.away:
            raise DatabaseUnavailable("connection refused")
        return self.held.revision

    def load_city(self) -> City:
        self.revision()
        return self.held


def test_the_last_city_stays_in_use_while_the_registry_is_away(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    registry = Registry(city(1))
    current = CurrentCity(registry, monotonic=lambda: now)
    registry.held, registry.away = city(2), True
    for _ in range(5):
        now += REFRESH_AFTER_FAILURE_S
        assert current().revision == 1
    reads = registry.reads
    now += REFRESH_EVERY_S
    assert current().revision == 1
    assert registry.reads == reads, "a host that does not answer would delay its caller each time"
    assert [record.levelname for record in caplog.records] == ["WARNING"], "logged once"
    registry.away = False
    assert current().revision == 1, "it refreshes seldom after a failure"
    now += REFRESH_AFTER_FAILURE_S
    assert current().revision == 2


def test_without_a_city_there_is_no_start() -> None:
    with pytest.raises(DatabaseUnavailable):
        CurrentCity(Registry(city(1), away=True))
