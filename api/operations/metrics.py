"""Metrics as Prometheus text. Label values come from closed lists (reasons, rules, consumers), and from the few devices
that are beyond a limit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from api.operations.gateway_metrics import gateway_metrics
from api.operations.kafka_metrics import fleet_metrics, kafka_metrics
from api.ports import Disk, Lag
from devices.readings.refusals import Reason
from ingest.alerts.rate import AlertRate
from ingest.collector.collector import CollectorStatus
from ingest.gateways.status import GatewayFigures
from ingest.ledger.report import LedgerLine, RecorderStatus
from ingest.log.kafka.figures import FleetFigures, PartitionFigures
from ingest.mqtt.broker_statistics import DROPPED, BrokerCounters
from ingest.notices.summary import ChannelSummary
from rules.cases.indicators import Indicators
from rules.engine.not_judged import NotJudged

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class CaseFigures(NamedTuple):
    """Figures of all cases, and of those that were opened within the last 90 days."""

    ever: Indicators
    quarter: Indicators


@dataclass(frozen=True)
class MetricsSnapshot:
    """The values of one scrape."""

    version: str
    total: LedgerLine | None
    """None while the raw log does not answer: what it says of readings would be wrong."""
    lag: Mapping[str, Lag]
    collector: CollectorStatus | None
    recorder: RecorderStatus | None
    """None likewise."""
    open_alerts: Mapping[tuple[str, str], int] | None
    """By rule and severity; None while the database is away."""
    alive: Mapping[str, bool]
    disk: Disk | None
    broker: BrokerCounters | None
    rule_failures: Mapping[str, int] = field(default_factory=dict)
    """By rule."""
    alerts_refused: int = 0
    alerts_waiting: int = 0
    alert_rate: AlertRate | None = None
    """None while the judge does not run."""
    notices: Sequence[ChannelSummary] | None = ()
    """None while the database is away."""
    cases: CaseFigures | None = None
    """None while the database is away."""
    over_limit: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By device and limit, of devices that were beyond one within the last hour: 150 at most."""
    partitions: Sequence[PartitionFigures] | None = ()
    """Of the raw log on Kafka; None while Kafka does not answer, empty where it is not used."""
    fleet: FleetFigures | None = None
    """Who judges verdicts; None where judges do not share partitions, or Kafka does not answer."""
    verdicts_damaged: int = 0
    gateways: Mapping[str, GatewayFigures | None] = field(default_factory=dict)
    """By name; None: it died."""


