"""deploy/variants/gateways.yml and jt808.yml: gateways that start and are watched. No engine runs here."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main

from haulwatch.commands.gateway.app import app
from haulwatch.settings.data_files import gateway_status_path
from haulwatch.settings.load import load_settings
from ingest.gateways.trackers.keys import read_keys
from tests.compose.test_services import VARIANTS, interpolated, with_variant
from tests.servers.deployed_broker import make_secrets

GATEWAYS: Final[dict[str, dict[str, Any]]] = {
    name.removeprefix("gateway-"): service
    for variant in ("jt808", "gateways")
    for name, service in VARIANTS[variant]["services"].items()
    if name != "serve"
}


def test_every_gateway_that_there_is_has_a_service() -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(GATEWAYS) == commands - {"plate"}
    assert {name: service.get("profiles") for name, service in GATEWAYS.items()} == {
        "jt808": None, "sparkplug": ["sparkplug"], "scale": ["scale"], "trackers": ["trackers"],
    }  # fmt: skip


def arguments(service: dict[str, Any]) -> list[str]:
    """What `haulwatch gateway` gets."""
    command = [interpolated(part) for part in service["command"]]
    words = command[0].partition("exec haulwatch ")[2].split() if "entrypoint" in service else command
    assert words[0] == "gateway"
    return words[1:]


@pytest.mark.parametrize("name", GATEWAYS)
def test_its_command_is_one_that_the_command_line_takes(name: str) -> None:
    called, *options = arguments(GATEWAYS[name])
    assert called == name
    group: Any = typer.main.get_command(app)
    group.commands[name].make_context(name, options)


@pytest.mark.parametrize("name", GATEWAYS)
def test_it_is_restarted_watched_limited_and_without_rights(name: str) -> None:
    service = GATEWAYS[name]
    assert service["restart"] == "unless-stopped"
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
    assert "no-new-privileges:true" in service["security_opt"]
    assert all(interpolated(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service["volumes"] == ["gateway-data:/var/lib/haulwatch/gateways"]
    assert set(service["secrets"]) <= {"mqtt_url_gateway", "tracker_keys"}


@pytest.mark.parametrize("name", GATEWAYS)
def test_its_health_is_the_status_that_it_writes(name: str) -> None:
    [path] = re.findall(r"/var/lib/\S+", interpolated(GATEWAYS[name]["healthcheck"]["test"][1]))
    settings = load_settings({"HAULWATCH_DATA_DIR": "/var/lib/haulwatch"})
    assert Path(path) == gateway_status_path(settings, "scale-bridge-1" if name == "scale" else name)


@pytest.mark.parametrize("name", GATEWAYS)
def test_it_accepts_its_settings_and_has_the_login_of_gateways(name: str, tmp_path: Path) -> None:
    make_secrets(tmp_path)
    environment = {
        variable: interpolated(value).replace("/run/secrets", str(tmp_path))
        for variable, value in GATEWAYS[name]["environment"].items()
    }
    assert load_settings(environment).mqtt.broker.user == "haulwatch-gateway"


@pytest.mark.parametrize("variant", ["jt808", "gateways"])
def test_the_api_reads_what_they_write(variant: str) -> None:
    assert "gateway-data:/var/lib/haulwatch/gateways:ro" in with_variant(variant)["serve"]["volumes"]


def test_the_keys_that_the_script_makes_are_those_of_a_server(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "tracker_keys").chmod(0o600)  # as the service copies them
    line = (tmp_path / "tracker_keys").read_text().split()
    assert line[0] == "*"
    assert read_keys(tmp_path / "tracker_keys").allows("phone-7", line[1])
