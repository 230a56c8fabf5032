"""The database is away: readings are recorded, alerts go out, every process starts; afterwards the journal is whole."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from ingest.alerts.outbox import read_waiting
from tests.e2e.bins import LEVELS, POINTS, Bins
from tests.installation import Installation
from tests.servers import HTTP
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgres import Postgres
from tests.waiting import PATIENCE_S

PROCESSES = ("collect", "record", "judge", "serve")


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.close()


@pytest.mark.real
@pytest.mark.long
@pytest.mark.timeout(5 * PATIENCE_S)
def test_nothing_waits_for_a_database_that_is_away_not_even_a_start(
    install: Callable[..., Installation], mosquitto: Mosquitto, postgres: Postgres
) -> None:
    haulwatch = install("away", HAULWATCH_MQTT_URL=mosquitto.url, HAULWATCH_DATABASE_URL=postgres.new_database())

    def check(name: str) -> dict[str, Any]:
        try:
            answer = HTTP.get(f"http://127.0.0.1:{haulwatch.api_port}/readyz").json()
        except httpx.TransportError:
            return {}
        return next((found for found in answer["checks"] if found["name"] == name), {})

    def start_all() -> None:
        haulwatch.start_collector()
        for name in PROCESSES[1:]:
            haulwatch.start(name)

    haulwatch.import_city()
    start_all()
    with closing(Bins(mosquitto.port)) as bins:
        haulwatch.until(lambda: check("judge").get("state") == "ok", "the judge works")
        bins.fill(POINTS[0])
        bins.wait_for_alert(POINTS[0], "while all is well")

        postgres.stop()
        bins.fill(POINTS[1])
        bins.wait_for_alert(POINTS[1], "judged and sent without the database")
        haulwatch.until(lambda: check("journal").get("state") == "degraded", "/readyz says that the database is away")
        assert "alert changes wait" in check("journal")["detail"]
        metrics = HTTP.get(f"http://127.0.0.1:{haulwatch.api_port}/metrics")
        assert metrics.status_code == 200
        assert "haulwatch_database_up 0.0" in metrics.text
        assert "haulwatch_open_alerts" not in metrics.text

        for name in PROCESSES:
            haulwatch.kill(name)
        start_all()
        haulwatch.until(lambda: check("journal").get("state") == "degraded", "all start without the database")
        bins.fill(POINTS[2])
        bins.wait_for_alert(POINTS[2], "after the restart")
        stored = len(LEVELS) * len(POINTS)
        haulwatch.until(lambda: haulwatch.ledger()["total"]["stored"] == stored, "every reading is stored")
        assert "starting with revision" in haulwatch.log("judge").read_text()

        postgres.start()
        haulwatch.until(lambda: read_waiting(haulwatch.folder / "outbox.db")[0] == 0, "the outbox is empty again")
        haulwatch.until(lambda: check("journal").get("state") == "ok", "/readyz is content again")
        haulwatch.stop("collect")
        haulwatch.until_judged()
        haulwatch.stop("judge")
        assert haulwatch.json("replay")["identical"]
        journal = haulwatch.get("/api/v1/alerts?rule=bin_overflow")["items"]
        assert {alert["subject"] for alert in journal} == set(POINTS)
        while not bins.alerts.empty():
            bins.note(bins.alerts.get())
        assert len(bins.keys) == len(set(bins.keys)), "nothing is sent a second time"
