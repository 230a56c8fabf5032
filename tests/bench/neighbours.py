"""What one device at its limits costs its neighbours: latencies of honest devices, with and without it, in one run.

    honest devices at a steady rate, all the time
    culprits        nobody → each kind in turn → all at once → junk without a limit → nobody, through the gate
                    → all at once → junk without a limit, without the gate

A culprit sends what the limits of a device let pass: a burst at once, then at the rate. Junk without a limit comes as
fast as the broker takes it, which no limit behind the broker can change; the gate before it can (deploy/gate). Where no
gate can be started, every phase is without it and says so.

Run with `make bench ARGS="--quick --stage neighbours"`.
"""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event, Thread
from typing import Final

from devices.city.model import City, Device, DeviceRole
from haulwatch.health.path_status import PathStatus
from haulwatch.settings.data_files import process_log_folder, recorder_state_path
from haulwatch.settings.groups import LimitSettings
from haulwatch.settings.load import Settings
from haulwatch.wiring.log import disk_reserve_bytes, open_raw_log
from simulators.load.generator import Plan
from simulators.load.packets import Version, connect, publish
from tests.bench.environment import BenchEnvironment, loading
from tests.bench.fleet import city_of
from tests.bench.latency import watching
from tests.bench.measures import Percentiles, percentiles
from tests.bench.path import RunningPath, running_path
from tests.servers.gate import gate, gate_absent

_PROBE_EVERY_S: Final = 0.1
_REST_S: Final = 3.0
"""Between two phases, so that what is under way of one is not measured in the next."""
_CALM: Final = 5
"""The honest devices send at such a part of the latency stage's rate that the path is idle most of the time."""
_MOST_MESSAGES: Final = 12_000
"""Of one culprit in one phase."""
_ALL: Final = "all"
_BEYOND_LIMITS: Final = "junk, no limit"
_NO_GATE: Final = ", no gate"
_LOOK_EVERY_S: Final = 0.05
_JUNK: Final = b"{" + b"x" * 60_000
_ONES: Final = b"[" + b",".join([b"1"] * 2_047) + b"]"

_BEYOND: Final = re.compile(r"limits: (\S+) is beyond its limit")

Message = tuple[str, bytes]
"""Kind and payload."""


@dataclass(frozen=True, slots=True)
class NeighbourRow:
    """The honest devices during one phase, and the installation at its end."""

    culprit: str
    """What the culprit sends; "nobody" and "all" beside the kinds."""
    sent: int
    """Messages of the culprit."""
    durable: Percentiles
    stored: Percentiles
    alert: Percentiles
    memory_mb: float
    """Of collector, recorder and judge."""
    disk_mb: float
    """Of the data directory."""
    named: str
    """Devices beyond a limit, as /readyz names them."""
    logged: str
    """Devices beyond a limit, as the logs of the processes name them."""

    def grows_ms(self, alone: "NeighbourRow") -> float:
        """By how much the bystanders' p99 of alerts is above that without a culprit."""
        return round(self.alert.p99 - alone.alert.p99, 1)


def neighbours(environment: BenchEnvironment) -> Iterator[NeighbourRow]:
    """Measure each phase. Raises BenchFailed."""
    sizes, kinds = environment.sizes, _kinds()
    deployed = ["nobody", *kinds, _ALL, _BEYOND_LIMITS, "nobody again"]
    if gate_absent() is None:
        phases = [*deployed, _ALL + _NO_GATE, _BEYOND_LIMITS + _NO_GATE]
    else:
        phases = [phase + _NO_GATE for phase in deployed]
    seconds = sizes.latency_warm_up_s + len(phases) * (sizes.latency_s + _REST_S) + 10
    rate = sizes.latency_rate / _CALM
    messages, probes = int(rate * seconds), int(seconds / _PROBE_EVERY_S) + 10
    city = _city(sizes.devices, probes, list(kinds))
    with (
        environment.broker() as broker,
        _gate(environment, broker.port) as gate_port,
        running_path(environment, city, broker, limited=True) as running,
    ):
        limits = running.installation.settings.limits
        plan = Plan(broker.port, messages, sizes.devices, rate=rate, probe_every_s=_PROBE_EVERY_S)
        with loading(plan) as load:
            time.sleep(sizes.latency_warm_up_s)
            for phase in phases:
                environment.progress(f"culprit: {phase}")
                culprit, ungated, _ = phase.partition(_NO_GATE)
                senders = [kind for kind in kinds if culprit in {kind, _ALL}] or ["junk"] * (culprit == _BEYOND_LIMITS)
                allowed = None if culprit == _BEYOND_LIMITS else limits
                port = broker.port if ungated else gate_port
                with (
                    watching(running, broker.port) as (durable, stored, alert),
                    _sending(port, {kind: kinds[kind] for kind in senders}, allowed) as sent,
                ):
                    time.sleep(sizes.latency_s)
                yield _row(running, phase, sum(sent.values()), durable, stored, alert)
                time.sleep(_REST_S)
            load.sent()


