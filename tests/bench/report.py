"""The report of a run: JSON that can be compared over time, or tables."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from haulwatch.commands.shared import out, print_table
from tests.bench.console.measures import MapRow, QueueRow, Streams
from tests.bench.console.tables import print_console
from tests.bench.dialects.cost import DialectCost
from tests.bench.judging.manifests import ManifestCost
from tests.bench.measures import Circumstances, Latency, LiveFleet, Memory, Reconnect, Scale, Throughput, WholePath
from tests.bench.neighbours import NeighbourRow

_ALONE = ("load_only", "receive_only", "receive_append", "judge_alone", "recorder_alone")


@dataclass(frozen=True, slots=True)
class Report:
    """Results of all stages; None for a stage that was not asked for."""

    circumstances: Circumstances
    load_only: Throughput | None = None
    receive_only: Throughput | None = None
    receive_append: Throughput | None = None
    whole_path: WholePath | None = None
    judge_alone: Throughput | None = None
    recorder_alone: Throughput | None = None
    latency_ms: Latency | None = None
    scaling: tuple[Scale, ...] | None = None
    reconnect: Reconnect | None = None
    fleets: tuple[LiveFleet, ...] | None = None
    manifests: ManifestCost | None = None
    dialects: tuple[DialectCost, ...] | None = None
    neighbours: tuple[NeighbourRow, ...] | None = None
    console_map: tuple[MapRow, ...] | None = None
    console_streams: tuple[Streams, ...] | None = None
    console_queue: tuple[QueueRow, ...] | None = None
    soak: tuple[Memory, ...] | None = None
    failures: Mapping[str, str] | None = None
    """Stages that could not be measured, and why."""

    @property
    def ratio(self) -> float | None:
        """Rate of the whole path over that of receive and append."""
        if self.whole_path is None or self.receive_append is None:
            return None
        return round(self.whole_path.rate / self.receive_append.rate, 3)

    def to_json(self) -> dict[str, Any]:
        """Rates in messages/s, `cpu_us` in CPU microseconds per message; parts that were not measured are absent."""
        measured = {name: value for name, value in asdict(self).items() if value is not None}
        return measured | ({"ratio": self.ratio} if self.ratio is not None else {})


def print_report(report: Report) -> None:
    """Print tables for people."""
    run = report.circumstances
    out.print(
        f"{run.cpu_count} CPUs, load {run.load_average} before; {run.broker}; {run.store}; "
        f"Python {run.python}, judgement {'compiled' if run.compiled else 'interpreted'}; "
        f"a sync takes {run.sync_ms} ms",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    alone = [(name, value) for name in _ALONE if (value := getattr(report, name)) is not None]
    if alone:
        rows = [(name.replace("_", " "), round(value.rate), value.cpu_us) for name, value in alone]
        print_table("Alone", ("what", "messages/s", "CPU µs/message"), rows, right=("messages/s", "CPU µs/message"))
    if report.whole_path is not None:
        _print_whole_path(report.whole_path, report.ratio)
    if report.latency_ms is not None:
        _print_latency(report.latency_ms)
    if report.scaling is not None:
        columns = ("devices", "rules", "collector", "recorder", "judge", "all µs", "snapshot ms", "snapshot MB")
        scales = [
            (
                *(s.devices, s.rules, s.collector_cpu_us, s.recorder_cpu_us, s.judge_cpu_us, s.cpu_us),
                *(s.snapshot_ms, s.snapshot_mb),
            )
            for s in report.scaling
        ]
        title = "CPU µs per message, each process alone, by size of the fleet (5 and 20 rules: the four again)"
        print_table(title, columns, scales, right=columns)
    if report.reconnect is not None:
        _print_reconnect(report.reconnect)
    if report.fleets is not None:
        _print_fleets(report.fleets)
    _print_manifests(report.manifests)
    _print_dialects(report.dialects)
    if report.neighbours is not None:
        _print_neighbours(report.neighbours)
    print_console(report.console_map, report.console_streams, report.console_queue)
    if report.soak is not None:
        _print_memory(report.soak)
    for stage, why in (report.failures or {}).items():
        out.print(f"{stage} could not be measured: {why}", style="red", markup=False, soft_wrap=True)


def _print_whole_path(whole: WholePath, ratio: float | None) -> None:
    compared = "" if ratio is None else f", {ratio:.0%} of receive and append"
    title = f"Whole path: {whole.rate:,.0f} messages/s{compared}; {whole.stored:,} of {whole.published:,} stored"
    rows = [(name, cpu_us, whole.memory_mb.get(name)) for name, cpu_us in whole.cpu_us.items()]
    rows.append(("all", round(sum(whole.cpu_us.values()), 1), round(sum(whole.memory_mb.values()), 1)))
    columns = ("process", "CPU µs/message", "peak MB")
    print_table(title, columns, rows, right=columns[1:])


def _print_latency(latency: Latency) -> None:
    rows = [
        (name, taken.p50, taken.p99, taken.samples)
        for name, taken in (("durable", latency.durable), ("stored", latency.stored), ("alert", latency.alert))
    ]
    columns = ("publish →", "p50 ms", "p99 ms", "samples")
    behind = "" if latency.behind_s < 1 else f"; the path fell behind and was done {latency.behind_s:.0f} s later"
    title = f"Latency at {latency.rate:,.0f} messages/s, {latency.alerts_due} alerts due{behind}"
    print_table(title, columns, rows, right=columns[1:])


def _print_reconnect(taken: Reconnect) -> None:
    title = f"{taken.devices:,} devices reconnect at once, with {taken.readings:,} readings of two hours"
    delay = taken.bystander
    row = (
        *(taken.judged_s, taken.cpu_us, taken.memory_before_mb, taken.memory_mb),
        *(delay.p50, delay.p99, taken.bystander_longest_ms, taken.not_judged),
    )
    columns = (
        *("judged after s", "CPU µs/reading", "MB before", "peak MB"),
        *("others p50 ms", "p99 ms", "longest ms", "not judged"),
    )
    print_table(title, columns, [row], right=columns)


def _print_fleets(fleets: tuple[LiveFleet, ...]) -> None:
    names: Mapping[str, float] = fleets[0].cpu_us if fleets else {}
    columns = ("devices", *names, "ours", "all", "ours MB", "store MB")
    rows = [
        (
            *(fleet.devices, *fleet.cpu_us.values(), fleet.own_cpu_us, fleet.all_cpu_us),
            *(round(sum(fleet.memory_mb.values())), round(fleet.store_memory_mb)),
        )
        for fleet in fleets
    ]
    print_table(
        "CPU µs per message of the whole path at a steady rate, by size of the fleet", columns, rows, right=columns
    )


def _print_manifests(cost: ManifestCost | None) -> None:
    if cost is None:
        return
    columns = ("without", "with manifests", "more %", "positions", "closed")
    row = (cost.without_us, cost.with_us, cost.more_pct, cost.positions, cost.closed)
    print_table("CPU µs per position in judgement, the same trips in turn", columns, [row], right=columns)


def _print_dialects(costs: tuple[DialectCost, ...] | None) -> None:
    if costs is None:
        return
    columns = ("message", "bytes/reading", "CPU µs/reading", "to native")
    rows = [(cost.sample, cost.bytes, cost.cpu_us, cost.ratio) for cost in costs]
    print_table("Decoding alone, by dialect", columns, rows, right=columns[1:])


def _print_neighbours(phases: tuple[NeighbourRow, ...]) -> None:
    columns = (
        "culprit",
        "sent",
        "durable p99",
        "stored p99",
        "alert p50",
        "alert p99",
        "grows",
        "MB",
        "disk MB",
        "named",
        "in a log",
    )
    rows = [
        (
            *(
                row.culprit,
                row.sent,
                row.durable.p99,
                row.stored.p99,
                row.alert.p50,
                row.alert.p99,
                row.grows_ms(phases[0]),
            ),
            *(row.memory_mb, row.disk_mb, row.named, row.logged),
        )
        for row in phases
    ]
    print_table("Honest devices beside a culprit, ms", columns, rows, right=columns[1:-2])


def _print_memory(soak: tuple[Memory, ...]) -> None:
    names: Mapping[str, float] = soak[0].memory_mb if soak else {}
    columns = ("s", *(f"{name} MB" for name in names))
    rows = [(round(memory.at_s), *memory.memory_mb.values()) for memory in soak]
    print_table("Resident memory", columns, rows, right=columns)
