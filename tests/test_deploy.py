"""Scripts and configuration of deploy/, except access rights (tests/integration/test_broker_security.py)."""

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from devices.access.broker_access import read_password_file
from devices.access.credentials import MIN_SECRET_CHARS
from devices.codecs.topics import reading_topic
from devices.readings.ids import Service
from devices.readings.models import Kind
from haulwatch.settings.load import variables
from tests.servers import free_port, program, running
from tests.servers.deployed_broker import CONFIG, DEPLOY, DeployedBroker, make_secrets
from tests.servers.mqtt_line import Line
from tests.waiting import PATIENCE_S, until

TRUCK = "truck-001"


@pytest.mark.real
def test_messages_that_wait_for_the_collector_survive_a_restart_of_the_broker(tmp_path: Path) -> None:
    """More than Mosquitto's default queue of 1,000, from the outer listener to the inner one."""
    deployed = DeployedBroker(tmp_path, TRUCK)
    user, session = Service.COLLECTOR, {"client_id": "collector", "session_s": 3600}
    count = 1500
    with deployed.running():
        collector = Line(deployed.inner_port, user, deployed.passwords[user], **session)  # type: ignore[arg-type]
        collector.subscribe("haulwatch/v1/+/position")
        collector.leave()
        truck = Line(deployed.outer_port, TRUCK, deployed.passwords[TRUCK], tls=deployed.trusting())
        for number in range(count):
            truck.publish(reading_topic(TRUCK, Kind.POSITION), str(number).encode())
    with deployed.running():
        collector = Line(deployed.inner_port, user, deployed.passwords[user], **session)  # type: ignore[arg-type]
        collector.topics(count)
    assert [message.payload for message in collector.messages] == [str(number).encode() for number in range(count)]


def test_secrets_are_kept_when_the_script_runs_again(tmp_path: Path) -> None:
    names = make_secrets(tmp_path)
    before = {name: (tmp_path / name).read_text() for name in names}
    assert len(set(before.values())) == len(before)
    (tmp_path / "mqtt_url_alerts").unlink()
    make_secrets(tmp_path)
    after = {name: (tmp_path / name).read_text() for name in names}
    assert {name for name in names if after[name] != before[name]} == {"mqtt_url_alerts", "mosquitto_services"}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_every_process_gets_a_login_of_its_own(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    logins = read_password_file((tmp_path / "mosquitto_services").read_text())
    assert set(logins) == set(Service) - {Service.WHOLE}
    for user in logins:
        url = (tmp_path / f"mqtt_url_{user.removeprefix('haulwatch-')}").read_text()
        assert url.startswith(f"mqtt://{user}:")


def test_the_brokers_listeners_are_the_inner_one_and_tls_and_none_has_rules_of_its_own() -> None:
    text = (CONFIG / "mosquitto.conf").read_text() + (CONFIG / "certificates.conf").read_text()
    whole, *blocks = text.split("\nlistener ")
    assert {"allow_anonymous false", "password_file /mosquitto/access/passwords"} <= set(whole.splitlines())
    listeners = {block.split("\n")[0]: block for block in blocks}
    assert set(listeners) == {"1883", "8883", "8884"}
    for port, block in listeners.items():
        options = {line.split()[0] for line in block.splitlines()[1:] if line and not line.startswith("#")}
        assert not {"allow_anonymous", "password_file", "acl_file", "plugin"} & options
        assert ("certfile" in options) is (port != "1883")


INFLUX = r"""#!/bin/sh
# Keeps authorizations as lines "id TAB name" in two files, and answers as documented.
printf '%s\n' "$*" >>"$0.asked"
kept="$0.$1"
test "$1" = v1 && shift
touch "$kept"
case "$2" in
  list) sed 's/$/\tand more/' "$kept" ;;
  delete) sed -i "/^$4/d" "$kept" ;;
  create)
    grep -q grafana "$kept" && test "$5" = --username && exit 1
    n=$(wc -l <"$0.asked")
    printf '0c%s\t%s\n' "$n" "$6" >>"$kept"
    printf '{\n\t"id": "0c%s",\n\t"token": "s3cr3t%s==",\n\t"status": "active"\n}\n' "$n" "$n" ;;
esac
exit 0
"""


def test_influxdb_gives_grafana_and_haulwatch_only_the_rights_they_need(tmp_path: Path) -> None:
    """The script that its image runs, with a fake `influx` command that answers as documented."""
    influx = tmp_path / "influx"
    influx.write_text(INFLUX)
    influx.chmod(0o755)
    script = DEPLOY / "influxdb" / "access.sh"
    assert os.access(script, os.X_OK), "the image runs only executable files"
    text = script.read_text().replace("/run/secrets/influx_grafana_password", str(tmp_path / "password"))
    (tmp_path / "password").write_text("of-grafana")
    (tmp_path / "access.sh").write_text(text)
    env = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "DOCKER_INFLUXDB_INIT_ORG": "haulwatch",
        "DOCKER_INFLUXDB_INIT_BUCKET_ID": "b0b",
        "INFLUX_ACCESS": str(tmp_path),
    }
    tokens = []
    for _ in range(2):
        (tmp_path / "influx.asked").unlink(missing_ok=True)
        subprocess.run(["sh", str(tmp_path / "access.sh")], env=env, check=True)
        asked = (tmp_path / "influx.asked").read_text().splitlines()
        assert [line for line in asked if " create " in line] == [
            "v1 auth create --org haulwatch --username grafana --password of-grafana --read-bucket b0b",
            "auth create --org haulwatch --description haulwatch --json --read-bucket b0b --write-bucket b0b",
        ]
        tokens.append((tmp_path / "haulwatch_token").read_text())
        (login,) = (tmp_path / "influx.v1").read_text().splitlines()
        (token,) = (tmp_path / "influx.auth").read_text().splitlines()
        assert login.endswith("\tgrafana")
        assert token.endswith("\thaulwatch")
    assert tokens[0] != tokens[1]
    assert all(token.startswith("s3cr3t") for token in tokens)
    influx.write_text(INFLUX.replace("token", "tok"))
    assert subprocess.run(["sh", str(tmp_path / "access.sh")], env=env, check=False).returncode != 0


