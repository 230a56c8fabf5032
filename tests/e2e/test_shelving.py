"""A shelf on real processes: nothing is heard of what it covers, over a kill of the judge, until it ends."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.e2e.bins import POINTS, Bins
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S


@pytest.mark.real
@pytest.mark.long
@pytest.mark.timeout(4 * PATIENCE_S)
def test_a_shelved_alert_is_listed_and_is_heard_when_the_shelf_ends(
    install: Callable[..., Installation], mosquitto: Mosquitto
) -> None:
    haulwatch = install("shelving", HAULWATCH_MQTT_URL=mosquitto.url)
    haulwatch.import_city()

    def alert_of(point: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = haulwatch.get(f"/api/v1/alerts?rule=bin_overflow&subject={point}")["items"]
        return found[0] if found else {}

    haulwatch.start_collector()
    for name in ("record", "judge"):
        haulwatch.start(name)
    haulwatch.start_api()
    shelf = haulwatch.json("alerts", "shelve", "--device", POINTS[0], "--for", "1h", "--reason", "lid")
    with closing(Bins(mosquitto.port)) as bins:
        for point in POINTS[:2]:
            bins.fill(point)
        bins.wait_for_alert(POINTS[1], "no shelf covers it")
        haulwatch.until(lambda: bool(alert_of(POINTS[0])), "what is shelved is in the journal")
        shelved = alert_of(POINTS[0])
        assert shelved["shelved_until"] == shelf["until"]
        assert alert_of(POINTS[1])["shelved_until"] is None

        haulwatch.kill("judge")
        haulwatch.start("judge")
        bins.fill(POINTS[2])
        bins.wait_for_alert(POINTS[2], "the judge is back")
        assert shelved["alert_id"] not in {alert_id for alert_id, _, _ in bins.keys}
        heard = {alert_id for alert_id, phase, _ in bins.keys if phase != "closed"}
        assert haulwatch.get("/api/v1/alerts/rate")["called"] >= len(heard) >= 2

        assert haulwatch.run("alerts", "unshelve", str(shelf["no"])).returncode == 0
        bins.wait_for_alert(POINTS[0], "its shelf is over")
        assert bins.keys[-1][0] == shelved["alert_id"]
        assert alert_of(POINTS[0])["shelved_until"] is None
    metrics = httpx.get(f"http://127.0.0.1:{haulwatch.api_port}/metrics", timeout=PATIENCE_S).text
    assert "haulwatch_alerts_per_operator " in metrics
