"""Prometheus text. Labels come from closed lists (reasons, rules, consumers): never one per device."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from api.ports import Disk, Lag
from devices.readings.refusals import Reason
from ingest.collector.collector import CollectorStatus
from ingest.ledger.report import LedgerLine, RecorderStatus
from ingest.mqtt.broker_statistics import DROPPED, BrokerCounters

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


@dataclass(frozen=True)
class Figures:
    """What one scrape shows."""

    version: str
    total: LedgerLine
    lag: Mapping[str, Lag]
    collector: CollectorStatus | None
    recorder: RecorderStatus
    open_alerts: Mapping[tuple[str, str], int]
    """By rule and severity."""
    alive: Mapping[str, bool]
    disk: Disk | None
    broker: BrokerCounters | None


def render(figures: Figures) -> bytes:
    """The text of one scrape, out of a registry of its own."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(figures))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        total = self._figures.total
        yield InfoMetricFamily("haulwatch_build", "This build", value={"version": self._figures.version})

        # Gauges, although they mostly grow: a redrive takes a reading out of received and quarantined.
        readings = GaugeMetricFamily("haulwatch_readings", "Readings by what became of them", labels=["verdict"])
        refused = sum(total.quarantined.values())
        by_verdict = {
            "stored": total.stored,
            "duplicate": total.duplicate,
            "quarantined": refused,
            "queued": total.queued,
        }
        for verdict, count in by_verdict.items():
            readings.add_metric([verdict], count)
        yield readings
        yield GaugeMetricFamily("haulwatch_readings_received", "Readings received", value=total.received)

        quarantined = GaugeMetricFamily("haulwatch_quarantined_readings", "Dead letters that wait", labels=["reason"])
        for reason in Reason:
            quarantined.add_metric([reason], total.quarantined.get(reason, 0))
        yield quarantined

        yield GaugeMetricFamily("haulwatch_sequence_gaps", "Readings that never arrived", value=total.gaps)

        messages = GaugeMetricFamily("haulwatch_consumer_lag_messages", "Still to be read", labels=["consumer"])
        seconds = GaugeMetricFamily("haulwatch_consumer_lag_seconds", "Age of the oldest unread", labels=["consumer"])
        for consumer, behind in self._figures.lag.items():
            messages.add_metric([consumer], behind.messages)
            if behind.oldest_age_s is not None:
                seconds.add_metric([consumer], behind.oldest_age_s)
        yield messages
        yield seconds
        yield from _of_collector(self._figures.collector)
        yield from _of_recorder(self._figures.recorder)
        yield from _of_disk(self._figures.disk)
        yield from _of_broker(self._figures.broker)

        up = GaugeMetricFamily("haulwatch_process_up", "1: it says that it runs", labels=["process"])
        for process, runs in sorted(self._figures.alive.items()):
            up.add_metric([process], runs)
        yield up

        alerts = GaugeMetricFamily("haulwatch_open_alerts", "Open alerts", labels=["rule", "severity"])
        for (rule, severity), count in sorted(self._figures.open_alerts.items()):
            alerts.add_metric([rule, severity], count)
        yield alerts


def _of_collector(status: CollectorStatus | None) -> Iterable[Metric]:
    """Figures since its process began; only `connected` while none runs."""
    connected = status is not None and status.connected
    yield GaugeMetricFamily("haulwatch_collector_connected", "1: subscribed at the broker", value=connected)
    if status is None:
        return
    yield GaugeMetricFamily("haulwatch_collector_disk_full", "1: the raw log takes nothing", value=status.disk_full)
    yield CounterMetricFamily("haulwatch_collector_messages", "Messages appended", value=status.received)
    yield CounterMetricFamily(
        "haulwatch_collector_flooded", "Messages beyond the rate of their device", value=status.flooded
    )
    yield CounterMetricFamily("haulwatch_collector_reconnects", "Sessions after the first", value=status.reconnects)


def _of_disk(disk: Disk | None) -> Iterable[Metric]:
    if disk is None:
        return
    yield GaugeMetricFamily("haulwatch_raw_log_bytes", "Size on disk", value=disk.log_bytes)
    yield GaugeMetricFamily("haulwatch_disk_free_bytes", "On the raw log's disk", value=disk.free_bytes)
    yield GaugeMetricFamily("haulwatch_disk_reserve_bytes", "Kept free on it", value=disk.reserve_bytes)
    removed = CounterMetricFamily("haulwatch_removed_unread", "Records lost to the disk guard", labels=["consumer"])
    for consumer, count in sorted(disk.removed.unread.items()):
        removed.add_metric([consumer], count)
    yield removed


def _of_broker(counters: BrokerCounters | None) -> Iterable[Metric]:
    """What the broker never said is absent, not nought."""
    if counters is None:
        return
    yield GaugeMetricFamily("haulwatch_broker_watched", "1: its counters are read", value=counters.connected)
    for name, value in sorted(counters.values.items()):
        if name == DROPPED:
            yield CounterMetricFamily("haulwatch_broker_dropped", "Messages its full queues refused", value=value)
        else:
            yield GaugeMetricFamily(f"haulwatch_broker_{name}", "As the broker says", value=value)


def _of_recorder(status: RecorderStatus) -> Iterable[Metric]:
    yield GaugeMetricFamily("haulwatch_recorder_outbox", "Settled, not yet known to be stored", value=status.pending)
    yield GaugeMetricFamily("haulwatch_recorder_waits", "1: for store or disk", value=status.trouble is not None)
    if status.write_ms is not None and status.slowest_write_ms is not None:
        write_s = GaugeMetricFamily("haulwatch_store_write_seconds", "Of the last hundred writes", labels=["which"])
        write_s.add_metric(["last"], status.write_ms / 1000)
        write_s.add_metric(["slowest"], status.slowest_write_ms / 1000)
        yield write_s
