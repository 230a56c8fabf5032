"""Three hours of a city's garbage trucks, polled every minute, through a real broker."""

import asyncio
import csv
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from devices.readings.models import Kind
from ingest.store.sqlite import SqliteStore
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto

FEED = Path("jersey_city_garbage_trucks", "minute_snapshots_121015_12h-14h_utc.tar.gz")
COLUMNS = "lat=0,lon=1,device=2,time=4"


def jersey_city(folder: Path, feed: Path) -> None:
    """A city with the feed's trucks and nothing else."""
    folder.mkdir()
    with tarfile.open(feed) as archive:
        files = [archive.extractfile(member) for member in archive if member.isfile()]
        rows = [row for file in files if file for row in csv.reader(io.StringIO(file.read().decode()), delimiter="|")]
    trucks = sorted({row[2] for row in rows})
    head = {"id": "jersey-city", "name": "Jersey City", "name_zh": "泽西城", "timezone": "US/Eastern"}
    (folder / "city.yaml").write_text(yaml.safe_dump({**head, "centre": [-74.06, 40.72], "datum": "wgs84"}))
    empty = '{"type": "FeatureCollection", "haulwatch:datum": "wgs84", "features": []}'
    for name in ("sites", "routes"):
        (folder / f"{name}.geojson").write_text(empty)
    (folder / "permits.yaml").write_text("[]")
    vehicles = [{"id": truck, "plate": truck} for truck in trucks]
    (folder / "vehicles.yaml").write_text(yaml.safe_dump(vehicles))
    devices = [{"id": truck, "role": "truck", "vehicle": truck, "report_interval_s": 60} for truck in trucks]
    (folder / "devices.yaml").write_text(yaml.safe_dump(devices))


@pytest.mark.real
@pytest.mark.recording
@pytest.mark.long
def test_a_feed_with_many_duplicates_and_conflicts(
    install: Callable[..., Installation], mosquitto: Mosquitto, recordings: Path, tmp_path: Path
) -> None:
    feed = recordings / FEED
    haulwatch = install("jersey", HAULWATCH_MQTT_URL=mosquitto.url)
    jersey_city(tmp_path / "city", feed)
    imported = haulwatch.run("city", "import", str(tmp_path / "city"))
    assert imported.returncode == 0, imported.stderr
    haulwatch.start_collector()
    haulwatch.start("record")

    format_of_the_feed = ("--columns", COLUMNS, "--separator", "|", "--no-header", "--timezone", "US/Eastern")
    played = haulwatch.json("simulate", "--from", str(feed), *format_of_the_feed)
    assert (played["published"], played["unacknowledged"]) == (25_020, 0)

    def all_recorded() -> bool:
        total = haulwatch.ledger()["total"]
        return bool(total["received"] >= 25_020 and total["queued"] == 0)

    haulwatch.until(all_recorded, "every reading is recorded")
    total = haulwatch.json("ledger")["total"]
    expected = {
        "received": 25_020,
        "stored": 2_559,
        "duplicate": 25_020 - 2_559 - 442,
        "quarantined": {"conflict": 442},
        "queued": 0,
        "gaps": 0,
    }
    assert {name: total[name] for name in expected} == expected

    assert asyncio.run(SqliteStore(haulwatch.folder / "readings.db").count(Kind.POSITION)) == 2_559
