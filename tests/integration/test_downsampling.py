"""docs/influxdb.md on a real InfluxDB 1.6: its table against devices.readings.series, and its statements word for
word."""

import re
import time
from typing import Any

import httpx
import pytest

from devices.readings import series
from devices.readings.models import Kind
from tests import ROOT
from tests.servers.influxdb import InfluxServer
from tests.waiting import PATIENCE_S, until

DOCS = ROOT / "docs"
DOCUMENT = (DOCS / "influxdb.md").read_text(encoding="utf-8")
HOUR_S = 3_600


def statements(block: str) -> list[str]:
    [found] = re.findall(rf"```influxql {block}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(found).splitlines()


def test_the_table_names_what_is_written() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\w, ]+) \|", DOCUMENT, re.MULTILINE)
    area = set(series.AREA_TAGS)
    written = {str(kind): {"device", *area} for kind in Kind}
    written["fill"].add("compartment")
    written["status"].add("closing")
    written[series.ALERT_MEASUREMENT] = {*series.ALERT_TAGS, *area, "compartment"}
    written[series.ALERT_STATE_MEASUREMENT] = set(series.ALERT_STATE_TAGS)
    written[series.EMPTYING_MEASUREMENT] = {"device", *area, "compartment"}
    written[series.SUSPECTED_SITE_MEASUREMENT] = set(series.SUSPECTED_SITE_TAGS)
    written[series.PLACE_MEASUREMENT] = set(series.PLACE_TAGS)
    written[series.CITY_LOADS_MEASUREMENT] = set(series.CITY_LOADS_TAGS)
    written[series.MANIFEST_MEASUREMENT] = set(series.MANIFEST_TAGS)
    written[series.INDICATOR_MEASUREMENT] = set(series.INDICATOR_TAGS)
    written[series.HEALTH_MEASUREMENT] = set(series.HEALTH_TAGS)
    assert {name: set(tags.split(", ")) for name, tags in rows} == written
    # InfluxDB 3 Core takes no new tag later: its statements have the same tags.
    made = re.findall(r"^(\w+):([\w,]+)$", (DOCS / "operation.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name: set(tags.split(",")) for name, tags in made} == written


def test_the_downsampled_fields_exist() -> None:
    for kind, fields in {
        Kind.FILL: {"fill_pct", "temperature_c"},
        Kind.THROUGHPUT: {"rate_t_per_h"},
        Kind.POSITION: {"lat", "speed_kmh"},
    }.items():
        [statement] = [text for text in statements("setup") if f"FROM haulwatch.autogen.{kind} " in text]
        assert set(re.findall(r"\w+\((\w+)\) AS", statement)) == fields <= set(series.FIELDS[kind])


class Influx:
    """One database of the server, with an administrator's rights."""

    def __init__(self, server: InfluxServer, database: str) -> None:
        self._url, self._database = f"http://127.0.0.1:{server.influxd_port}", database

    def run(self, statement: str) -> list[dict[str, Any]]:
        """Run a statement with this database's name in place of `haulwatch`."""
        query = re.sub(r"\bhaulwatch\b", f'"{self._database}"', statement)
        form = {"q": query, "db": self._database, "epoch": "s"}
        answer = httpx.post(f"{self._url}/query", data=form, timeout=PATIENCE_S)
        [result] = answer.json()["results"]
        assert "error" not in result, (result, query)
        found: list[dict[str, Any]] = result.get("series", [])
        return found

    def write(self, *lines: str) -> None:
        params = {"db": self._database, "precision": "s"}
        httpx.post(f"{self._url}/write", params=params, content="\n".join(lines), timeout=PATIENCE_S).raise_for_status()

    def hourly(self, at: int) -> tuple[float, float] | None:
        """Mean and maximum of the row at this hour; None while there is none."""
        query = f"SELECT fill_pct, fill_pct_max FROM haulwatch.years.fill_1h WHERE time = {at}s GROUP BY *"
        found = self.run(query)
        if not found:
            return None
        assert found[0]["tags"] == {"compartment": "paper", "device": "point-1", "district": "urban", "site": "yard"}
        return found[0]["values"][0][1], found[0]["values"][0][2]


def fill(at: int, pct: float) -> str:
    return f"fill,compartment=paper,device=point-1,district=urban,site=yard fill_pct={pct},temperature_c=20 {at}"


@pytest.mark.real
def test_a_late_reading_changes_the_hour_it_belongs_to(influx_server: InfluxServer, influx_database: str) -> None:
    influx = Influx(influx_server, influx_database)
    this_hour = int(time.time()) // HOUR_S * HOUR_S
    yesterday, last_week = this_hour - 20 * HOUR_S, this_hour - 7 * 24 * HOUR_S
    influx.write(fill(yesterday + 60, 10.0), fill(yesterday + 120, 20.0))
    for statement in statements("setup"):
        influx.run(statement.replace("EVERY 30m", "EVERY 1s"))
    until(lambda: influx.hourly(yesterday) == (15.0, 20.0), "the hour is downsampled")

    influx.write(fill(yesterday + 180, 60.0))
    until(lambda: influx.hourly(yesterday) == (30.0, 60.0), "the late reading changes the hour")

    influx.write(fill(last_week + 60, 70.0))
    [again] = statements("again")
    days = ["'" + time.strftime("%FT%TZ", time.gmtime(last_week + n * HOUR_S)) + "'" for n in (0, 24)]
    assert influx.hourly(last_week) is None
    influx.run(re.sub(r"'2026-[^']+'", lambda _: days.pop(0), again))
    assert influx.hourly(last_week) == (70.0, 70.0)


@pytest.mark.real
def test_old_bulk_data_is_deleted_and_the_rest_stays(influx_server: InfluxServer, influx_database: str) -> None:
    influx = Influx(influx_server, influx_database)
    now = int(time.time())
    old, young = now - 91 * 24 * HOUR_S, now - 89 * 24 * HOUR_S
    influx.write(*(f"{name},device=d-1 value=1 {at}" for name in ("position", "weighing") for at in (old, young)))
    influx.write(*(f"{name},device=d-1 value=1 {old}" for name in ("status", "ingestion")))
    for statement in statements("delete"):
        influx.run(statement)
    kept = {found["name"]: [row[0] for row in found["values"]] for found in influx.run("SELECT * FROM /.*/")}
    assert kept == {"position": [young], "weighing": [old, young]}
