"""Metrics of the raw log's topic on Kafka: by partition while there are few, and always in sum."""

from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from ingest.log.kafka.figures import FleetFigures, PartitionFigures
from ingest.log.records import CONSUMERS

MAX_LABELLED: Final = 128
"""Beyond so many partitions only sums and the worst are given: five series for each partition are enough for a store of
metrics."""


def kafka_metrics(partitions: Sequence[PartitionFigures] | None) -> Iterator[Metric]:
    """None: Kafka does not answer. Empty: the raw log is not on Kafka."""
    if partitions is not None and not partitions:
        return
    yield GaugeMetricFamily("haulwatch_kafka_up", "1: Kafka answers", value=partitions is not None)
    if partitions is None:
        return
    yield GaugeMetricFamily(
        "haulwatch_kafka_partitions_without_leader",
        "Partitions without a broker: their messages are not acknowledged",
        value=sum(one.leader < 0 for one in partitions),
    )
    yield GaugeMetricFamily(
        "haulwatch_kafka_partitions_under_replicated",
        "Partitions with fewer replicas in sync than they have",
        value=sum(one.in_sync < one.replicas for one in partitions),
    )
    worst = GaugeMetricFamily(
        "haulwatch_kafka_worst_lag_messages",
        "Messages that a reader has not committed, of the partition that has most",
        labels=["consumer"],
    )
    for consumer in CONSUMERS:
        worst.add_metric([consumer], max(one.lag(consumer) for one in partitions))
    yield worst
    if len(partitions) <= MAX_LABELLED:
        yield from _by_partition(partitions)


def fleet_metrics(fleet: FleetFigures | None, damaged: int) -> Iterator[Metric]:
    """Of judges that share partitions. None: they do not, or Kafka does not answer.

    `damaged`: records with verdicts that the judge on this machine passed.
    """
    if fleet is None:
        return
    yield GaugeMetricFamily(
        "haulwatch_kafka_fleet_owned", "1: a judge has the verdicts; 0: no alert is raised", value=bool(fleet.owner)
    )
    yield GaugeMetricFamily(
        "haulwatch_kafka_fleet_members", "Judges that have the verdicts or would take them", value=fleet.members
    )
    yield GaugeMetricFamily(
        "haulwatch_kafka_fleet_lag_messages",
        "Offsets of the verdicts after what was kept last, ends of transactions included",
        value=fleet.lag,
    )
    yield GaugeMetricFamily(
        "haulwatch_verdicts_damaged",
        "Records with verdicts that are damaged and were passed by the judge on this machine since it started",
        value=damaged,
    )


def _by_partition(partitions: Sequence[PartitionFigures]) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "haulwatch_kafka_lag_messages",
        "Messages that a reader has not committed, by partition",
        labels=["partition", "consumer"],
    )
    end = GaugeMetricFamily("haulwatch_kafka_end_offset", "Offset after the newest message", labels=["partition"])
    leader = GaugeMetricFamily(
        "haulwatch_kafka_leader", "Id of the broker that takes its messages; -1: none", labels=["partition"]
    )
    missing = GaugeMetricFamily(
        "haulwatch_kafka_replicas_missing", "Replicas that are not in sync", labels=["partition"]
    )
    for one in partitions:
        name = str(one.partition)
        for consumer in CONSUMERS:
            lag.add_metric([name, consumer], one.lag(consumer))
        end.add_metric([name], one.end)
        leader.add_metric([name], max(one.leader, -1))
        missing.add_metric([name], one.replicas - one.in_sync)
    yield from (lag, end, leader, missing)
