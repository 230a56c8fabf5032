"""Values a measurement ends in, and how they are taken from the kernel (Linux's /proc)."""

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
    """What one thing alone does with messages that wait for it."""

    rate: float
    """Messages/s."""
    cpu_us: float
    """CPU microseconds per message."""


@dataclass(frozen=True, slots=True)
class WholePath:
    """From the first publish until the last reading is stored and judged."""

    rate: float
    cpu_us: Mapping[str, float]
    """By process: collector, recorder, judge; broker and store are not ours but share the machine."""
    memory_mb: Mapping[str, float]
    """Peaks, of our processes."""
    published: int
    stored: int
    """Of the ledger; less than published is loss."""
    recorded_s: float
    """First publish to last stored."""
    judged_s: float


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of one latency, ms, over so many samples."""

    p50: float
    p99: float
    samples: int


@dataclass(frozen=True, slots=True)
class Latency:
    """From publish, at a steady rate."""

    durable: Percentiles
    """Readable in the raw log (which it is once synced)."""
    stored: Percentiles
    """Answered by the store to a query."""
    alert: Percentiles
    """Received over MQTT; from the publish of the reading that let the alert's last one go to judgement."""
    rate: float
    """Messages/s that were offered."""
    alerts_due: int
    """About as many samples as `alert` should have; far fewer: the others had not come when the watch ended."""
    behind_s: float
    """How long after the last publish all was recorded and judged. Much more than a second: the path did not keep up,
    and the latencies are those of a growing queue."""


@dataclass(frozen=True, slots=True)
class Scale:
    """CPU per message of our processes, one after the other, in a fleet of so many devices.

    Recorder and judge work off a backlog in which each device is known before the measurement.
    """

    devices: int
    rules: int
    """There are four; in larger sets they come again."""
    cpu_us: float
    """Collector, recorder and judge together."""
    collector_cpu_us: float
    """Of what the broker gives as fast as it can."""
    recorder_cpu_us: float
    judge_cpu_us: float
    """With its checkpoints, as often as it makes them."""
    snapshot_ms: float | None
    """CPU of a checkpoint's rows with every device in them; an ordinary one has those that changed. None of rules that
    come again, whose states are written once."""
    snapshot_mb: float | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """The whole path under a steady rate, in a fleet of so many devices."""

    devices: int
    cpu_us: Mapping[str, float]
    """Of each process, per message."""
    own_cpu_us: float
    """Of collector, recorder and judge; broker and store share the machine, and what they take is theirs."""
    all_cpu_us: float
    memory_mb: Mapping[str, float]
    """Resident at the end, of our processes."""
    store_memory_mb: float
    behind_s: float
    """How long after the last publish all was recorded: much more than a second, and the path did not keep up."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of our processes at one moment of a soak."""

    at_s: float
    memory_mb: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Where and when it was measured: without it no figure can be compared."""

    cpu_count: int
    load_average: float
    """Of the minute before."""
    store: str
    broker: str
    python: str
    compiled: bool
    """Judgement ran as C extensions (`make compiled`), as in the image; else as interpreted Python."""
    sync_ms: float
    """Median of writing and syncing 100 kB where the raw log is."""


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
    """Nearest rank; zeros of no samples."""
    ordered = sorted(samples_ms)
    if not ordered:
        return Percentiles(0.0, 0.0, 0)

    def rank(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return Percentiles(rank(0.50), rank(0.99), len(ordered))


def sync_ms(folder: Path) -> float:
    """What the disk under `folder` takes for a batch."""
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            file.write(bytes(_SYNC_BYTES))
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return round(median(took), 2)
