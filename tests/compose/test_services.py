"""docker-compose.yml: valid by the specification's own schema, and correct where the schema has no rule.

No container engine runs here: these are the tests that need none.
"""

import copy
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from haulwatch.health.doctor import CHECKS
from haulwatch.settings.data_files import collector_status_path, heartbeat_path
from haulwatch.settings.load import load_settings
from tests import ROOT
from tests.servers.deployed_broker import make_secrets

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "admin", "collect", "record", "judge", "serve", "enrol-simulators", "simulators")
ONCE = ("migrate", "enrol-simulators")
VARIANTS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "deploy/variants").glob("*.yml"))}
SCHEMA = Draft202012Validator(json.loads((ROOT / "tests/compose/compose-spec.json").read_text(encoding="utf-8")))
INTERPOLATION = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def interpolated(value: str) -> str:
    """The value as compose reads it when no variable is set."""
    return INTERPOLATION.sub(lambda match: match[2] or "", value)


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from strings(item)
        case list():
            for item in value:
                yield from strings(item)


def with_variant(name: str) -> dict[str, Any]:
    """The services as compose merges them: maps by key, mounts by target, other lists one after the other."""
    merged = copy.deepcopy(SERVICES)
    for service, changed in VARIANTS[name]["services"].items():
        base = merged.setdefault(service, {})
        for key, value in changed.items():
            if isinstance(value, dict):
                base[key] = {**base.get(key, {}), **value}
            elif key == "volumes":
                base[key] = list({mount.split(":")[1]: mount for mount in [*base.get(key, []), *value]}.values())
            elif isinstance(value, list) and key not in {"command", "entrypoint"}:
                base[key] = [*base.get(key, []), *value]
            else:
                base[key] = value
    return merged


@pytest.mark.parametrize("document", [COMPOSE, *VARIANTS.values()], ids=["compose", *VARIANTS])
def test_the_schema_accepts_it(document: dict[str, Any]) -> None:
    assert [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(document)] == []


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_declares_what_it_uses(name: str) -> None:
    """Its secrets and volumes are declared, and InfluxDB has the host name that Haulwatch and Grafana use."""
    variant, merged = VARIANTS[name], with_variant(name)
    declared = COMPOSE["secrets"].keys() | variant.get("secrets", {}).keys()
    volumes = COMPOSE["volumes"].keys() | variant.get("volumes", {}).keys()
    for service in merged.values():
        assert set(service.get("secrets", [])) <= declared
        for mount in service.get("volumes", []):
            source = interpolated(mount).split(":")[0]
            assert source in volumes or source == "/dev/null" or (ROOT / source).exists(), source
        for variable, value in service.get("environment", {}).items():
            if value.startswith("/run/secrets/"):
                assert Path(value).name in service["secrets"], variable
    [source] = yaml.safe_load((ROOT / "grafana/provisioning/datasources/influxdb.yaml").read_text())["datasources"]
    assert source["url"] == "http://influxdb:8086"
    host = merged["record"]["environment"]["HAULWATCH_INFLUX_URL"].removeprefix("http://").removesuffix(":8086")
    assert host in merged


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [("collect", "depend_on", {}), ("serve", "ports", {"8080": 8080}), ("record", "restart", 3)],
)
def test_the_schema_refuses_a_mistake(service: str, key: str, value: object) -> None:
    mistaken = copy.deepcopy(COMPOSE)
    mistaken["services"][service][key] = value
    assert not SCHEMA.is_valid(mistaken)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_restarted_watched_and_limited(name: str) -> None:
    """Also unprivileged, and of a named version."""
    service = SERVICES[name]
    assert service["restart"] == ("no" if name in {*ONCE, "admin"} else "unless-stopped")
    assert service["healthcheck"].get("test") or name in {*ONCE, "admin"}
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert ":" in service["image"] or "build" in service
    assert not service["image"].endswith(":latest")


