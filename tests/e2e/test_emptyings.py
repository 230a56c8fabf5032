"""Emptyings on real processes: heard by the collector, found by the judge, shown by the API, over a kill."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.e2e.bins import EVERY_MS, POINTS, Bins
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

EMPTIED = (60, 75, 85, 92, 95, 4, 5, 6, 7, 8)
LEAPED = (60, 61, 3, 62, 95, 63, 64, 65, 66, 67)


@pytest.mark.real
@pytest.mark.long
@pytest.mark.timeout(4 * PATIENCE_S)
def test_an_emptying_is_in_the_api_and_a_leaping_sensor_is_not(
    install: Callable[..., Installation], mosquitto: Mosquitto
) -> None:
    haulwatch = install("emptyings", HAULWATCH_MQTT_URL=mosquitto.url)
    haulwatch.import_city()

    def emptyings_of(point: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = haulwatch.get(f"/api/v1/devices/{point}/emptyings")["items"]
        return found

    haulwatch.start_collector()
    for name in ("record", "judge"):
        haulwatch.start(name)
    haulwatch.start_api()
    with closing(Bins(mosquitto.port)) as bins:
        bins.fill(POINTS[0], EMPTIED)
        bins.fill(POINTS[1], LEAPED)
        haulwatch.until(lambda: bool(emptyings_of(POINTS[0])), "the emptying is in the API")
        [emptying] = emptyings_of(POINTS[0])
        assert (emptying["compartment"], emptying["from_pct"], emptying["to_pct"]) == ("paper", 95, 5)
        assert emptying["ts"] - emptying["after"] == EVERY_MS

        haulwatch.kill("judge")
        haulwatch.start("judge")
        bins.fill(POINTS[2], EMPTIED)
        haulwatch.until(lambda: bool(emptyings_of(POINTS[2])), "the judge is back")
        assert emptyings_of(POINTS[0]) == [emptying]
        assert emptyings_of(POINTS[1]) == []
