"""The database is away: readings are recorded, alerts go out, every process starts; afterwards the journal is whole."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import Any

import httpx
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from ingest.alerts.outbox import read_waiting
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.servers.postgres import Postgres
from tests.waiting import PATIENCE_S

POINTS = ("point-001", "point-002", "point-003")
LEVELS = (60, 75, 85, 92, 95, 97, 97, 97, 97)
EVERY_MS = 120_000
PROCESSES = ("collect", "record", "judge", "serve")


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    server.start()
    yield server
    server.close()


class Bins:
    """Collection points that fill up, and a listener to the alerts."""

    def __init__(self, port: int) -> None:
        self.alerts: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.keys: list[tuple[str, str, int]] = []
        self._client = Client(CallbackAPIVersion.VERSION2, "bins")
        self._client.on_message = lambda _client, _data, message: self.alerts.put(json.loads(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("haulwatch/v1/alerts/#", qos=1)
        self._client.loop_start()

    def fill(self, point: str) -> None:
        """One bin becomes full and stays so, in the device time of the last hour."""
        first = time.time_ns() // 1_000_000 - len(LEVELS) * EVERY_MS - 60_000
        for number, level in enumerate(LEVELS):
            reading = {"ts": first + number * EVERY_MS, "compartment": "paper", "fill_pct": level}
            sent = self._client.publish(f"haulwatch/v1/{point}/fill", json.dumps(reading), qos=1)
            sent.wait_for_publish(PATIENCE_S)

    def wait_for_alert(self, point: str, what: str) -> None:
        """Return when the overflow of this point has come."""
        while True:
            try:
                alert = self.alerts.get(timeout=PATIENCE_S)
            except Empty:
                pytest.fail(f"no alert of {point} came over MQTT: {what}")
            self.note(alert)
            if (alert["rule"], alert["subject"]) == ("bin_overflow", point):
                return

    def note(self, alert: dict[str, Any]) -> None:
        self.keys.append((alert["alert_id"], alert["phase"], alert["revision"]))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.mark.real
@pytest.mark.timeout(5 * PATIENCE_S)
def test_nothing_waits_for_a_database_that_is_away_not_even_a_start(
    install: Callable[..., Installation], mosquitto: Mosquitto, postgres: Postgres
) -> None:
    haulwatch = install("away", HAULWATCH_MQTT_URL=mosquitto.url, HAULWATCH_DATABASE_URL=postgres.new_database())

    def check(name: str) -> dict[str, Any]:
        try:
            answer = httpx.get(f"http://127.0.0.1:{haulwatch.api_port}/readyz", timeout=PATIENCE_S).json()
        except httpx.TransportError:
            return {}
        return next((found for found in answer["checks"] if found["name"] == name), {})

    def start_all() -> None:
        haulwatch.start_collector()
        for name in PROCESSES[1:]:
            haulwatch.start(name)

    assert haulwatch.run("city", "import", "jincheng").returncode == 0
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
        metrics = httpx.get(f"http://127.0.0.1:{haulwatch.api_port}/metrics", timeout=PATIENCE_S)
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
        haulwatch.until(lambda: haulwatch.json("ledger")["total"]["stored"] == stored, "every reading is stored")
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
