"""`haulwatch simulate --dialect` for dialects that come over MQTT: what a person sees."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from haulwatch.cli import command_line
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto

DIALECTS = ("chirpstack", "ttn", "sparkplug")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    started = Mosquitto(tmp_path_factory.mktemp("broker"))
    started.start()
    yield started
    started.kill()


def simulate(home: Path, dialect: str, to: str) -> Result:
    options = ("--devices", "2", "--reports", "2", "--interval", "1", "--speed", "50", "--json")
    arguments = ["simulate", "--dialect", dialect, "--to", to, *options]
    return CliRunner().invoke(command_line(["simulate"]), arguments, env={"HAULWATCH_DATA_DIR": str(home)})


@pytest.mark.real
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_published_is_counted(tmp_path: Path, broker: Mosquitto, dialect: str) -> None:
    done = simulate(tmp_path / "data", dialect, f"mqtt://somebody:secret@127.0.0.1:{broker.port}")
    assert done.exit_code == 0, done.output
    assert "secret" not in done.output
    tally = json.loads(done.stdout.splitlines()[-1])
    assert tally.get("levels", tally.get("sent")) >= 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_broker_that_is_not_there_is_named_with_what_to_do(tmp_path: Path, dialect: str) -> None:
    port = free_port()
    done = simulate(tmp_path / "data", dialect, f"127.0.0.1:{port}")
    assert done.exit_code == 2
    assert f"nobody listens at 127.0.0.1:{port}" in done.output
    assert "correct --to" in " ".join(done.output.split())


def test_an_address_that_is_none_is_refused_without_its_password(tmp_path: Path) -> None:
    done = simulate(tmp_path / "data", "ttn", "http://somebody:secret@127.0.0.1")
    assert done.exit_code == 2
    assert "secret" not in done.output
