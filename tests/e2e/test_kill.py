"""Processes killed in the middle of a stream: nothing acknowledged is lost, nothing is stored twice."""

import json
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from ingest.log.raw_log import RawLog
from tests.installation import Installation
from tests.servers.influxdb import InfluxServer
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

TRUCKS = tuple(f"truck-{number:03}" for number in range(1, 25))
READINGS = 50
"""In one part of the stream, per truck, one per second: 1,200 in total."""
PLAYED_S = 5
KILLS = 4
MAX_PARTS = 30
START_MS = 1_760_000_000_000


def write_part(path: Path, part: int, start_ms: int = START_MS) -> None:
    """A recording of trucks that drive north from device time `start_ms` on."""
    with path.open("w") as out:
        for tick in range(part * READINGS, (part + 1) * READINGS):
            for number, truck in enumerate(TRUCKS):
                ts, lat, lon = start_ms + tick * 1000, 35.4 + tick * 1e-4, 112.8 + number * 1e-3
                out.write(json.dumps({"device_id": truck, "ts": ts, "seq": tick, "lat": lat, "lon": lon}) + "\n")


def logged(haulwatch: Installation) -> int:
    """Readings in the raw log."""
    with closing(RawLog(haulwatch.folder / "raw")) as log:
        records = log.read(0, 1_000_000)
    return len({record.message.payload for record in records if record.message.topic.endswith("/position")})


@pytest.mark.real
@pytest.mark.long
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
    haulwatch.import_city()
    haulwatch.start_collector()
    haulwatch.start("record")
    haulwatch.start("judge")
    dice = random.Random(4)
    kills = parts = published = 0
    while kills < KILLS:
        assert parts < MAX_PARTS, f"only {kills} kills in the middle of {parts} parts"
        stream = tmp_path / "stream.ndjson"
        write_part(stream, parts)
        before = logged(haulwatch)
        playing = haulwatch.start("simulate", "--from", str(stream), "--speed", str(READINGS / PLAYED_S), "--json")
        parts += 1
        after = before + dice.randint(1, READINGS * len(TRUCKS) // 2)
        haulwatch.until(lambda: logged(haulwatch) >= after, "the collector logs some of this part")  # noqa: B023
        killed = ("collect", ("record", "judge")[kills % 2])
        for process in killed:
            haulwatch.kill(process)
        kills += logged(haulwatch) < parts * READINGS * len(TRUCKS)
        for process in killed:
            haulwatch.start(process)
        haulwatch.until_connected()
        assert playing.wait(PATIENCE_S) == 0, haulwatch.log("simulate").read_text()
        published += json.loads(haulwatch.log("simulate").read_text().splitlines()[-1])["published"]
    assert published == parts * READINGS * len(TRUCKS)

    def all_stored() -> bool:
        total = haulwatch.ledger()["total"]
        return bool(total["stored"] + total["duplicate"] >= published and total["queued"] == 0)

    haulwatch.until(all_stored, "every reading is stored")
    ledger = haulwatch.json("ledger")
    assert ledger["balanced"]
    assert ledger["total"]["quarantined"] == {}
    assert ledger["total"]["stored"] == published
    assert {line["stored"] for line in ledger["devices"]} == {parts * READINGS}
    query = {"db": influx_database, "q": "SELECT count(lat) FROM position GROUP BY device"}
    series = httpx.get(f"{influx_server.url}/query", params=query, timeout=PATIENCE_S).json()["results"][0]["series"]
    assert {row["tags"]["device"]: row["values"][0][1] for row in series} == dict.fromkeys(TRUCKS, parts * READINGS)

    haulwatch.stop("collect")
    haulwatch.until_judged()
    haulwatch.stop("record")
    haulwatch.stop("judge")
    assert haulwatch.json("replay")["identical"]
