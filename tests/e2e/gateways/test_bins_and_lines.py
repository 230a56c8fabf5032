"""Bins by LoRaWAN and lines by Sparkplug B on the whole path: what their simulators count is stored."""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from devices.cities import JINCHENG
from ingest.gateways.status import read_gateway_status
from simulators.dialects.broker import Broker
from simulators.dialects.lorawan import DEPTH_MM, Bin, Faults, Stay, Tally, run_bins
from simulators.dialects.sparkplug import EdgeNode
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.waiting import eventually

LINE: Final = "haul.gw-1.line-1"
SETTINGS: Final = {
    "throughput": {"running": "Line/Running", "rate_t_per_h": {"metric": "Line/Rate", "scale": 0.001}},
}
FAULTS: Final = Faults(repeat=0.3, lose=0.1, rejoin=0.1, others=0.3)


def city_with(folder: Path, bins: list[Bin]) -> Path:
    """Jincheng with these bins, of which the last one has no depth, and with a line and its edge node."""
    shutil.copytree(JINCHENG, folder)
    depths: list[dict[str, Any]] = [{"depth_mm": DEPTH_MM}] * (len(bins) - 1) + [{}]
    bin_rows: list[dict[str, Any]] = [
        {"id": one.device_id, "role": "recycling_point", "dialect": "chirpstack", "profile": "em400-tld", **depth}
        for one, depth in zip(bins, depths, strict=True)
    ]
    lines = [(LINE, "line"), ("haul.gw-1", "status")]
    line_rows: list[dict[str, Any]] = [
        {"id": id_, "role": "station_line", "dialect": "sparkplug", "profile": name} for id_, name in lines
    ]
    with (folder / "devices.yaml").open("a", encoding="utf-8") as file:
        for row in (*bin_rows, *line_rows):
            more = {"site": "sorting-dongtianshi", "report_interval_s": 60, "valid_from": "2020-01-01"}
            yaml.safe_dump([row | more], file)
    profiles = [{"id": "line", "dialect": "sparkplug", "settings": SETTINGS}]
    (folder / "profiles.yaml").write_text(yaml.safe_dump(profiles), encoding="utf-8")
    return folder


def stored(haulwatch: Installation, measurement: str) -> Counter[str]:
    """Readings in the store, by device."""
    path = haulwatch.folder / "readings.db"
    query = (
        "SELECT device, count(*) FROM points JOIN series ON series.id = points.series "
        "WHERE measurement = ? GROUP BY device"
    )
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return Counter(dict(db.execute(query, (measurement,)).fetchall()))


@pytest.mark.real
@pytest.mark.long
def test_what_bins_and_lines_report_is_stored(install: Callable[..., Installation], mosquitto: Mosquitto) -> None:
    haulwatch = install("bins", HAULWATCH_MQTT_URL=mosquitto.url, HAULWATCH_SPARKPLUG_REORDER_S="0.1")
    tally = Tally()
    bins = [Bin(number, "chirpstack", 5, tally) for number in range(1, 5)]
    strangers = [Bin(9, "chirpstack", 5, Tally())]
    imported = haulwatch.run("city", "import", str(city_with(haulwatch.folder / "city", bins)))
    assert imported.returncode == 0, imported.stderr
    haulwatch.start_collector()
    haulwatch.start("record")
    haulwatch.start("gateway", "sparkplug")
    broker = Broker("127.0.0.1", mosquitto.port)
    asyncio.run(report(haulwatch.folder, broker, bins, strangers, tally))
    haulwatch.until(lambda: settled(haulwatch, tally), "everything is stored or quarantined")
    levels = stored(haulwatch, "fill")
    ledger = haulwatch.ledger()
    without_depth = bins[-1].device_id
    assert set(levels) == {one.device_id for one in bins[:-1]}
    refused = quarantined(ledger)
    assert sum(levels.values()) + refused["missing_field"] >= tally.levels
    assert refused.keys() == {"missing_field", "unknown_device"}
    assert stored(haulwatch, "status")[without_depth] > 0  # it lives, though nobody knows its depth
    assert stored(haulwatch, "throughput")[LINE] >= 3
    assert stored(haulwatch, "status").keys() >= {LINE, "haul.gw-1"}
    assert ledger["balanced"]
    options = ("--role", "recycling_point", "--site", "sorting-dongtianshi", "--profile", "em400-tld")
    adopted = haulwatch.json("device", "adopt", strangers[0].device_id, *options, "--depth-mm", str(DEPTH_MM))
    assert adopted["redriven"] > 0
    haulwatch.until(lambda: stored(haulwatch, "fill")[strangers[0].device_id] == 2, "the stranger's levels are stored")


async def report(folder: Path, broker: Broker, bins: list[Bin], others: list[Bin], tally: Tally) -> None:
    status = folder / "gateways" / "sparkplug_status.json"
    await eventually(lambda: (found := read_gateway_status(status)) is not None and found.figures.broker_connected)
    edge = EdgeNode("haul", "gw-1", ["line-1"], seed=3)
    async with edge.connected(broker):
        for rate in (42_500.0, 0.0, 30_000.0):
            await edge.set_rate("line-1", rate)
        await run_bins(bins, broker, Stay(0.01, 10, FAULTS), tally, asyncio.Event())
        await run_bins(others, broker, Stay(0.01, 2), Tally(), asyncio.Event())


def quarantined(ledger: dict[str, Any]) -> dict[str, int]:
    return {reason: count for reason, count in ledger["total"]["quarantined"].items() if count}


def settled(haulwatch: Installation, tally: Tally) -> bool:
    """Every level is somewhere, and the line is off line."""
    ledger = haulwatch.ledger()
    refused = quarantined(ledger)
    path = haulwatch.folder / "readings.db"
    if not path.exists() or ledger["total"]["queued"]:
        return False
    levels = sum(stored(haulwatch, "fill").values())
    return levels + refused.get("missing_field", 0) >= tally.levels and refused.get("unknown_device", 0) >= 2
