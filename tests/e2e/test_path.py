"""The whole path on real servers: simulated devices, Mosquitto, collector, recorder, InfluxDB, API."""

import json
import math
import shutil
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from devices.readings.models import Kind
from tests.installation import Installation
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

SPEED = 60
LENGTH_S = 1_800
FIELD_OF_EVERY_READING = {
    Kind.POSITION: "lat",
    Kind.WEIGHING: "gross_kg",
    Kind.FILL: "fill_pct",
    Kind.THROUGHPUT: "rate_t_per_h",
    Kind.STATUS: "session",
}
SHARED_PATHS = (
    "/api/v1/devices?limit=100",
    "/api/v1/devices/truck-001",
    "/api/v1/devices/truck-001/latest",
    "/api/v1/devices/point-001/latest",
    "/api/v1/devices/truck-001/readings/position?start={start}&end={end}&limit=1000",
    "/api/v1/devices/point-001/readings/fill?start={start}&end={end}&limit=1000",
    "/api/v1/devices/line-01/readings/throughput?start={start}&end={end}&limit=1000",
    "/api/v1/devices/weighbridge-01/readings/weighing?start={start}&end={end}&limit=1000",
    "/api/v1/devices/truck-002/readings/status?start={start}&end={end}&limit=1000",
    "/api/v1/devices/truck-001/readings/position?start={start}&end={end}&every=5m",
    "/api/v1/devices/point-001/readings/fill?start={start}&end={end}&every=10m",
    "/api/v1/devices/truck-001/track?start={start}&end={end}",
    "/api/v1/positions",
)


def equal(there: Any, here: Any) -> bool:
    """Equal except for the last digits of a mean: the stores add up in different orders."""
    if isinstance(there, dict) and isinstance(here, dict):
        return there.keys() == here.keys() and all(equal(there[name], here[name]) for name in there)
    if isinstance(there, list) and isinstance(here, list):
        return len(there) == len(here) and all(map(equal, there, here))
    if isinstance(there, float) and isinstance(here, float):
        return math.isclose(there, here, rel_tol=1e-9)
    return bool(there == here)


@pytest.mark.real
@pytest.mark.long
def test_every_published_reading_is_counted_and_both_stores_give_equal_answers(
    install: Callable[..., Installation], mosquitto: Mosquitto, influx_server: InfluxServer, influx_database: str
) -> None:
    influx = install(
        "influx",
        HAULWATCH_MQTT_URL=mosquitto.url,
        HAULWATCH_INFLUX_URL=influx_server.url,
        HAULWATCH_INFLUX_TOKEN="unused",
        HAULWATCH_INFLUX_ORG="haulwatch",
        HAULWATCH_INFLUX_BUCKET=influx_database,
    )
    influx.import_city()
    influx.start_collector()
    influx.start("record")
    influx.start("judge")
    start_ms = time.time_ns() // 1_000_000 - LENGTH_S * 1000
    report_path = influx.folder / "simulators" / "report.json"
    influx.start("simulate", "--speed", str(SPEED), "--length", str(LENGTH_S), "--seed", "3")
    report: dict[str, Any] = {}

    def script_done() -> bool:
        report.update(json.loads(report_path.read_text()) if report_path.exists() else {})
        return bool(report.get("script_done"))

    influx.until(script_done, "the script ends")
    influx.stop("simulate")
    report = json.loads(report_path.read_text())
    assert report["finished"]
    assert report["unacknowledged"] == report["held"] == 0

    def all_recorded() -> bool:
        total = influx.ledger()["total"]
        return bool(total["received"] >= report["published"] and total["queued"] == 0)

    influx.until(all_recorded, "every reading is recorded")
    total = influx.json("ledger")["total"]
    assert total["received"] == report["published"]
    stored = 0
    for kind, field in FIELD_OF_EVERY_READING.items():
        query = {"db": influx_database, "q": f"SELECT count({field}) FROM {kind}"}
        series = httpx.get(f"{influx_server.url}/query", params=query, timeout=PATIENCE_S).json()["results"][0][
            "series"
        ]
        stored += series[0]["values"][0][1]
    assert stored == total["stored"] == report["published"] - total["duplicate"] - sum(total["quarantined"].values())

    influx.stop("collect")
    influx.until_judged()
    influx.stop("record")
    influx.stop("judge")
    assert influx.json("replay")["identical"]

    embedded = install("embedded", HAULWATCH_MQTT_URL=mosquitto.url)
    shutil.copytree(influx.folder / "raw", embedded.folder / "raw", ignore=shutil.ignore_patterns("*.consumer"))
    embedded.import_city()
    embedded.start("record")
    embedded.start("judge")
    embedded.until(lambda: embedded.ledger()["total"] == total, "the same messages are recorded again")
    embedded.until_judged()
    assert embedded.json("replay")["identical"]

    influx.start_api()
    embedded.start_api()
    end_ms = time.time_ns() // 1_000_000
    for path in SHARED_PATHS:
        shown = path.format(start=start_ms - 60_000, end=end_ms)
        there, here = influx.get(shown), embedded.get(shown)
        assert equal(there, here), f"{shown}: {there} is not {here}"
        assert there, shown
    alerts = [installation.get("/api/v1/alerts?limit=100")["items"] for installation in (influx, embedded)]
    steps = [{(a["alert_id"], a["phase"], a["opened_at"], a["confirmed_at"]) for a in page} for page in alerts]
    assert steps[0] == steps[1]
    assert {alert["rule"] for alert in alerts[0]} >= {"route_deviation", "illegal_dumping"}
