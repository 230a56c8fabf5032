"""docker-compose.yml without containers: its own scripts, commands, environments and health checks, on native servers.

Mosquitto with the deployed configuration (with TLS), PostgreSQL, nginx + InfluxDB 1.6. Only the parts that containers
provide are replaced: host names become loopback ports, mounted folders become folders of the test.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from devices.codecs.topics import reading_topic
from devices.db.database import open_database
from devices.readings.models import Kind
from grafana.render import all_boards
from rules.alerts.actions import AlertFilter, AlertView
from rules.alerts.journal import AlertJournal
from tests import ROOT
from tests.compose.test_services import SERVICES, interpolated
from tests.grafana.as_grafana import ALL, interval_of, span_of, with_macros, with_variables
from tests.installation import Installation
from tests.servers.deployed_broker import DeployedBroker
from tests.servers.influxdb import InfluxServer
from tests.servers.mqtt_line import Line
from tests.waiting import PATIENCE_S

SPEED, LENGTH_S = 240, 1_800
PROCESSES = ("collect", "record", "judge", "serve")
FIELD_OF_EVERY_READING = {
    Kind.POSITION: "lat",
    Kind.WEIGHING: "gross_kg",
    Kind.FILL: "fill_pct",
    Kind.THROUGHPUT: "rate_t_per_h",
    Kind.STATUS: "session",
}
RULES = {"route_deviation", "illegal_dumping"}
EVERYTHING = dict.fromkeys(("district", "fleet", "site", "device", "rule"), ALL)
CITY = ROOT / "devices/cities/jincheng"


class Stack(Installation):
    """The services of the file as processes of this machine."""

    def __init__(self, folder: Path, broker: DeployedBroker, influx: InfluxServer, bucket: str, postgres: str) -> None:
        super().__init__(
            folder / "haulwatch", {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}, loaded=True
        )
        self.broker, self._influx, self.postgres = broker, influx, postgres
        (folder / "influx-access").mkdir()
        (folder / "influx-access" / "haulwatch_token").write_text("unused")
        self._replacements = {
            "/run/secrets/": f"{broker.secrets}/",
            "/run/influx-access/": f"{folder / 'influx-access'}/",
            "/var/lib/haulwatch-broker": str(broker.access),
            "/var/lib/haulwatch-authority": str(folder / "authority"),
            "/var/lib/haulwatch-simulators": str(folder / "simulators"),
            "/var/lib/haulwatch/": f"{self.folder}/",
            "/city": str(CITY),
            "authority mosquitto localhost": "authority 127.0.0.1",
            "--group 1883": f"--group {os.getgid()}",
            "http://influxdb:8086": influx.url,
            "http://127.0.0.1:8080": f"http://127.0.0.1:{self.api_port}",
        }
        (folder / "simulators").mkdir()
        hosts = {
            "@mosquitto:1883": f"@127.0.0.1:{broker.inner_port}",
            "@mosquitto:8883": f"@127.0.0.1:{broker.outer_port}",
            "@postgres/haulwatch": "@" + postgres.partition("@")[2],
        }
        for secret in broker.secrets.iterdir():
            secret.write_text(_replaced(secret.read_text(), hosts))
        common = self.environment
        self._environments = {
            name: {**common, **self._environment(SERVICES[name], bucket)}
            for name in (*PROCESSES, "migrate", "admin", "enrol-simulators", "simulators")
        }

    def _environment(self, service: Mapping[str, Any], bucket: str) -> dict[str, str]:
        declared = {
            name: _replaced(interpolated(value), self._replacements) for name, value in service["environment"].items()
        }
        local = {"HAULWATCH_INFLUX_BUCKET": bucket, "HAULWATCH_API_HOST": "127.0.0.1"}
        return {**declared, **{name: value for name, value in local.items() if name in declared}}

    def once(self, name: str) -> None:
        """Run a service to its end."""
        [script] = SERVICES[name]["command"]
        command = [*SERVICES[name]["entrypoint"], _replaced(interpolated(script), self._replacements)]
        done = subprocess.run(command, env=self._environments[name], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def up(self, name: str, *more: str) -> None:
        """Start a service."""
        self.environment = self._environments[name]
        self.start(*SERVICES[name]["command"], *more)

    def wait_healthy(self, name: str) -> None:
        """Return when the service's own health check succeeds."""
        kind, *test = SERVICES[name]["healthcheck"]["test"]
        words = [_replaced(word, self._replacements) for word in test]
        command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
        environment = self._environments[name]

        def healthy() -> bool:
            return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

        self.until(healthy, f"{name} is healthy", every_s=0.5)

    def as_service(self, name: str, *arguments: str) -> Any:
        """`docker compose exec NAME haulwatch …`, or `run --rm NAME …`."""
        self.environment = self._environments[name]
        return self.json(*arguments)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series of an answer. Asks as the provisioned data source does: InfluxQL, with user and password."""
        login = ("grafana", (self.broker.secrets / "influx_grafana_password").read_text())
        form = {"db": self._environments["record"]["HAULWATCH_INFLUX_BUCKET"], "q": query, "epoch": "ms"}
        answer = httpx.post(f"{self._influx.url}/query", data=form, auth=login, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        [result] = answer.json()["results"]
        assert "error" not in result, result
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def panel(self, panel: Mapping[str, Any], board: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The series that a panel shows now, with the board's default range and all variables on All."""
        start, end = span_of(panel, board, time.time_ns() // 1_000_000)
        interval_ms = interval_of(panel, start, end)
        queries = [with_variables(target["query"], EVERYTHING) for target in panel["targets"]]
        expanded = [with_macros(query, start=start, end=end, interval_ms=interval_ms) for query in queries]
        return [series for query in expanded for series in self.ask(query)]

    def alerts(self) -> list[AlertView]:
        """The alerts in PostgreSQL, read without the services."""
        engine = open_database(self.postgres)
        try:
            return list(AlertJournal(engine).alerts(AlertFilter(), limit=100).items)
        finally:
            engine.dispose()

    def read(self, resource: str) -> Any:
        """An answer of the API, with the read token."""
        token = (self.broker.secrets / "api_read_token").read_text()
        url = f"http://127.0.0.1:{self.api_port}/api/v1/{resource}"
        answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ready(self) -> dict[str, Any]:
        answer = httpx.get(f"http://127.0.0.1:{self.api_port}/readyz", timeout=PATIENCE_S)
        readiness: dict[str, Any] = answer.json()
        return {"status": None, **readiness} if answer.status_code == 200 else {"status": None}


def _replaced(text: str, replacements: Mapping[str, str]) -> str:
    return re.sub("|".join(map(re.escape, replacements)), lambda match: replacements[match[0]], text)


@pytest.fixture
def stack(tmp_path: Path, influx_server: InfluxServer, influx_database: str, postgres_url: str) -> Iterator[Stack]:
    stack = Stack(tmp_path, DeployedBroker(tmp_path), influx_server, influx_database, postgres_url)
    stack.once("migrate")
    stack.once("enrol-simulators")
    with stack.broker.running():
        yield stack
        stack.close()


@pytest.mark.real
@pytest.mark.long
def test_the_stack_comes_up_and_the_whole_path_runs_over_it(stack: Stack, tmp_path: Path) -> None:
    for name in PROCESSES:
        stack.up(name)
    for name in PROCESSES:
        stack.wait_healthy(name)
    # A device that is added, with a secret of its own, while the stack runs.
    added = ("device", "add", "point-900", "--role", "recycling_point", "--site", "recycling-001")
    [given] = stack.as_service("admin", *added)
    stack.once("migrate")
    stack.broker.restart()
    line = Line(stack.broker.outer_port, "point-900", given["secret"], tls=stack.broker.trusting())
    reading = json.dumps({"ts": time.time_ns() // 1_000_000, "compartment": "paper", "fill_pct": 41.5}).encode()
    assert line.publish(reading_topic("point-001", Kind.FILL), reading) == "Not authorized"
    assert line.publish(reading_topic("point-900", Kind.FILL), reading) == "Success"
    line.leave()

    stack.up("simulators", "--speed", str(SPEED), "--length", str(LENGTH_S), "--seed", "3")
    stack.wait_healthy("simulators")
    report: dict[str, Any] = {}

    def script_done() -> bool:
        report.update(_json(tmp_path / "simulators" / "simulators" / "report.json"))
        return bool(report.get("script_done"))

    stack.until(script_done, "the scenario ends")
    stack.stop("simulate")
    report = _json(tmp_path / "simulators" / "simulators" / "report.json")

    def all_recorded() -> bool:
        total = stack.read("ledger")["total"]
        return bool(total["received"] > report["published"] and total["queued"] == 0)

    stack.until(all_recorded, "every reading is recorded")
    total = stack.as_service("serve", "ledger")["total"]
    assert total["received"] == report["published"] + 1 == accounted(total)
    written = [stack.ask(f"SELECT count({field}) FROM {kind}") for kind, field in FIELD_OF_EVERY_READING.items()]
    assert sum(series["values"][0][1] for [series] in written) == total["stored"]
    [own] = stack.ask("SELECT fill_pct FROM fill WHERE device = 'point-900'")
    assert [row[1] for row in own["values"]] == [41.5]

    stack.until(lambda: {alert.rule for alert in stack.alerts()} >= RULES, "alerts are in PostgreSQL")
    stack.until(lambda: stack.ready()["status"] == "ready", "every part is ready")
    assert "haulwatch.db" not in {path.name for path in stack.folder.iterdir()}, "an embedded registry or journal"
    assert "readings.db" not in {path.name for path in stack.folder.iterdir()}, "an embedded store"

    board = next(board for path, board in all_boards() if str(path) == "en/overview.json")
    rows = {panel["title"]: stack.panel(panel, board) for panel in board["panels"]}
    assert {title for title, series in rows.items() if series} >= {
        "Trucks out",
        "Alerts raised",
        "Open alerts",
        "Data health",
    }

    origin = {"Origin": "http://localhost:3000"}
    layer = httpx.get(f"http://127.0.0.1:{stack.api_port}/geo/sites.geojson", headers=origin, timeout=PATIENCE_S)
    assert (layer.status_code, layer.headers["access-control-allow-origin"]) == (200, origin["Origin"])
    closed = httpx.get(f"http://127.0.0.1:{stack.api_port}/api/v1/trucks", headers=origin, timeout=PATIENCE_S)
    assert closed.status_code == 401


def accounted(total: Mapping[str, Any]) -> int:
    quarantined: Mapping[str, int] = total["quarantined"]
    return int(total["stored"] + total["duplicate"] + total["queued"] + sum(quarantined.values()))


def _json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content