@contextmanager
def _gate(environment: BenchEnvironment, broker_port: int) -> Iterator[int]:
    """The port of a gate before the broker; the broker's own where there is none."""
    if (reason := gate_absent()) is not None:
        environment.progress(f"no phase through the gate: {reason}")
        yield broker_port
        return
    with gate(environment.folder / "gate", broker_port) as port:
        yield port


def _row(
    running: RunningPath, phase: str, sent: int, durable: list[float], stored: list[float], alert: list[float]
) -> NeighbourRow:
    settings = running.installation.settings
    files = [path for path in settings.paths.data_dir.rglob("*") if path.is_file()]
    found = PathStatus(
        settings,
        lambda: open_raw_log(settings),
        lambda: recorder_state_path(settings),
        lambda: disk_reserve_bytes(settings),
    ).over_limit()
    return NeighbourRow(
        phase,
        sent,
        percentiles(durable),
        percentiles(stored),
        percentiles(alert),
        round(sum(running.memory_mb().values()), 1),
        round(sum(path.stat().st_size for path in files) / 1e6, 1),
        ", ".join(f"{device} {'+'.join(sorted(limits))}" for device, limits in sorted(found.items())),
        ", ".join(sorted(_logged(settings))),
    )


def _logged(settings: Settings) -> set[str]:
    logs = (path.read_text(errors="replace") for path in process_log_folder(settings).glob("*.log"))
    return {device for log in logs for device in _BEYOND.findall(log)}


def _city(trucks: int, probes: int, kinds: list[str]) -> City:
    """The city of the bench, with a device for each culprit."""
    city = city_of(trucks, probes)
    roles = {"compartments": DeviceRole.RECYCLING_POINT, "alerts": DeviceRole.WEIGHBRIDGE}
    culprits = {_device(kind): Device(_device(kind), roles.get(kind, DeviceRole.TRUCK)) for kind in kinds}
    return replace(city, devices={**city.devices, **culprits})


def _device(kind: str) -> str:
    return f"culprit-{kind}"


def _kinds() -> dict[str, Callable[[int, int], Message]]:
    """What each culprit sends: message number n, at a time in ms."""

    def day(n: int, now: int) -> Message:
        """A day of positions once a second, newest first, in arrays of 300; then again."""
        start = now - (n % 288 + 1) * 300_000
        readings = [{"ts": start + s * 1_000, "lat": 35.5, "lon": 112.8, "speed_kmh": 0.0} for s in range(300)]
        return "position", json.dumps(readings).encode()

    def compartments(n: int, now: int) -> Message:
        fills = [{"ts": now, "compartment": f"c{n}-{m}", "fill_pct": 50.0} for m in range(300)]
        return "fill", json.dumps(fills).encode()

    def times(n: int, now: int) -> Message:
        old = now - (n * 7_919 % 300_000 + 1) * 600_000
        return "position", json.dumps([{"ts": old, "lat": 35.5, "lon": 112.8}]).encode()

    def alerts(n: int, now: int) -> Message:
        ticket = {"ts": now - n % 1_000, "ticket": f"t{n}", "plate": f"京B{n % 100_000:05d}", "gross_kg": 20_000,
                  "tare_kg": 12_000, "net_kg": 8_000, "direction": "in", "stable": True}  # fmt: skip
        return "weighing", json.dumps(ticket).encode()

    return {
        "junk": lambda n, now: ("status", _JUNK),
        "ones": lambda n, now: ("status", _ONES),
        "compartments": compartments,
        "day": day,
        "times": times,
        "alerts": alerts,
        "messages": lambda n, now: ("status", b'{"ts":%d,"online":true}' % (now - 60_000 + n)),
    }


def _passes(limits: LimitSettings, messages: int, size: int, after_s: float) -> bool:
    """True if a device may have sent so many messages and bytes so long after its first."""
    return (
        messages <= limits.device_burst_messages + limits.device_messages_per_s * after_s
        and size <= limits.device_burst_mib * 2**20 + limits.device_kib_per_s * 1024 * after_s
    )


@contextmanager
def _sending(
    port: int, kinds: dict[str, Callable[[int, int], Message]], limits: LimitSettings | None
) -> Iterator[dict[str, int]]:
    """Culprits that send what the limits let pass, during the block, or as fast as the broker takes it; messages sent,
    by kind.
    """
    stop, sent = Event(), dict.fromkeys(kinds, 0)

    def send(kind: str, message: Callable[[int, int], Message]) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
            line.sendall(connect(_device(kind), Version.V311))
            line.setblocking(True)
            line.settimeout(30)
            size, began = 0, time.monotonic()
            for n in range(_MOST_MESSAGES):
                if stop.is_set():
                    break
                name, payload = message(n, time.time_ns() // 1_000_000)
                size += len(payload)
                while limits is not None and not _passes(limits, n, size, time.monotonic() - began):
                    if stop.wait(_LOOK_EVERY_S):
                        return
                line.sendall(publish(f"haulwatch/v1/{_device(kind)}/{name}", payload, n % 65_535 + 1, Version.V311))
                sent[kind] = n + 1
                if n % 100 == 99:
                    line.recv(65_536)  # acknowledgements, or the broker would stop

    threads = [Thread(target=send, args=item, daemon=True) for item in kinds.items()]
    for thread in threads:
        thread.start()
    try:
        yield sent
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
