"""`haulwatch gateway jt808` and `haulwatch simulate --dialect jt808`: what a person sees, and the secret."""

import asyncio
import json
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from haulwatch.cli import command_line
from haulwatch.commands.path.run import processes
from haulwatch.settings.data_files import jt808_secret_path
from haulwatch.settings.load import SettingsError, load_settings
from haulwatch.wiring.gateways.jt808 import BadSecret, jt808_parts
from ingest.gateways.jt808.connection import Limits
from ingest.gateways.jt808.server import Jt808Gateway
from tests.ingest.gateways.jt808.parts import POLICY, FakePublisher
from tests.servers import free_port
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "data"


def run(home: Path, *arguments: str, **env: str) -> Result:
    app = command_line([arguments[0]])
    variables = {f"HAULWATCH_{name}": value for name, value in env.items()}
    return CliRunner().invoke(app, arguments, env={"HAULWATCH_DATA_DIR": str(home), **variables})


@contextmanager
def gateway(takes: bool = True) -> Iterator[int]:
    """A gateway in a thread of its own; its port."""
    port, publisher = free_port(), FakePublisher()
    publisher.takes = takes
    stop, started = asyncio.Event(), Jt808Gateway(publisher, POLICY, Limits())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(started.run("127.0.0.1", port, stop)))
    thread.start()
    try:
        until(lambda: started.listening)
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE_S)
        loop.close()


def test_a_port_that_is_taken_is_named_with_what_to_do(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run(home, "gateway", "jt808", JT808_PORT=port, MQTT_URL=f"mqtt://127.0.0.1:{free_port()}")
    assert done.exit_code == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "HAULWATCH_JT808_PORT" in done.stderr


def test_the_secret_is_made_once_for_this_user_only(home: Path) -> None:
    settings = load_settings({"HAULWATCH_DATA_DIR": str(home)})
    path = jt808_secret_path(settings)
    code = jt808_parts(settings).gateway.policy.codes.code_of("013912345678")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert jt808_parts(settings).gateway.policy.codes.code_of("013912345678") == code
    given = load_settings({"HAULWATCH_DATA_DIR": str(home), "HAULWATCH_JT808_SECRET": "a secret of our own"})
    assert jt808_parts(given).gateway.policy.codes.code_of("013912345678") != code
    path.chmod(0o644)
    with pytest.raises(BadSecret, match="chmod 600"):
        jt808_parts(settings)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(BadSecret, match="holds no secret"):
        jt808_parts(settings)


def test_gateways_run_beside_the_path_where_the_settings_name_them() -> None:
    path = [child.name for child in processes(load_settings({}))]
    assert path == ["collect", "record", "judge", "serve"]
    more = processes(load_settings({"HAULWATCH_GATEWAYS": "jt808"}))[len(path) :]
    assert [(child.name, child.arguments) for child in more] == [("gateway-jt808", ["gateway", "jt808"])]
    with pytest.raises(SettingsError, match="no such gateway: jt809"):
        load_settings({"HAULWATCH_GATEWAYS": "jt808 jt809"})


def test_who_simulates_without_a_listener_learns_it(home: Path) -> None:
    to = f"127.0.0.1:{free_port()}"
    done = run(home, "simulate", "--dialect", "jt808", "--to", to)
    assert done.exit_code == 2
    assert f"nobody listens at {to}" in done.stderr
    assert "haulwatch gateway jt808" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dialect", "jt809", "--to", "127.0.0.1:1"], "give one of jt808"),
        (["--dialect", "jt808"], "give HOST:PORT"),
        (["--dialect", "jt808", "--to", "127.0.0.1:99999"], "give HOST:PORT"),
    ],
)
def test_a_wrong_option_is_explained(home: Path, arguments: list[str], words: str) -> None:
    done = run(home, "simulate", *arguments)
    assert (done.exit_code, words in done.stderr) == (2, True), done.stderr


def test_simulated_terminals_deliver_and_say_how_much(home: Path) -> None:
    with gateway() as port:
        to = f"127.0.0.1:{port}"
        options = ("--devices", "3", "--reports", "5", "--interval", "10", "--speed", "1000", "--faults", "0.1")
        done = run(home, "simulate", "--dialect", "jt808", "--to", to, *options, "--json")
    assert done.exit_code == 0, done.output
    tally = json.loads(done.stdout)
    assert (tally["made"], tally["answered"], tally["left"]) == (15, 15, 0)


def test_device_time_never_runs_ahead(home: Path) -> None:
    with gateway() as port:
        done = run(home, "simulate", "--dialect", "jt808", "--to", f"127.0.0.1:{port}", "--speed", "10")
    assert (done.exit_code, "--speed above 1 needs --reports" in done.stderr) == (2, True), done.stderr
