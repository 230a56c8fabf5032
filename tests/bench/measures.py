"""Results of measurements, and functions that read CPU time and memory from the kernel (Linux's /proc)."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_SYNCS: Final = 21
_SYNC_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Throughput:
    """Throughput of one part alone, with messages that wait for it."""

    rate: float
    """Messages/s."""
    cpu_us: float
    """CPU microseconds per message."""


def throughput(messages: int, began: float, cpu_s: float) -> Throughput:
    """Of this process, since both clocks were read: monotonic and CPU time, s."""
    cpu_us = (time.process_time() - cpu_s) / messages * 1e6
    return Throughput(round(messages / (time.monotonic() - began)), round(cpu_us, 1))


@dataclass(frozen=True, slots=True)
class WholePath:
    """Figures of the whole path, from the first publish until the last reading is stored and judged."""

    rate: float
    cpu_us: Mapping[str, float]
    """By process: collector, recorder, judge; also broker and store, which share the machine."""
    memory_mb: Mapping[str, float]
    """Peaks of our processes."""
    published: int
    stored: int
    """Readings that the ledger counts as stored; fewer than published is loss."""
    recorded_s: float
    """First publish to last stored."""
    judged_s: float


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles of one latency, ms, and the number of samples."""

    p50: float
    p99: float
    samples: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Latencies from publish, at a steady rate."""

    durable: Percentiles
    """Readable in the raw log (which it is once synced)."""
    stored: Percentiles
    """Returned by a query of the store."""
    alert: Percentiles
    """Received over MQTT; from the publish of the reading that released the alert's last reading to judgement."""
    rate: float
    """Messages/s that were published."""
    alerts_due: int
    """Expected samples of `alert`, about. Far fewer samples: the other alerts had not arrived when the watch ended."""
    behind_s: float
    """Seconds from the last publish until everything is recorded and judged. Much more than one: the path did not keep
    up, and the latencies are those of a growing queue."""


@dataclass(frozen=True, slots=True)
class Scale:
    """CPU per message of our processes, one after the other, in a fleet of so many devices.

    Recorder and judge work through a backlog. Each device has sent before the measurement.
    """

    devices: int
    rules: int
    """Number of rules. There are four; larger sets repeat them."""
    cpu_us: float
    """Collector, recorder and judge together."""
    collector_cpu_us: float
    """While the broker delivers as fast as it can."""
    recorder_cpu_us: float
    judge_cpu_us: float
    """Its checkpoints included, as often as it writes them."""
    snapshot_ms: float | None
    """CPU of a checkpoint's rows with every device in them; an ordinary checkpoint holds only those that changed. None
    for sets of repeated rules, whose states are written once."""
    snapshot_mb: float | None


@dataclass(frozen=True, slots=True)
class LiveFleet:
    """The whole path under a steady rate, in a fleet of so many devices."""

    devices: int
    cpu_us: Mapping[str, float]
    """By process, per message."""
    own_cpu_us: float
    """Sum of collector, recorder and judge."""
    all_cpu_us: float
    """Sum of all processes, broker and store included."""
    memory_mb: Mapping[str, float]
    """Resident memory of our processes at the end."""
    store_memory_mb: float
    behind_s: float
    """Seconds from the last publish until everything is recorded. Much more than one: the path did not keep up."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """The judge alone while many devices upload what they measured in two hours, beside devices that stay connected."""

    devices: int
    readings: int
    """In their buffers."""
    judged_s: float
    """From the reconnect until all of them are judged; the upload is a part of it."""
    cpu_us: float
    """Per reading that arrived in this time, live ones included."""
    memory_before_mb: float
    """Resident memory of the judge just before."""
    memory_mb: float
    """Its peak."""
    bystander: Percentiles
    """Arrival to judged, of readings of the other devices in this time."""
    bystander_longest_ms: float
    not_judged: int
    """Readings that were given up."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of our processes at one moment of a soak."""

    at_s: float
    memory_mb: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The machine and its state during the run: without them no figures can be compared."""

    cpu_count: int
    load_average: float
    """Load average of the minute before the run."""
    store: str
    broker: str
    python: str
    compiled: bool
    """Judgement ran as C extensions (`make compiled`), as in the image; else as interpreted Python."""
    sync_ms: float
    """Median time to write and sync 100 kB on the raw log's disk."""


def cpu_s(*pids: int) -> float:
    """CPU time, user and system, of running processes so far. Resolution 10 ms. 0 for those that have ended."""
    return sum(_cpu_ticks(pid) for pid in pids) / _TICKS_PER_S


def _cpu_ticks(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    after_name = stat.rpartition(")")[2].split()  # a name may hold spaces and brackets
    return int(after_name[11]) + int(after_name[12])


def memory_mb(pid: int, line: str = "VmRSS") -> float:
    """Resident memory of a running process in MB (`VmHWM`: its peak); 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    for entry in status.splitlines():
        name, _, value = entry.partition(":")
        if name == line:
            return int(value.split()[0]) * 1024 / 1e6
    return 0.0


def percentiles(samples_ms: Sequence[float]) -> Percentiles:
    """Percentiles by nearest rank; zeros if there are no samples."""
    ordered = sorted(samples_ms)
    if not ordered:
        return Percentiles(0.0, 0.0, 0)

    def rank(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return Percentiles(rank(0.50), rank(0.99), len(ordered))


def sync_ms(folder: Path) -> float:
    """Median time, ms, to write and sync a batch on the disk under `folder`."""
    durations_ms = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            file.write(bytes(_SYNC_BYTES))
            os.fsync(file.fileno())
            durations_ms.append((time.perf_counter() - began) * 1000)
    return round(median(durations_ms), 2)
