"""What a measurement stands on: a folder, the sizes, the servers, an installation's settings, and the load."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from haulwatch import migrations
from haulwatch.settings.load import Settings, load_settings
from simulators.load.generator import Plan, Sent
from tests.bench import BenchFailed, servers
from tests.bench.servers import Broker, Influx

_SEND_LIMIT_S: Final = 120.0
"""Beyond the time a rate asks for."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    messages: int
    """Of each stage that is measured by throughput."""
    devices: int
    latency_rate: float
    """Messages/s."""
    latency_s: float
    latency_warm_up_s: float
    """Before the first sample; longer than the judge's reorder window, until which it only puts readings in order."""
    fleets: tuple[int, ...]
    """Rows of the scaling table."""
    scaling_messages: int
    """Of each fleet at least; what the largest needs, all have."""
    live_fleets: tuple[int, ...]
    fleet_rate: float
    """Messages/s at which the live fleets are compared on the whole path."""
    fleet_s: float
    """In full longer than the time between two checkpoints or two postings, so that each has them in it."""
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
)


@dataclass(frozen=True, slots=True)
class Installation:
    """A data directory with an empty store of its own."""

    settings: Settings
    variables: dict[str, str]
    """What says the same to a process."""


class BenchEnvironment:
    """Make it with `ground()`. Every method raises BenchFailed."""

    def __init__(self, sizes: Sizes, folder: Path, say: Callable[[str], None], influx: Influx | None) -> None:
        self.sizes = sizes
        self.folder = folder
        self.say = say
        self.influx = influx
        self._made = 0

    def broker(self) -> AbstractContextManager[Broker]:
        """A fresh broker for one stage: sessions of another would be served too."""
        return servers.mosquitto(self._new_folder("mosquitto"))

    def installation(self, broker: Broker | None = None) -> Installation:
        """With its tables made."""
        folder = self._new_folder("data")
        variables = {
            "HAULWATCH_DATA_DIR": str(folder),
            "HAULWATCH_LOG_LEVEL": "WARNING",
            # Far above what the load does, so that the bound costs what it costs and stops nothing.
            "HAULWATCH_DEVICE_MESSAGES_PER_S": "100000",
        }
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
        return Installation(settings, variables)

    def _new_folder(self, name: str) -> Path:
        self._made += 1
        folder = self.folder / f"{name}-{self._made}"
        folder.mkdir()
        return folder


@contextmanager
def bench_environment(
    sizes: Sizes, say: Callable[[str], None], *, with_store: bool = True
) -> Iterator[BenchEnvironment]:
    """A temporary folder and, if it is wanted and installed, InfluxDB; at the end of the block nothing of it is left.

    Raises BenchFailed.
    """
    folder = Path(tempfile.mkdtemp(prefix="haulwatch-bench-"))
    try:
        with ExitStack() as owned:
            influx = None
            if with_store and servers.influx_installed():
                influx = owned.enter_context(servers.influxdb(folder / "influxdb"))
            yield BenchEnvironment(sizes, folder, say, influx)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Load:
    """A load generator at work in a process of its own."""

    def __init__(self, plan: Plan, process: "subprocess.Popen[str]") -> None:
        self._plan = plan
        self._process = process

    def ended(self) -> bool:
        return self._process.poll() is not None

    def sent(self) -> Sent:
        """Wait for its end. Raises BenchFailed when it failed or a message was not acknowledged."""
        limit_s = _SEND_LIMIT_S + (self._plan.messages / self._plan.rate if self._plan.rate else 0.0)
        try:
            printed, complaint = self._process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"the load generator was not done in {limit_s:.0f} s") from None
        if self._process.returncode != 0:
            raise BenchFailed(f"the load generator failed:\n{complaint[-2000:]}")
        sent = Sent(**json.loads(printed.splitlines()[-1]))
        if sent.acknowledged != sent.sent or sent.refused:
            raise BenchFailed(f"the broker did not take every message: {sent}")
        return sent


@contextmanager
def loading(plan: Plan) -> Iterator[Load]:
    """Start sending; what is not sent at the end of the block is given up."""
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
