"""The boards: made by the code, naming only what is stored, and answered by a real InfluxDB."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from devices.city import Device, DeviceRole
from devices.readings import Fill, Kind, Position, Reading, Status, Throughput, Weighing
from devices.series import ALERT_FIELDS, ALERT_MEASUREMENT, ALERT_TAGS, FIELDS, Point, point_of
from grafana.boards import BOARDS, DATA_SOURCE, as_json, overview
from ingest.store.influx import InfluxStore
from tests.servers.influxdb import InfluxServer

PROVISIONING = Path(__file__).resolve().parents[2] / "grafana" / "provisioning"
TS = 1_700_000_000_000
DEVICE = Device("d-1", DeviceRole.TRUCK, fleet="f", site_id="s", district="urban")
READINGS: list[Reading] = [
    Position(device_id="truck-1", ts=TS, lat=35.5, lon=112.8, speed_kmh=31.5, lift_up=False),
    Weighing(device_id="wb-1", ts=TS, gross_kg=30_000.0, ticket="T1", direction="in"),
    Fill(device_id="rp-1", ts=TS, compartment="paper", fill_pct=91.0),
    Throughput(device_id="line-1", ts=TS, running=True, rate_t_per_h=40.0),
    Status(device_id="truck-1", ts=TS, online=True, session=1),
]
ALERT = Point(
    ALERT_MEASUREMENT,
    (("device", "truck-1"), ("phase", "confirmed"), ("rule", "illegal_dumping"), ("severity", "P1")),
    {"alert_id": "a1", "revision": 1, "opened_at": TS, "title": "Dump", "title_zh": "倾倒", "lat": 35.5, "lon": 112.8},
    TS,
)


def queries() -> list[tuple[str, str]]:
    """Every query of the board, with its panel's title."""
    return [(panel["title"], target["query"]) for panel in overview()["panels"] for target in panel["targets"]]


def test_the_file_is_what_the_code_makes() -> None:
    assert (BOARDS / "overview.json").read_text(encoding="utf-8") == as_json(overview()), "run python -m grafana.boards"


@pytest.mark.parametrize(("title", "query"), queries())
def test_a_query_names_only_what_is_stored(title: str, query: str) -> None:
    selected, _, rest = query.partition(" FROM ")
    measurement = rest.split('"')[1]
    if measurement == ALERT_MEASUREMENT:
        known = {*ALERT_TAGS, *ALERT_FIELDS}
    else:
        kind = Kind(measurement)
        reading = next(reading for reading in READINGS if reading.kind is kind)
        known = {*FIELDS[kind], *(key for key, _ in point_of(reading, DEVICE).tags)}
    named = {*re.findall(r'"(\w+)"', selected), *re.findall(r'"(\w+)"', rest)[1:]}
    assert named
    assert named <= known


def test_every_kind_has_its_rate() -> None:
    [rates] = [panel for panel in overview()["panels"] if panel["type"] == "timeseries"]
    assert [target["alias"] for target in rates["targets"]] == [str(kind) for kind in Kind]


def test_panels_lie_on_the_grid_without_covering_each_other() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in overview()["panels"]:
        place = panel["gridPos"]
        covered = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in covered) < 24
        assert not covered & cells, panel["title"]
        cells |= covered
    assert len({panel["id"] for panel in overview()["panels"]}) == len(overview()["panels"])


def test_what_grafana_is_provisioned_with() -> None:
    [source] = yaml.safe_load((PROVISIONING / "datasources" / "influxdb.yaml").read_text())["datasources"]
    [provider] = yaml.safe_load((PROVISIONING / "dashboards" / "boards.yaml").read_text())["providers"]
    compose = yaml.safe_load((PROVISIONING.parents[1] / "docker-compose.yml").read_text(encoding="utf-8"))
    grafana, influx = compose["services"]["grafana"], compose["services"]["influxdb"]
    assert {"type": source["type"], "uid": source["uid"]} == DATA_SOURCE
    assert source["jsonData"]["dbName"] == influx["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert source["secureJsonData"]["httpHeaderValue1"] == "Token $__file{/run/secrets/influx_token}"
    assert "influx_token" in grafana["secrets"]
    mounted = {mount.split(":")[1] for mount in grafana["volumes"]}
    assert provider["options"]["path"] in mounted
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (BOARDS / home.name).exists()


@pytest.mark.real
async def test_a_real_influxdb_answers_every_panel(
    influx_server: InfluxServer, influx_store: InfluxStore, influx_database: str
) -> None:
    """Each query, with Grafana's macros filled in as Grafana does, gives one row or more with every column it names."""
    await influx_store.write([*(point_of(reading, DEVICE) for reading in READINGS), ALERT])
    for title, query in queries():
        said = await _ask(influx_server, influx_database, query)
        assert "error" not in said, (title, said)
        series = said.get("series")
        assert series, title
        wanted = set(re.findall(r'AS "(\w+)"', query))
        assert wanted <= set(series[0]["columns"]), title
        if "GROUP BY time" in query:
            assert any(row[1] == pytest.approx(0.1) for row in series[0]["values"]), title
    [alert] = (await _ask(influx_server, influx_database, queries()[-1][1]))["series"]
    row = dict(zip(alert["columns"], alert["values"][0], strict=True))
    assert {name: row[name] for name in (*ALERT_TAGS, *ALERT_FIELDS)} == dict(ALERT.tags) | dict(ALERT.fields)


async def _ask(server: InfluxServer, database: str, query: str) -> dict[str, Any]:
    span = f"time >= {TS - 60_000}ms AND time <= {TS + 60_000}ms"
    filled = query.replace("$timeFilter", span).replace("$__interval_ms", "10000").replace("$__interval", "10s")
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{server.url}/query", params={"db": database, "q": filled, "epoch": "ms"})
    result: dict[str, Any] = json.loads(answer.text)
    return result["results"][0] if "results" in result else result
