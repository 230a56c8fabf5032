"""Processes killed in the middle of a stream: nothing acknowledged is lost, nothing is stored twice."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.installation import Installation
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto

TRUCKS = tuple(f"truck-{number:03}" for number in range(1, 25))
READINGS = 250
"""Per truck, one per second: 6,000 in total."""
PLAYED_S = 25
MIN_KILLS = 3
START_MS = 1_760_000_000_000


def write_stream(path: Path) -> None:
    """A recording of trucks that drive north."""
    with path.open("w") as out:
        for tick in range(READINGS):
            for number, truck in enumerate(TRUCKS):
                ts, lat, lon = START_MS + tick * 1000, 35.4 + tick * 1e-4, 112.8 + number * 1e-3
                out.write(json.dumps({"device_id": truck, "ts": ts, "seq": tick, "lat": lat, "lon": lon}) + "\n")


@pytest.mark.real
@pytest.mark.timeout(300)
def test_killed_processes_lose_nothing_and_store_nothing_twice(
    install: Callable[..., Installation],
    mosquitto: Mosquitto,
    influx_server: InfluxServer,
    influx_database: str,
    tmp_path: Path,
) -> None:
    haulwatch = install(
        "killed",
        HAULWATCH_MQTT_URL=mosquitto.url,
        HAULWATCH_INFLUX_URL=influx_server.url,
        HAULWATCH_INFLUX_TOKEN="unused",
        HAULWATCH_INFLUX_ORG="haulwatch",
        HAULWATCH_INFLUX_BUCKET=influx_database,
    )
    assert haulwatch.run("city", "import", "jincheng").returncode == 0
    haulwatch.start_collector()
    haulwatch.start("record")
    haulwatch.start("judge")
    stream = tmp_path / "stream.ndjson"
    write_stream(stream)

    playing = haulwatch.start("simulate", "--from", str(stream), "--speed", str(READINGS / PLAYED_S), "--json")
    dice = random.Random(4)
    kills = 0
    while playing.poll() is None:
        haulwatch.until_connected()
        time.sleep(dice.uniform(0.1, 1.5))
        for process in ("collect", ("record", "judge")[kills % 2]):
            haulwatch.kill(process)
            haulwatch.start(process)
        kills += 1
    assert kills >= MIN_KILLS, "the stream ended before enough kills"
    assert playing.returncode == 0, haulwatch.log("simulate").read_text()
    published = json.loads(haulwatch.log("simulate").read_text().splitlines()[-1])
    assert published["published"] == READINGS * len(TRUCKS)

    def all_stored() -> bool:
        total = haulwatch.json("ledger")["total"]
        return bool(total["stored"] + total["duplicate"] >= published["published"] and total["queued"] == 0)

    haulwatch.until(all_stored, "every reading is stored")
    ledger = haulwatch.json("ledger")
    assert ledger["balanced"]
    assert ledger["total"]["quarantined"] == {}
    assert ledger["total"]["stored"] == published["published"]
    assert {line["stored"] for line in ledger["devices"]} == {READINGS}
    query = {"db": influx_database, "q": "SELECT count(lat) FROM position GROUP BY device"}
    series = httpx.get(f"{influx_server.url}/query", params=query).json()["results"][0]["series"]
    assert {row["tags"]["device"]: row["values"][0][1] for row in series} == dict.fromkeys(TRUCKS, READINGS)

    haulwatch.stop("collect")
    haulwatch.until_judged()
    haulwatch.stop("record")
    haulwatch.stop("judge")
    assert haulwatch.json("replay")["identical"]