def test_ports_are_on_loopback_by_default() -> None:
    published = [interpolated(port) for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_conditions_of_depends_on_can_be_met() -> None:
    for service in SERVICES.values():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], other
            if wait["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no", other


def test_mounted_files_and_volumes_exist() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = interpolated(mount).split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"], source


def test_secrets_come_from_files_that_the_script_makes(tmp_path: Path) -> None:
    made = set(make_secrets(tmp_path))
    declared = {name: Path(secret["file"]).name for name, secret in COMPOSE["secrets"].items()}
    of_variants = {"influx_login", "tracker_keys"}
    assert declared == {name: name for name in made - of_variants}
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    others = {"mqtt_url_gateway", "mqtt_url_chirpstack", "mqtt_url_ttn", "mqtt_url_probe"}
    assert used == declared.keys() - others, "of gateways, which variants add, of network servers and of monitoring"


def test_no_service_holds_a_secret_that_it_does_not_need() -> None:
    """Only the databases hold their administrators' secrets; a collector has no database."""
    holders: dict[str, set[str]] = {}
    for service, found in SERVICES.items():
        for secret in found.get("secrets", []):
            holders.setdefault(secret, set()).add(service)
    assert holders["influx_admin_token"] == holders["influx_admin_password"] == {"influxdb"}
    assert holders["postgres_password"] == {"postgres"}
    assert holders["database_url"] == {"migrate", "admin", "enrol-simulators"}
    for process in ("record", "judge", "serve"):
        assert holders[f"database_url_{process}"] == {"migrate", process}
    with_authority = {name for name, found in SERVICES.items() if "authority:" in str(found.get("volumes"))}
    assert with_authority == {"migrate", "admin"}, "the key of the certificate authority"
    assert holders["simulators_password"] == {"enrol-simulators"}
    assert SERVICES["collect"]["secrets"] == ["mqtt_url_collector"]
    with_token = {name for name, found in SERVICES.items() if "influx-access" in str(found.get("volumes"))}
    assert with_token == {"influxdb", "record", "judge", "serve"}


def test_simulated_devices_come_with_their_profile_only() -> None:
    profiled = {name for name, service in SERVICES.items() if service.get("profiles") == ["simulators"]}
    assert profiled == {"enrol-simulators", "simulators"}
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            assert other not in profiled or name in profiled or wait["required"] is False, name


def test_no_password_is_in_the_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|MQTT_URL|DATABASE_URL", variable):
                assert variable.endswith("_FILE"), (name, variable)
                if value != "/run/influx-access/haulwatch_token":
                    assert Path(value) == Path("/run/secrets", Path(value).name), (name, variable)
                    assert Path(value).name in service["secrets"], (name, variable)


@pytest.mark.parametrize("name", OURS)
def test_our_processes_accept_their_settings(name: str, tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "haulwatch_token").write_text("a-token")
    env = {
        variable: re.sub("^/run/(secrets|influx-access)", str(tmp_path), interpolated(value))
        for variable, value in SERVICES[name]["environment"].items()
    }
    settings = load_settings(env)
    users = {"collect": "haulwatch-collector", "judge": "haulwatch-alerts", "serve": "haulwatch-commander"}
    users["simulators"] = "simulators"
    broker = settings.mqtt.broker
    assert broker.user == users.get(name)
    assert broker.host == ("mosquitto" if name in users else "127.0.0.1")
    assert (broker.tls, broker.port) == ((True, 8883) if name == "simulators" else (False, 1883))
    user = f"haulwatch_{name}" if name in {"record", "judge", "serve"} else "haulwatch"
    assert settings.database_url.get_secret_value().startswith(
        "sqlite:" if name in {"collect", "simulators"} else f"postgresql+psycopg://{user}:"
    )
    if name in {"record", "judge", "serve"}:
        influx = SERVICES["influxdb"]["environment"]
        assert settings.store.url == "http://influxdb:8086"
        assert settings.store.bucket == influx["DOCKER_INFLUXDB_INIT_BUCKET"]
        assert settings.store.org == influx["DOCKER_INFLUXDB_INIT_ORG"]
    if name == "serve":
        assert settings.api.token is not None
        assert settings.api.read_token is not None
        assert settings.api.host == "0.0.0.0"
        assert settings.api.origins == "http://localhost:3000 http://127.0.0.1:3000"
        assert settings.api.public_map == "on"


def test_a_process_is_healthy_while_it_writes_its_file(tmp_path: Path) -> None:
    """The health check of each process reads the file that it writes every second; the check itself is run here."""
    asked: dict[str, Path] = {}
    for name, service in SERVICES.items():
        kind, *command = service["healthcheck"].get("test", ["none"])
        if kind != "CMD-SHELL":
            continue
        [path] = re.findall(r"/var/lib/\S+", command[0])
        asked[name] = Path(path)
        file = tmp_path / asked[name].name
        shell = ["sh", "-c", command[0].replace(path, str(file))]
        assert subprocess.run(shell, capture_output=True, check=False).returncode != 0, "the file does not exist"
        file.write_text("{}")
        assert subprocess.run(shell, check=False).returncode == 0
        os.utime(file, (0, time.time() - 40))
        assert subprocess.run(shell, check=False).returncode != 0, "the file is old"
    home = Path("/var/lib/haulwatch")
    settings = load_settings({"HAULWATCH_DATA_DIR": str(home)})
    assert asked == {
        "collect": collector_status_path(settings),
        "record": heartbeat_path(settings, "recorder"),
        "judge": heartbeat_path(settings, "judge"),
        "simulators": Path("/var/lib/haulwatch-simulators/simulators/report.json"),
    }


def test_the_image_runs_checks_that_the_doctor_has() -> None:
    [asked] = re.findall(r'CMD \["haulwatch", "doctor", (.*)\]', (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert set(json.loads(f"[{asked}]")) <= set(CHECKS)


def test_grafana_needs_no_internet_and_finds_its_boards() -> None:
    environment = {name: interpolated(value) for name, value in SERVICES["grafana"]["environment"].items()}
    base = json.loads(environment["GF_GEOMAP_DEFAULT_BASELAYER_CONFIG"])
    assert base["type"] == "xyz"
    assert base["config"]["url"].startswith("data:image/gif;base64,")
    mounts = dict(interpolated(mount).split(":")[1::-1] for mount in SERVICES["grafana"]["volumes"])
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / home.replace("/etc/haulwatch/boards", mounts["/etc/haulwatch/boards"])).is_file()
    provider = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/boards.yaml").read_text())["providers"]
    for entry in provider:
        folder = entry["options"]["path"].replace("/etc/haulwatch/boards", mounts["/etc/haulwatch/boards"])
        assert list((ROOT / folder).glob("*.json"))


def test_env_example_lists_every_variable() -> None:
    texts = [text for document in (COMPOSE, *VARIANTS.values()) for text in strings(document)]
    asked = {name: default for text in texts for name, default in INTERPOLATION.findall(text)}
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert dict(line.split("=", 1) for line in lines if line and not line.startswith("#")) == asked


def test_the_image_has_every_package_and_does_not_run_as_root() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packages = set(re.findall(r'"(\w+)\*"', project))
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert packages
    assert packages <= allowed
    final = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert re.search(r"^USER haulwatch$", final, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", final, re.MULTILINE)
    assert "--require-hashes" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