def render(snapshot: MetricsSnapshot) -> bytes:
    """The text of one scrape, from a registry of its own."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SnapshotCollector(snapshot))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: MetricsSnapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        total = self._snapshot.total
        yield InfoMetricFamily("haulwatch_build", "Version of this build", value={"version": self._snapshot.version})

        if total is not None:
            yield from _reading_metrics(total)
            yield from _judge_metrics(total, self._snapshot.rule_failures)
        yield from _limit_metrics(self._snapshot.over_limit)

        messages = GaugeMetricFamily(
            "haulwatch_consumer_lag_messages", "Unread messages in the raw log", labels=["consumer"]
        )
        seconds = GaugeMetricFamily(
            "haulwatch_consumer_lag_seconds", "Age of the oldest unread message", labels=["consumer"]
        )
        for consumer, lag in self._snapshot.lag.items():
            messages.add_metric([consumer], lag.messages)
            if lag.oldest_age_s is not None:
                seconds.add_metric([consumer], lag.oldest_age_s)
        yield messages
        yield seconds
        yield from _collector_metrics(self._snapshot.collector)
        if self._snapshot.recorder is not None:
            yield from _recorder_metrics(self._snapshot.recorder)
        yield from kafka_metrics(self._snapshot.partitions)
        yield from fleet_metrics(self._snapshot.fleet, self._snapshot.verdicts_damaged)
        yield from gateway_metrics(self._snapshot.gateways)
        yield from _disk_metrics(self._snapshot.disk)
        yield from _broker_metrics(self._snapshot.broker)

        up = GaugeMetricFamily("haulwatch_process_up", "1: the process sends heartbeats", labels=["process"])
        for process, is_alive in sorted(self._snapshot.alive.items()):
            up.add_metric([process], is_alive)
        yield up

        open_alerts = self._snapshot.open_alerts
        yield GaugeMetricFamily(
            "haulwatch_database_up", "1: the database answers; open alerts are known", open_alerts is not None
        )
        if open_alerts is not None:
            alerts = GaugeMetricFamily("haulwatch_open_alerts", "Open alerts", labels=["rule", "severity"])
            for (rule, severity), count in sorted(open_alerts.items()):
                alerts.add_metric([rule, severity], count)
            yield alerts
        yield GaugeMetricFamily(
            "haulwatch_alerts_refused", "Alert changes that the broker refuses", self._snapshot.alerts_refused
        )
        yield GaugeMetricFamily(
            "haulwatch_alerts_waiting", "Alert changes that wait for the database", self._snapshot.alerts_waiting
        )
        yield from _rate_metrics(self._snapshot.alert_rate)
        yield from _notice_metrics(self._snapshot.notices or ())
        yield from _case_metrics(self._snapshot.cases)


def _reading_metrics(total: LedgerLine) -> Iterator[Metric]:
    # Gauges, although they mostly grow: a redrive takes a reading out of received and quarantined.
    readings = GaugeMetricFamily("haulwatch_readings", "Readings by disposition", labels=["verdict"])
    by_verdict = {
        "stored": total.stored,
        "duplicate": total.duplicate,
        "quarantined": sum(total.quarantined.values()),
        "queued": total.queued,
    }
    for verdict, count in by_verdict.items():
        readings.add_metric([verdict], count)
    yield readings
    yield GaugeMetricFamily("haulwatch_readings_received", "Readings received", value=total.received)

    quarantined = GaugeMetricFamily(
        "haulwatch_quarantined_readings", "Dead letters that were not redriven, by reason", labels=["reason"]
    )
    for reason in Reason:
        quarantined.add_metric([reason], total.quarantined.get(reason, 0))
    yield quarantined

    yield GaugeMetricFamily(
        "haulwatch_sequence_gaps", "Readings that never arrived, by gaps in sequence numbers", value=total.gaps
    )

    dropped = GaugeMetricFamily(
        "haulwatch_dropped_values", "Faulty values that accepted readings stand without, by field", labels=["field"]
    )
    for name, count in total.dropped_fields.items():
        dropped.add_metric([name], count)
    yield dropped
    clamped = GaugeMetricFamily(
        "haulwatch_clamped_values", "Levels above 100 % that count as 100 %, by field", labels=["field"]
    )
    for name, count in total.clamped_fields.items():
        clamped.add_metric([name], count)
    yield clamped
    yield GaugeMetricFamily(
        "haulwatch_positions_outside_region",
        "Positions outside the city's region, which count as no fix",
        value=total.outside_region,
    )
    yield GaugeMetricFamily(
        "haulwatch_clock_corrected_readings",
        "Readings whose time has the correction of their device's clock in it (clock_correction_s)",
        value=total.clock_corrected,
    )


def _rate_metrics(rate: AlertRate | None) -> Iterable[Metric]:
    if rate is not None:
        yield GaugeMetricFamily(
            "haulwatch_alerts_per_operator",
            "Alerts that called people within ten minutes, for each operator",
            rate.per_operator,
        )


def _notice_metrics(channels: Sequence[ChannelSummary]) -> Iterable[Metric]:
    """What waits now, and what the last day brought."""
    notices = GaugeMetricFamily(
        "haulwatch_notices",
        "Notices that wait, and those of the last 24 h that were sent, digested, given up, or never confirmed",
        labels=["channel", "state"],
    )
    for channel in channels:
        for state in ("waiting", "retried", "sent", "digested", "failed", "unconfirmed"):
            notices.add_metric([channel.channel, state], getattr(channel, state))
    yield notices


def _case_metrics(cases: CaseFigures | None) -> Iterable[Metric]:
    if cases is None:
        return
    not_closed = GaugeMetricFamily("haulwatch_cases_open", "Cases that are not closed", labels=["kind"])
    overdue = GaugeMetricFamily(
        "haulwatch_cases_overdue", "Cases of these that are past their deadline", labels=["kind"]
    )
    for kind, figures in cases.ever.by_kind.items():
        not_closed.add_metric([kind], figures.opened - figures.closed)
        overdue.add_metric([kind], figures.overdue)
    yield not_closed
    yield overdue
    if cases.quarter.closing_rate_pct is not None:
        yield GaugeMetricFamily(
            "haulwatch_case_closing_rate_percent",
            "Closed cases of those opened within the last 90 days, without duplicates",
            value=cases.quarter.closing_rate_pct,
        )


def _limit_metrics(over_limit: Mapping[str, Mapping[str, int]]) -> Iterable[Metric]:
    over = GaugeMetricFamily(
        "haulwatch_over_limit",
        "What a device sent or caused beyond a limit, while it is named (an hour)",
        labels=["device", "limit"],
    )
    for device, limits in sorted(over_limit.items()):
        for limit, count in sorted(limits.items()):
            over.add_metric([device, limit], count)
    yield over


def _judge_metrics(total: LedgerLine, rule_failures: Mapping[str, int]) -> Iterable[Metric]:
    not_judged = GaugeMetricFamily(
        "haulwatch_not_judged_readings", "Accepted readings that no rule has judged, by reason", labels=["reason"]
    )
    for reason in NotJudged:
        not_judged.add_metric([reason], total.not_judged.get(reason, 0))
    yield not_judged
    failures = GaugeMetricFamily("haulwatch_rule_failures", "Readings on which a rule raised", labels=["rule"])
    for rule, count in sorted(rule_failures.items()):
        failures.add_metric([rule], count)
    yield failures


def _collector_metrics(status: CollectorStatus | None) -> Iterable[Metric]:
    """Counters since the collector started; only `connected` while no collector runs."""
    connected = status is not None and status.connected
    yield GaugeMetricFamily(
        "haulwatch_collector_connected", "1: the collector is subscribed at the broker", value=connected
    )
    if status is None:
        return
    yield GaugeMetricFamily(
        "haulwatch_collector_disk_full", "1: the disk is full, so no message is acknowledged", value=status.disk_full
    )
    yield CounterMetricFamily("haulwatch_collector_messages", "Messages appended to the raw log", value=status.received)
    yield CounterMetricFamily(
        "haulwatch_collector_flooded", "Messages over the rate limit of their device", value=status.flooded
    )
    yield CounterMetricFamily("haulwatch_collector_reconnects", "Reconnects to the broker", value=status.reconnects)


def _disk_metrics(disk: Disk | None) -> Iterable[Metric]:
    if disk is None:
        return
    yield GaugeMetricFamily("haulwatch_raw_log_bytes", "Size of the raw log on disk", value=disk.log_bytes)
    yield GaugeMetricFamily("haulwatch_disk_free_bytes", "Free space on the disk of the raw log", value=disk.free_bytes)
    yield GaugeMetricFamily(
        "haulwatch_disk_reserve_bytes", "Space kept free on the disk of the raw log", value=disk.reserve_bytes
    )
    removed = CounterMetricFamily(
        "haulwatch_removed_unread", "Unread records that the disk guard removed", labels=["consumer"]
    )
    for consumer, count in sorted(disk.removed.unread.items()):
        removed.add_metric([consumer], count)
    yield removed


def _broker_metrics(counters: BrokerCounters | None) -> Iterable[Metric]:
    """A counter that the broker does not publish is absent, not 0."""
    if counters is None:
        return
    yield GaugeMetricFamily(
        "haulwatch_broker_watched", "1: the counters of the broker are read", value=counters.connected
    )
    for name, value in sorted(counters.values.items()):
        if name == DROPPED:
            yield CounterMetricFamily(
                "haulwatch_broker_dropped", "Messages the broker dropped because a queue was full", value=value
            )
        else:
            yield GaugeMetricFamily(f"haulwatch_broker_{name}", "As published by the broker under $SYS", value=value)


def _recorder_metrics(status: RecorderStatus) -> Iterable[Metric]:
    yield GaugeMetricFamily(
        "haulwatch_recorder_outbox", "Points committed but not yet confirmed by the store", value=status.pending
    )
    yield GaugeMetricFamily(
        "haulwatch_recorder_waits", "1: the recorder waits for store or disk", value=status.trouble is not None
    )
    if status.write_ms is not None and status.slowest_write_ms is not None:
        write_s = GaugeMetricFamily(
            "haulwatch_store_write_seconds",
            "Time of the last write and of the slowest of the last 100",
            labels=["which"],
        )
        write_s.add_metric(["last"], status.write_ms / 1000)
        write_s.add_metric(["slowest"], status.slowest_write_ms / 1000)
        yield write_s
