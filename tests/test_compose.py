"""docker-compose.yml: valid by the specification's own schema, and sound in what no schema says.

No container engine runs here; what can be shown without one is shown.
"""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from haulwatch.doctor import CHECKS
from haulwatch.settings import load_settings
from tests.test_deploy import make_secrets

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "collect", "record", "judge", "serve")
SCHEMA = Draft202012Validator(json.loads((ROOT / "tests/compose/compose-spec.json").read_text(encoding="utf-8")))
INTERPOLATION = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def interpolated(value: str) -> str:
    """As compose reads it with nothing set."""
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


def test_the_schema_accepts_it() -> None:
    assert [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(COMPOSE)] == []


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [("collect", "depend_on", {}), ("serve", "ports", {"8080": 8080}), ("record", "restart", 3)],
)
def test_the_schema_would_refuse_a_slip(service: str, key: str, value: object) -> None:
    slipped = copy.deepcopy(COMPOSE)
    slipped["services"][service][key] = value
    assert not SCHEMA.is_valid(slipped)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_held(name: str) -> None:
    """Restarted when it dies, watched, bounded, unprivileged, of a named version."""
    service = SERVICES[name]
    assert service["restart"] == ("no" if name == "migrate" else "unless-stopped")
    assert service["healthcheck"].get("test") or name == "migrate"
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert ":" in service["image"] or "build" in service
    assert not service["image"].endswith(":latest")


def test_ports_are_on_loopback_until_somebody_says_otherwise() -> None:
    published = [interpolated(port) for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_is_waited_for_can_come_about() -> None:
    for service in SERVICES.values():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], other
            if wait["condition"] == "service_completed_successfully":
                assert SERVICES[other]["restart"] == "no", other


def test_what_is_mounted_is_there() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = interpolated(mount).split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"], source


def test_secrets_come_from_files_that_the_script_makes(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    declared = {name: Path(secret["file"]).name for name, secret in COMPOSE["secrets"].items()}
    assert declared == {name: name for name in made}
    used = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert used == set(made)


def test_no_password_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN", variable):
                assert value.startswith("/run/secrets/"), (name, variable)
                assert Path(value).name in service["secrets"], (name, variable)


@pytest.mark.parametrize("name", OURS)
def test_our_processes_take_their_settings(name: str, tmp_path: Path) -> None:
    make_secrets(tmp_path)
    env = {
        variable: interpolated(value).replace("/run/secrets", str(tmp_path))
        for variable, value in SERVICES[name]["environment"].items()
    }
    settings = load_settings(env)
    assert (settings.mqtt.broker.host, settings.mqtt.broker.user) == ("mosquitto", "haulwatch")
    assert settings.store.url == "http://influxdb:8086"
    assert settings.store.bucket == SERVICES["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert settings.store.org == SERVICES["influxdb"]["environment"]["DOCKER_INFLUXDB_INIT_ORG"]
    if name == "serve":
        assert settings.api.token is not None
        assert settings.api.read_token is not None
        assert settings.api.host == "0.0.0.0"


def test_the_doctor_is_asked_for_checks_it_has() -> None:
    tests = [service["healthcheck"].get("test", []) for service in SERVICES.values()]
    asked = [test[3:] for test in tests if test[1:3] == ["haulwatch", "doctor"]]
    image = re.findall(r'CMD \["haulwatch", "doctor", (.*)\]', (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    asked += [json.loads(f"[{names}]") for names in image]
    assert len(asked) == 4
    assert all(names and set(names) <= set(CHECKS) for names in asked)


def test_the_example_of_an_environment_lists_what_can_be_set() -> None:
    asked = {name: default for text in strings(COMPOSE) for name, default in INTERPOLATION.findall(text)}
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert dict(line.split("=", 1) for line in lines if line and not line.startswith("#")) == asked


def test_the_image_holds_every_package_and_nothing_runs_as_root() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    packages = set(re.findall(r'"(\w+)\*"', project))
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert packages
    assert packages <= allowed
    final = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert re.search(r"^USER haulwatch$", final, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", final, re.MULTILINE)
    assert "--require-hashes" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
