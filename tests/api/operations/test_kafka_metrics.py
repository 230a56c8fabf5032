"""Metrics of the partitions, and what /metrics has while Kafka does not answer."""

from prometheus_client.parser import text_string_to_metric_families

from api.operations.kafka_metrics import MAX_LABELLED, kafka_metrics
from api.ports import ApiOptions, ApiParts
from ingest.ledger.report import Ledger
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.figures import FleetFigures, PartitionFigures
from tests.api.conftest import client_of

PARTITIONS = [
    PartitionFigures(0, 10, 50, {"recorder": 40, "judge": 50}, leader=2, replicas=3, in_sync=3),
    PartitionFigures(1, 30, 60, {"recorder": 20}, leader=-1, replicas=3, in_sync=1),
]


def samples(text: str) -> dict[tuple[str, str], float]:
    """By name and labels."""
    return {
        (
            sample.name.removeprefix("haulwatch_kafka_"),
            " ".join(sample.labels[name] for name in ("partition", "consumer") if name in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "kafka" in sample.name
    }


async def scraped(parts: ApiParts, **changed: object) -> str:
    async with client_of(ApiParts(**{**vars(parts), **changed}), ApiOptions(version="1")) as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    return answer.text


async def test_every_partition_has_lag_end_leader_and_missing_replicas(parts: ApiParts) -> None:
    found = samples(await scraped(parts, partitions=lambda: PARTITIONS))
    assert found == {
        ("up", ""): 1,
        ("partitions_without_leader", ""): 1,
        ("partitions_under_replicated", ""): 1,
        ("worst_lag_messages", "recorder"): 30,  # 20 to 29 are gone
        ("worst_lag_messages", "judge"): 30,
        ("lag_messages", "0 recorder"): 10,
        ("lag_messages", "0 judge"): 0,
        ("lag_messages", "1 recorder"): 30,
        ("lag_messages", "1 judge"): 30,
        ("end_offset", "0"): 50,
        ("end_offset", "1"): 60,
        ("leader", "0"): 2,
        ("leader", "1"): -1,
        ("replicas_missing", "0"): 0,
        ("replicas_missing", "1"): 2,
    }


async def test_shared_judges_have_an_owner_spares_a_lag_and_what_was_damaged(parts: ApiParts) -> None:
    judges = FleetFigures("city/judge-2/41", members=3, lag=4_100)
    text = await scraped(parts, partitions=lambda: PARTITIONS, fleet=lambda: judges, verdicts_damaged=lambda: 2)
    found = samples(text)
    assert {name: found[f"fleet_{name}", ""] for name in ("owned", "members", "lag_messages")} == {
        "owned": 1,
        "members": 3,
        "lag_messages": 4_100,
    }
    assert "\nhaulwatch_verdicts_damaged 2.0\n" in text
    without = await scraped(parts, fleet=lambda: FleetFigures("", 0, 9))
    assert samples(without)["fleet_owned", ""] == 0


async def test_a_log_on_disk_has_none_of_them(parts: ApiParts) -> None:
    text = await scraped(parts)
    assert samples(text) == {}
    assert "haulwatch_readings_received" in text


async def test_the_other_metrics_are_there_while_kafka_does_not_answer(parts: ApiParts) -> None:
    def away() -> list[PartitionFigures]:
        raise RawLogUnavailable("Kafka at here: no answer")

    def no_ledger() -> Ledger:
        raise RawLogUnavailable("Kafka at here: no answer")

    text = await scraped(parts, partitions=away, ledger=no_ledger)
    assert samples(text) == {("up", ""): 0}
    assert "haulwatch_open_alerts" in text
    assert "haulwatch_readings_received" not in text


def test_many_partitions_have_sums_and_no_labels_of_their_own() -> None:
    many = [PartitionFigures(number, 0, number, {}) for number in range(MAX_LABELLED + 1)]
    series = [sample for family in kafka_metrics(many) for sample in family.samples]
    assert len(series) == 5
    assert max(sample.value for sample in series) == MAX_LABELLED