def test_a_password_in_two_files_is_the_same(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    secret = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert secret["database_url"] == f"postgresql://haulwatch:{secret['postgres_password']}@postgres/haulwatch"
    assert f":{secret['simulators_password']}@" in secret["simulators_url"]
    assert len(secret["simulators_password"]) >= MIN_SECRET_CHARS
    (tmp_path / "postgres_password").unlink()
    (tmp_path / "simulators_url").write_text("mqtts://a-url-of-ones-own")
    make_secrets(tmp_path)
    assert (tmp_path / "postgres_password").read_text() in (tmp_path / "database_url").read_text()
    assert (tmp_path / "postgres_password").read_text() != secret["postgres_password"]
    assert (tmp_path / "simulators_url").read_text() == "mqtts://a-url-of-ones-own", "its password is the old one"


class FakeStore(BaseHTTPRequestHandler):
    """Accepts writes, as InfluxDB and VictoriaMetrics do, and keeps them in its server."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.writes.append((self.path, self.headers["Authorization"], body))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def fake_store() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeStore)
    server.writes = []  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.real
def test_every_write_also_goes_to_the_copy_and_only_the_stores_answer_counts(tmp_path: Path) -> None:
    """deploy/influxdb/copy.conf in a real nginx."""
    port, text = free_port(), (DEPLOY / "influxdb" / "copy.conf").read_text()
    with fake_store() as store, fake_store() as copy:
        for deployed, here in {
            "listen 8086": f"listen 127.0.0.1:{port}",
            "influxdb:8086": f"127.0.0.1:{store.server_port}",
            "victoriametrics:8428": f"127.0.0.1:{copy.server_port}",
            "/tmp/": f"{tmp_path}/",
        }.items():
            assert deployed in text
            text = text.replace(deployed, here)
        (tmp_path / "copy.conf").write_text("daemon off;\n" + text)
        command = [program("nginx"), "-p", str(tmp_path), "-c", str(tmp_path / "copy.conf")]
        with running(command, tmp_path / "nginx.log", port):
            url = f"http://127.0.0.1:{port}/api/v2/write?bucket=haulwatch&org=haulwatch&precision=ms"
            nginx = httpx.Client(headers={"Authorization": "Token secret"}, timeout=PATIENCE_S)
            assert nginx.post(url, content=b"fill,device=p-1 fill_pct=1 1").status_code == 204
            path = url.partition(str(port))[2]
            assert store.writes == [(path, "Token secret", b"fill,device=p-1 fill_pct=1 1")]  # type: ignore[attr-defined]
            until(lambda: copy.writes, "the copy gets the write")  # type: ignore[attr-defined]
            assert copy.writes == [(path, None, b"fill,device=p-1 fill_pct=1 1")]  # type: ignore[attr-defined]
            copy.shutdown()
            copy.server_close()
            assert nginx.post(url, content=b"fill,device=p-1 fill_pct=2 2").status_code == 204
            nginx.close()
            assert len(store.writes) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("document", ["operation.md", "influxdb.md"])
def test_settings_metrics_and_files_that_the_documents_name_exist(document: str) -> None:
    root = DEPLOY.parent
    text = (root / "docs" / document).read_text(encoding="utf-8")
    settings = [variable for _, _, variable in variables()]
    names = {variable.name for variable in settings}
    names |= {f"{variable.name}_FILE" for variable in settings if variable.secret}
    assert set(re.findall(r"HAULWATCH_[A-Z_]+", text)) <= names
    metrics = "".join(path.read_text(encoding="utf-8") for path in (root / "api" / "operations").glob("*metrics.py"))
    for metric in set(re.findall(r"`(haulwatch_\w+)", text)):
        assert f'"{metric.removesuffix("_total")}"' in metrics, metric
    for path in set(re.findall(r"`((?:deploy|tests|devices)/[\w./]+)`", text)):
        made_later = path.startswith("deploy/secrets/")
        assert made_later or (root / path).exists(), path
