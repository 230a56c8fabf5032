"""The environment of a measurement: a folder, sizes, servers, installations with their settings, and the load."""

import gc
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import IO, Final

import pytest

from haulwatch import migrations
from haulwatch.settings.load import Settings, load_settings
from simulators.load.generator import Plan, Sent
from tests.bench import BenchFailed
from tests.servers import installed
from tests.servers.influxdb import DEPLOYED_ENVIRONMENT, InfluxServer
from tests.servers.mosquitto import Mosquitto

_SEND_LIMIT_S: Final = 120.0
"""Added to the time that the rate needs."""
_AUTOSAVE_S: Final = 10
"""As in deploy/mosquitto/mosquitto.conf."""
START_METHOD = "spawn"
"""Of `fresh_process`: its memory is then used by nothing before."""


def fresh_process() -> ProcessPoolExecutor:
    """One process, which looks for cycles of objects as seldom as this one."""
    return ProcessPoolExecutor(1, get_context(START_METHOD), gc.set_threshold, gc.get_threshold())


def start_api(environment: Mapping[str, str], out: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "haulwatch", "serve"], env=environment, stdout=out, stderr=out)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of all measurements."""

    messages: int
    """Number for each throughput stage."""
    devices: int
    latency_rate: float
    """Messages/s."""
    latency_s: float
    latency_warm_up_s: float
    """Before the first sample. Longer than the judge's reorder window, during which it only buffers readings."""
    fleets: tuple[int, ...]
    """Rows of the scaling table."""
    scaling_messages: int
    """Number for each fleet, at least; every fleet sends as many as the largest one needs."""
    live_fleets: tuple[int, ...]
    fleet_rate: float
    """Messages/s of the live fleets on the whole path."""
    fleet_s: float
    """In a full run longer than the time between two checkpoints or two compactions, so that both are measured."""
    reconnecting: int
    """Devices that reconnect at once."""
    map_trucks: int
    """On the live map; each reports every five seconds."""
    map_s: float
    """Of each phase of the live map."""
    streams: int
    """Live streams that are open at once."""
    changes: int
    """Alerts that change, one after the other, while the streams are open."""
    missed: int
    """Alerts that clients ask for and do not read: more than the kernel keeps for a connection (3 MB)."""
    deaf_s: float
    """How long these may stay after the last change. They are cut off half a minute after the last byte went out."""
    queued: int
    """Alerts in the journal."""
    soak_rate: float = 1_000.0
    """Messages/s."""


FULL: Final = Sizes(
    messages=200_000,
    devices=1_000,
    latency_rate=5_000,
    latency_s=30,
    latency_warm_up_s=35,
    fleets=(100, 1_000, 10_000, 100_000),
    scaling_messages=200_000,
    live_fleets=(100, 100_000),
    fleet_rate=5_000,
    fleet_s=301,
    reconnecting=1_000,
    map_trucks=3_000,
    map_s=60,
    streams=500,
    changes=40,
    missed=2_000,
    deaf_s=60,
    queued=100_000,
)
QUICK: Final = Sizes(
    messages=40_000,
    devices=1_000,
    latency_rate=1_000,
    latency_s=12,
    latency_warm_up_s=35,
    fleets=(100, 1_000, 10_000),
    scaling_messages=20_000,
    live_fleets=(100, 10_000),
    fleet_rate=2_000,
    fleet_s=5,
    reconnecting=50,
    map_trucks=3_000,
    map_s=15,
    streams=200,
    changes=10,
    missed=2_000,
    deaf_s=45,
    queued=20_000,
)


@dataclass(frozen=True, slots=True)
class BenchInstallation:
    """A data directory with an empty store of its own."""

    settings: Settings
    variables: dict[str, str]
    """The same settings, as a process's environment."""


class BenchEnvironment:
    """Made by `bench_environment`. Every method raises BenchFailed."""

    def __init__(
        self, sizes: Sizes, folder: Path, progress: Callable[[str], None], influx: InfluxServer | None
    ) -> None:
        self.sizes = sizes
        self.folder = folder
        self.progress = progress
        """Shows a line of progress."""
        self.influx = influx
        self._folders = 0

    @contextmanager
    def broker(self) -> Iterator[Mosquitto]:
        """A fresh broker for one stage: it would also serve the sessions of a former stage."""
        with bench_failures():
            broker = Mosquitto(
                self._new_folder("mosquitto"), more_config="set_tcp_nodelay true\n", autosave_s=_AUTOSAVE_S
            )
            broker.start()
        try:
            yield broker
        finally:
            broker.stop()

    def installation(self, broker: Mosquitto | None = None, *, limited: bool = False) -> BenchInstallation:
        """A new installation, with its tables; `limited`: with the rate limit that it has by default."""
        folder = self._new_folder("data")
        variables = {
            "HAULWATCH_DATA_DIR": str(folder),
            "HAULWATCH_LOG_LEVEL": "WARNING",
            # Far above the load, so that the rate limit costs its usual time and stops nothing.
            "HAULWATCH_DEVICE_MESSAGES_PER_S": "100000",
        }
        if limited:
            del variables["HAULWATCH_DEVICE_MESSAGES_PER_S"]
        if broker is not None:
            variables["HAULWATCH_MQTT_URL"] = broker.url
        if self.influx is not None:
            self.influx.create_database(folder.name)
            variables |= {
                "HAULWATCH_INFLUX_URL": self.influx.url,
                "HAULWATCH_INFLUX_TOKEN": "unused",
                "HAULWATCH_INFLUX_ORG": "-",
                "HAULWATCH_INFLUX_BUCKET": folder.name,
            }
        settings = load_settings(variables)
        migrations.upgrade(settings.database_url.get_secret_value())
        return BenchInstallation(settings, variables)

    def _new_folder(self, name: str) -> Path:
        self._folders += 1
        folder = self.folder / f"{name}-{self._folders}"
        folder.mkdir()
        return folder


@contextmanager
def bench_environment(
    sizes: Sizes, progress: Callable[[str], None], *, with_store: bool = True
) -> Iterator[BenchEnvironment]:
    """A temporary folder, and InfluxDB if it is wanted and installed. Nothing of it is left after the block.

    Raises BenchFailed.
    """
    folder = Path(tempfile.mkdtemp(prefix="haulwatch-bench-"))
    influx = None
    try:
        if with_store and installed("influxd", "nginx"):
            influx = InfluxServer(folder / "influxdb", DEPLOYED_ENVIRONMENT)
            with bench_failures():
                influx.start()
                influx.start_nginx()
        yield BenchEnvironment(sizes, folder, progress, influx)
    finally:
        if influx is not None:
            influx.close()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def bench_failures() -> Iterator[None]:
    """Raise BenchFailed where a launcher of `tests.servers` skips or fails a test."""
    try:
        yield
    except (pytest.skip.Exception, pytest.fail.Exception) as exc:
        raise BenchFailed(str(exc)) from exc


class Load:
    """A load generator in a process of its own."""

    def __init__(self, plan: Plan, process: "subprocess.Popen[str]") -> None:
        self._plan = plan
        self._process = process

    def ended(self) -> bool:
        return self._process.poll() is not None

    def sent(self) -> Sent:
        """Wait for its end. Raises BenchFailed if it failed or a message was not acknowledged."""
        limit_s = _SEND_LIMIT_S + (self._plan.messages / self._plan.rate if self._plan.rate else 0.0)
        try:
            printed, errors = self._process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"the load generator did not finish in {limit_s:.0f} s") from None
        if self._process.returncode != 0:
            raise BenchFailed(f"the load generator failed:\n{errors[-2000:]}")
        sent = Sent(**json.loads(printed.splitlines()[-1]))
        if sent.acknowledged != sent.sent or sent.refused:
            raise BenchFailed(f"the broker did not acknowledge every message: {sent}")
        return sent


@contextmanager
def loading(plan: Plan) -> Iterator[Load]:
    """Start sending. At the end of the block a load generator that still runs is killed."""
    options = [
        *("--port", str(plan.port), "--messages", str(plan.messages), "--devices", str(plan.devices)),
        *("--interval-s", str(plan.interval_s), "--connections", str(plan.connections)),
        *("--window", str(plan.window), "--version", plan.version),
    ]
    if plan.rate is not None:
        options += ["--rate", str(plan.rate)]
    if plan.probe_every_s is not None:
        options += ["--probe-every-s", str(plan.probe_every_s)]
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators.load.generator", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Load(plan, process)
        finally:
            if process.poll() is None:
                process.kill()
